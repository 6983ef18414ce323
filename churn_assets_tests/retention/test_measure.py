"""What campaigns brought, against simulations whose truth is known; and what is said where nothing can be known."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from churn_assets.retention.measure import (
    FEWER,
    MORE,
    NO_EFFECT,
    NOT_DECIDABLE,
    OFFER,
    SEGMENT,
    Measured,
    measure,
)
from churn_assets.retention.measure_arms import Arms, ArmsCompared, compared
from churn_assets.retention.outcomes import with_outcomes_known
from churn_assets.retention.results_told import ALL, CAMPAIGN, NEVER_CONTACTED, NO_CONTROL, NOT_MATURED
from churn_assets_tests.retention.measured_campaigns import HORIZON, JUNE, Truth, campaign, many

LATER = JUNE + timedelta(days=HORIZON)
DRAWS = 150


def one(rows: pd.DataFrame, day: date = LATER, days: int = HORIZON, **wanted: Any) -> Measured:
    """The result of the only campaign, or what is `wanted`."""
    wanted = {"scope": CAMPAIGN, "campaign_id": "retention-2025-06"} | wanted
    [found] = [
        m
        for m in measure(rows, day, (days,))
        if all(getattr(m, name) == value for name, value in wanted.items())
    ]
    return found


def made(seed: int = 4, **more: Any) -> pd.DataFrame:
    return campaign(np.random.default_rng(seed), **more)[0]


def within(found: tuple[float, float, float] | None, truth: float) -> bool:
    assert found is not None
    return found[1] <= truth <= found[2]


def drawn(draws: int, **more: Any) -> list[tuple[ArmsCompared, Truth]]:
    """What the arms of many campaigns of 30 days tell, where it can be told."""
    rng, found = np.random.default_rng(11), []
    for _ in range(draws):
        rows, truth = campaign(rng, **more)
        started, ended = (
            rows[name].map(date.toordinal, na_action="ignore").astype(float)
            for name in ("started_on", "ended_on")
        )
        days = rows.assign(_started_on=started, _ended_on=ended)
        if (told := compared(Arms.of(days, rows["left_on"].notna().to_numpy(), HORIZON))) is not None:
            found.append((told, truth))
    return found


@pytest.mark.one_python(reason="NumPy and SciPy count")
@pytest.mark.parametrize(("customers", "held"), [(1200, 0.2), (400, 0.15)])
def test_the_intervals_cover_a_known_effect(customers: int, held: float) -> None:
    told = drawn(DRAWS, customers=customers, held=held)
    assert len(told) > 0.9 * DRAWS
    covered = {
        "difference": np.mean([within(d.difference, t.difference) for d, t in told]),
        "adjusted": np.mean([within(d.adjusted, t.difference) for d, t in told]),
        "prevented": np.mean([within(d.prevented, t.prevented) for d, t in told]),
        "profit": np.mean([within(d.profit, t.profit) for d, t in told]),
    }
    assert min(covered.values()) >= 0.9, covered
    assert max(covered.values()) < 1, "intervals that always cover are too wide"


def test_an_offer_that_does_nothing_is_claimed_to_work_in_at_most_5_percent() -> None:
    told = drawn(DRAWS, customers=800, effect=0.0)
    assert np.mean([d.churn.differs(1) for d, _ in told]) <= 0.1, "of one test, at 5 %"
    assert np.mean([d.churn.differs(3) for d, _ in told]) <= 0.05, "of a campaign with three horizons"


def test_a_large_effect_is_found_and_a_harm_too() -> None:
    found = one(made(customers=6000, effect=0.5))
    assert found.status == FEWER and found.claims
    assert found.customers_needed == 0 and found.saved and found.saved[1] > 0
    assert found.prevented and found.prevented[1] > 0.2
    assert one(made(customers=6000, effect=-0.5)).status == MORE


def test_the_score_narrows_the_interval() -> None:
    rows = made(customers=6000, effect=0.3)
    certain = rows.assign(score=np.where(rows["left_on"].notna(), 0.7, 0.05))
    found = one(certain)
    assert found.adjusted and found.difference
    assert found.adjusted[2] - found.adjusted[1] < 0.6 * (found.difference[2] - found.difference[1])


def test_without_scores_nothing_is_adjusted() -> None:
    found = one(made(score=np.nan))
    assert found.adjusted is None and found.difference is not None and found.profit is not None


def test_scores_that_some_do_not_have_change_little() -> None:
    rows = made(customers=3000)
    holes = one(rows.assign(score=rows["score"].where(rows.index % 10 > 0)))
    whole = one(rows)
    assert holes.adjusted and whole.adjusted
    assert holes.adjusted[0] == pytest.approx(whole.adjusted[0], abs=0.01)


def test_everybody_counts_whether_contacted_or_not() -> None:
    rows = made(customers=3000)
    half = rows.assign(contacted=rows["contacted"] & (rows.index % 2 == 0))
    found, all_of_them = one(half), one(rows)
    assert found.not_contacted > 1000
    assert (found.treated, found.adjusted) == (all_of_them.treated, all_of_them.adjusted)


def test_what_is_not_known_is_not_counted_as_stayed() -> None:
    rows = made(customers=2000)
    told = rows.assign(known_until=rows["known_until"].where(rows.index % 4 > 0, None))
    found = one(told)
    stayed_unknown = int((rows["left_on"].isna() & (rows.index % 4 == 0)).sum())
    assert found.unknown == stayed_unknown
    assert found.treated + found.control + found.unknown == len(rows)


def test_an_end_that_was_not_chosen_costs_months_and_is_no_churn() -> None:
    rows = made(customers=2000)
    forced = rows.assign(left_on=None)
    found = one(forced.assign(left_on=rows["left_on"].where(rows.index % 2 == 0, None)))
    assert found.treated_left + found.control_left < rows["left_on"].notna().sum()
    assert found.treated + found.control == len(rows)


def test_who_was_silent_for_a_while_and_came_back_is_lost_only_until_then() -> None:
    """Of a label by inactivity: no purchase for 90 days, and one within 180."""
    rows = made(customers=2000)
    start, came_back = JUNE, rows.index % 3 == 0
    left = rows["left_on"].notna() | came_back
    people = rows.drop(columns=["left_on", "ended_on", "returned_on", "known_until"])
    parts = [
        people[["customer_key", "started_on"]].assign(
            days=days, known_on=start + timedelta(days=days + 7), ended_on=None,
            outcome=np.where(gone, "churned", "stayed"),
        )
        for days, gone in ((90, left), (180, rows["left_on"].notna()))
    ]  # fmt: skip
    known = with_outcomes_known(people, pd.concat(parts), start + timedelta(days=400))
    after = {days: one(known, start + timedelta(days=300), days) for days in (90, 180)}
    assert after[90].treated_left + after[90].control_left == left.sum()
    assert after[180].treated_left + after[180].control_left == rows["left_on"].notna().sum()
    never = rows.assign(known_until=start + timedelta(days=180))
    never["left_on"] = never["ended_on"] = [start if gone else None for gone in rows["left_on"].notna()]
    same = one(never, start + timedelta(days=300), 180)
    assert after[180].profit == pytest.approx(same.profit), "months after the return are not lost"


def test_a_customer_who_is_contacted_twice_is_no_second_customer() -> None:
    """Sources contact the same customer in several weeks: their rows are no more evidence than one."""
    rows = made(customers=2000).assign(draw=None)
    once, twice = one(rows), one(pd.concat([rows, rows], ignore_index=True))
    assert once.difference is not None and twice.difference is not None
    assert twice.difference[0] == pytest.approx(once.difference[0])
    widths = [found[2] - found[1] for found in (once.difference, twice.difference)]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)


def test_before_its_days_are_over_there_is_no_number() -> None:
    found = one(made(), LATER - timedelta(days=1))
    assert found.status == NOT_MATURED
    assert found.matures_on == LATER
    assert found.waiting == 1500 and found.difference is None and found.cost is None


def test_too_few_churners_tell_nothing_but_how_many_are_missing() -> None:
    found = one(made(customers=60))
    assert found.status == NOT_DECIDABLE and found.difference is None and found.saved is None
    assert found.customers_needed and found.customers_needed > 1000
    assert found.months_needed == pytest.approx(found.customers_needed / 60)


def test_an_interval_that_holds_no_evidence_is_not_decidable_yet() -> None:
    found = one(made(customers=600, effect=0.05))
    assert found.status == NOT_DECIDABLE and not found.claims
    assert found.difference is not None and found.customers_needed


def test_enough_customers_without_a_difference_are_told_as_no_effect() -> None:
    found = one(made(customers=40_000, held=0.5, effect=0.0))
    assert found.status == NO_EFFECT and found.customers_needed == 0


def test_what_is_missing_goes_by_the_level_at_which_an_effect_is_claimed() -> None:
    """Else `no effect found` would be told while the expected effect has hardly more than an even chance to show."""
    rows = made(customers=600, effect=0.05)
    alone, *_ = measure(rows, LATER, (HORIZON,))
    one_of_three = next(m for m in measure(rows, LATER, (HORIZON, 90, 180)) if m.days == HORIZON)
    needed = [600 + (m.customers_needed or 0) for m in (alone, one_of_three)]
    level, power = norm.ppf([1 - 0.05 / 6, 0.975]), norm.ppf(0.8)
    more = ((level[0] + power) / (level[1] + power)) ** 2
    assert needed[1] / needed[0] == pytest.approx(more, rel=1e-3)


def test_nothing_expected_needs_no_number_of_customers() -> None:
    found = one(made(customers=60, expected=np.nan))
    assert found.customers_needed is None and found.months_needed is None


@pytest.mark.parametrize("held", [0.0, 1.0])
def test_a_holdout_of_zero_measures_nothing(held: float) -> None:
    rows = made(held=held)
    if held:
        assert measure(rows, LATER, (HORIZON,)) == []
        return
    found = one(rows)
    assert found.status == NO_CONTROL
    assert found.difference is None and found.profit is None and found.treated == 1500


def test_a_campaign_that_was_never_contacted_is_no_evidence() -> None:
    rows = made(customers=6000, effect=0.5)
    found = one(rows.assign(contacted=False))
    assert found.status == NEVER_CONTACTED and found.difference is None


def test_contacts_that_nobody_tells_are_not_taken_for_none() -> None:
    found = one(made(customers=6000, effect=0.5, contacted=None))
    assert found.status == FEWER
    assert (found.contacted, found.not_contacted, found.control_contacted) == (0, 0, 0)


def test_contacted_customers_of_the_holdout_are_counted() -> None:
    rows = made()
    found = one(rows.assign(contacted=rows["contacted"] | (rows.index % 3 == 0)))
    assert found.control_contacted == int(((rows["arm"] == "holdout") & (rows.index % 3 == 0)).sum())


def test_a_customer_counts_once_a_draw() -> None:
    first, second = made(1), made(2, name="retention-2025-07", start=date(2025, 7, 31))
    second["customer_key"] = first["customer_key"]
    found = measure(pd.concat([second, first]), date(2025, 12, 31), (HORIZON,))
    assert [(m.campaign_id, m.again, m.treated + m.control) for m in found] == [
        ("retention-2025-06", 0, 1500),
        (ALL, 1500, 1500),
    ]
    own = measure(pd.concat([second, first]).assign(draw=None), date(2025, 12, 31), (HORIZON,))
    assert [m.treated + m.control for m in own] == [1500, 1500, 3000]


def test_explored_customers_are_in_neither_arm_and_not_counted_later() -> None:
    first, second = made(1), made(2, name="retention-2025-07", start=date(2025, 7, 31))
    second["customer_key"] = first["customer_key"]
    explored = first[first["arm"] == "planned"].index[:100]
    first = first.loc[explored].assign(arm="exploration")
    found = one(pd.concat([first, second]), date(2025, 12, 31), campaign_id="retention-2025-07")
    assert found.again == 100 and found.treated + found.control == 1400


def test_campaigns_together_tell_more_than_one() -> None:
    rows = many(np.random.default_rng(2), 6, customers=700, effect=0.35)
    found = measure(rows, date(2025, 12, 31), (HORIZON,))
    together = next(m for m in found if m.campaign_id == ALL)
    alone = [m for m in found if m.campaign_id != ALL and m.prevented]
    assert together.treated + together.control == 4200
    assert together.prevented and within(together.prevented, 0.35) and together.status == FEWER
    width = together.prevented[2] - together.prevented[1]
    assert all(m.prevented[2] - m.prevented[1] > 1.3 * width for m in alone if m.prevented)


def test_shares_of_the_holdout_that_change_do_not_look_like_an_effect() -> None:
    """Few left in the first campaign, with half in the holdout; many in the second, with a tenth in it."""
    rng = np.random.default_rng(3)
    calm = campaign(rng, customers=4000, held=0.5, effect=0.0, name="retention-2025-06")[0]
    calm = calm.assign(left_on=calm["left_on"].where(calm.index % 4 == 0, None))
    wild = campaign(
        rng, customers=4000, held=0.1, effect=0.0, name="retention-2025-07", start=date(2025, 7, 31)
    )[0]
    rows = pd.concat([calm, wild], ignore_index=True).assign(score=np.nan, ended_on=lambda r: r["left_on"])
    together = one(rows, date(2025, 12, 31), campaign_id=ALL)
    assert together.difference is not None
    naive = together.treated_left / together.treated - together.control_left / together.control
    assert naive > 0.03 and within(together.difference, 0.0)


def test_several_rows_of_a_customer_widen_the_interval() -> None:
    rows = many(np.random.default_rng(2), 3, customers=700).assign(draw=None)
    before = next(m for m in measure(rows, date(2025, 12, 31), (HORIZON,)) if m.campaign_id == ALL)
    same = rows.assign(draw=None)
    copies = pd.concat([same, same.assign(campaign_id=same["campaign_id"] + "-again")])
    after = next(m for m in measure(copies, date(2025, 12, 31), (HORIZON,)) if m.campaign_id == ALL)
    assert before.adjusted and after.adjusted
    width = after.adjusted[2] - after.adjusted[1]
    assert width == pytest.approx(before.adjusted[2] - before.adjusted[1], rel=0.05), (
        "the copies tell nothing new"
    )


def test_offers_and_segments_are_measured_apart() -> None:
    rows = made(customers=4000)
    rows["offer"] = np.where(rows.index % 2 == 0, "mail", "call")
    rows["segment"] = np.where(rows.index % 4 == 0, "young", "old")
    found = [m for m in measure(rows, LATER, (HORIZON,)) if m.campaign_id != ALL]
    told = [(m.scope, m.offer, m.segment, m.treated + m.control) for m in found]
    assert told == [
        (CAMPAIGN, ALL, ALL, 4000),
        (OFFER, "call", ALL, 2000),
        (OFFER, "mail", ALL, 2000),
        (SEGMENT, ALL, "old", 3000),
        (SEGMENT, ALL, "young", 1000),
    ]


def test_a_control_arm_that_tells_no_offer_compares_no_offers() -> None:
    rows = made()
    rows["offer"] = rows["arm"].map({"planned": "mail"})
    assert not [m for m in measure(rows, LATER, (HORIZON,)) if m.scope == OFFER]


def test_churn_of_all_counts_those_who_were_not_chosen() -> None:
    rows = made(customers=3000)
    rest = made(9, customers=3000, held=1.0).assign(arm=None)
    rest["customer_key"] = "x" + rest["customer_key"]
    found = one(pd.concat([rows, rest]))
    assert found.prevented_of_all and found.prevented and found.saved
    lost = found.treated_left + rest["left_on"].notna().sum() + found.saved[0]
    assert found.prevented_of_all == pytest.approx(found.saved[0] / lost)
    assert found.prevented_of_all < found.prevented[0]


def test_a_row_of_the_table_has_each_interval_as_three_columns() -> None:
    row = one(made()).as_row()
    assert row["saved_low"] < row["saved"] < row["saved_high"]
    empty = one(made(held=0.0)).as_row()
    assert empty["saved"] is None and empty["saved_low"] is None
