"""What past contacts tell of an offer: measured within campaigns, shrunk to what is assumed, and said so."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.offers import OfferLine
from churn_assets.retention.effects import Belief, OfferEffect, effect_of

OFFER = OfferLine(
    name="call", channel="call", contact_cost=4, cost=10, assumed_effect=0.2, assumed_acceptance=0.3
)


def arm(campaign: str, treated: bool, churned: int, of: int, accepted: int = 0) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"campaign": campaign, "treated": treated, "churned": None, "accepted": None}, index=range(of)
    )
    rows["churned"] = [n < churned for n in range(of)]
    if treated:
        rows["accepted"] = [n < accepted for n in range(of)]
    return rows.astype(object)


def effect(*arms: pd.DataFrame, offer: OfferLine = OFFER) -> OfferEffect:
    rows = pd.concat(arms, ignore_index=True) if arms else arm("", True, 0, 0)
    return effect_of(offer, rows.astype({"treated": bool}))


def test_without_contacts_it_is_assumed_and_says_so() -> None:
    found = effect()
    assert found.prevented == pytest.approx(0.2)
    assert found.low < 0 < 0.2 < found.high
    assert found.acceptance == pytest.approx(0.3)
    assert found.measured is None
    assert found.basis == "assumed: no control arm"


def test_many_contacts_overrule_what_is_assumed() -> None:
    found = effect(arm("a", True, 1000, 20_000, accepted=8000), arm("a", False, 2000, 20_000))
    assert found.measured == pytest.approx(0.5)
    assert found.prevented == pytest.approx(0.5, abs=0.01)
    assert found.low < 0.5 < found.high < 0.55
    assert found.acceptance == pytest.approx(0.4, abs=0.001)
    assert found.basis.startswith("measured: 20,000 contacts, 20,000 controls")


def test_an_offer_that_does_nothing_is_not_taken_for_a_good_one() -> None:
    found = effect(arm("a", True, 800, 8000), arm("a", False, 800, 8000))
    assert found.measured == pytest.approx(0.0)
    assert abs(found.prevented) < 0.03


def test_an_offer_that_wakes_people_up_has_a_negative_effect() -> None:
    assert effect(arm("a", True, 900, 3000), arm("a", False, 600, 3000)).prevented < -0.3


def test_arms_are_compared_within_a_campaign() -> None:
    """Pooled, the treated would look worse: most of them were in the campaign of those who leave anyway."""
    found = effect(
        arm("risky", True, 400, 1000),
        arm("risky", False, 50, 100),
        arm("calm", True, 4, 100),
        arm("calm", False, 50, 1000),
    )
    assert found.measured == pytest.approx(0.2)


def test_few_churners_say_nothing() -> None:
    found = effect(arm("a", True, 4, 500), arm("a", False, 40, 500))
    assert found.measured is None
    assert found.prevented == pytest.approx(0.2)
    assert found.basis == "assumed: only 4 churners in an arm"


def test_where_everybody_left_nothing_is_measured() -> None:
    found = effect(arm("a", True, 6, 6), arm("a", False, 6, 6))
    assert found.measured is None and found.prevented == pytest.approx(0.2)
    assert found.basis == "assumed: nobody stayed"


def test_a_campaign_without_a_control_arm_measures_nothing_but_acceptance() -> None:
    found = effect(arm("a", True, 100, 1000, accepted=500))
    assert found.measured is None
    assert (found.treated, found.contacts) == (0, 1000)
    assert found.acceptance == pytest.approx(0.496, abs=0.001)


def test_outcomes_that_are_not_known_yet_do_not_count_as_loyal() -> None:
    known = [arm("a", True, 50, 500), arm("a", False, 100, 500)]
    pending = arm("a", True, 0, 5000).assign(churned=None)
    assert effect(*known, pending).measured == effect(*known).measured == pytest.approx(0.5)


def test_the_interval_covers_a_known_effect_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        treated, control = rng.binomial(2000, 0.07), rng.binomial(2000, 0.1)
        found = effect(arm("a", True, treated, 2000), arm("a", False, control, 2000))
        assert found.measured_low is not None and found.measured_high is not None
        covered += found.measured_low <= 0.3 <= found.measured_high
    assert 0.92 < covered / 300 < 0.98


def test_an_offer_that_does_nothing_is_soon_given_up_although_a_small_effect_cannot_be_ruled_out() -> None:
    """A hundred leavers in each arm leave 2 of the assumed 20 %; one normal prior would leave 4."""
    found = effect(arm("a", True, 100, 1000), arm("a", False, 100, 1000))
    assert found.measured_high is not None and found.measured_high > 0.2
    assert 0 < found.prevented < 0.02 and found.works < 0.25


def test_what_is_assumed_never_counts_for_more_than_the_contacts_leave_possible() -> None:
    """However sure the business is: where the measured interval excludes a profit, no plan expects one."""
    sure = OFFER.model_copy(update={"assumed_effect": 0.9, "assumed_churners": 10_000})
    found = effect(arm("a", True, 38, 1000), arm("a", False, 18, 1000), offer=sure)
    assert found.measured_high is not None and found.measured_high < 0
    assert found.prevented <= found.measured_high


def test_an_offer_that_works_is_believed_to_work() -> None:
    found = effect(arm("a", True, 70, 1000), arm("a", False, 100, 1000))
    assert found.works > 0.6 and 0.2 < found.prevented < 0.35


@pytest.mark.parametrize("assumed", [-0.3, 0.0, 0.2, 0.9])
@pytest.mark.parametrize("churners", [1, 22, 1000])
def test_without_contacts_any_assumption_of_any_weight_is_kept(assumed: float, churners: int) -> None:
    offer = OFFER.model_copy(update={"assumed_effect": assumed, "assumed_churners": churners})
    found = effect(offer=offer)
    assert found.prevented == pytest.approx(assumed) and found.low <= found.prevented <= found.high


def test_the_interval_of_a_belief_holds_95_percent_of_it() -> None:
    rng = np.random.default_rng(2)
    for belief in (
        Belief(0.5, -0.4, 0.3),
        Belief(0.02, -0.1, 0.2),
        Belief(1.0, 0.1, 0.2),
        Belief(0.9, 1, 0.1),
    ):
        drawn = np.where(
            rng.random(200_000) < belief.works, rng.normal(belief.centre, belief.spread, 200_000), 0.0
        )
        low, high = belief.interval()
        assert ((drawn >= low) & (drawn <= high)).mean() >= 0.948
        assert (drawn < low).mean() <= 0.026 and (drawn > high).mean() <= 0.026


def test_overwhelming_contacts_overflow_nothing() -> None:
    found = effect(arm("a", True, 100_000, 200_000), arm("a", False, 20_000, 200_000))
    assert found.works == pytest.approx(1.0) and found.prevented == pytest.approx(-4, rel=0.01)
