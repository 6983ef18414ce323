"""What past contacts tell of an offer: measured within campaigns, shrunk to what is assumed, and said so."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.offers import OfferLine
from churn_assets.retention.effects import OfferEffect, effect_of

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

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
    assert found.basis == "measured: 20,000 contacts, 20,000 controls"
    assert found.assumed_share < 0.02


def test_a_handful_of_churners_is_not_told_as_a_measurement() -> None:
    """Of 6 and 9 churners the logarithm of the ratio has a variance of 0.27, that of what is assumed has 0.09."""
    found = effect(arm("a", True, 6, 1000), arm("a", False, 9, 1000))
    assert found.measured == pytest.approx(1 / 3)
    assert found.assumed_share == pytest.approx(0.276 / (0.276 + 0.09), abs=0.01)
    assert found.basis == "mostly assumed: 1,000 contacts, 1,000 controls weigh 25%"
    assert effect().assumed_share == pytest.approx(1.0)


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
