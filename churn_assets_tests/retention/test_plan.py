"""A plan keeps every promise: limits, consent, holdout, one offer each, a reason for everybody else."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.offers import OfferLine
from churn_assets.retention.arms import (
    CONTACTED,
    EXCLUDED,
    EXPLORATION,
    HOLDOUT,
    NO_CONSENT,
    NOT_REACHABLE,
    NOT_WORTH_IT,
    OBJECTION,
    OVER_BUDGET,
    PLANNED,
    REASONS,
    RECENT,
    UNKNOWN,
)
from churn_assets.retention.assets import broken_limits
from churn_assets.retention.curve import budget_curve, stops_paying
from churn_assets.retention.plan import PlanError, economy, make_plan, values
from churn_assets.retention.planning import Planning
from churn_assets.retention.report import _curve_figure
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.retention.bases import ECONOMICS, JUNE, OFFERS, SECTION, basis, cohort, planned

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")


@pytest.fixture
def few_budgets() -> None:
    """The whole curve is looked at here."""


def test_everybody_is_contacted_or_has_a_reason() -> None:
    rows = planned(cohort()).rows
    assert rows["customer_key"].is_unique and len(rows) == 1200
    contacted = rows["arm"].isin(CONTACTED)
    assert (rows["reason"].isna() == contacted).all()
    assert set(rows.loc[~contacted, "reason"]) == {HOLDOUT, NOT_WORTH_IT, OVER_BUDGET}
    assert (rows["campaign_id"] == "retention-2025-06").all()
    for name in ("offer", "channel", "expected_cost", "expected_profit", "expected_acceptance"):
        assert rows.loc[contacted, name].notna().all(), name
        assert rows.loc[~contacted & (rows["arm"] != HOLDOUT), name].isna().all(), name


def test_budget_capacities_and_profit_hold() -> None:
    rows = planned(cohort()).rows
    out = rows[rows["arm"].isin(CONTACTED)]
    assert out["expected_cost"].sum() <= 900
    assert (out["channel"] == "call").sum() <= 60
    assert (out["offer"] == "visit").sum() <= 3
    assert (out.loc[out["arm"] == PLANNED, "expected_profit"] > 0).all()
    assert out["expected_cost"].sum() > 850, "the money is used"


def test_a_minimum_profit_leaves_out_what_earns_less() -> None:
    section = SECTION.model_copy(update={"minimum_profit": 25.0})
    rows = planned(cohort(), section).rows
    assert rows.loc[rows["arm"] == PLANNED, "expected_profit"].min() >= 25


def test_exploration_is_random_and_keeps_to_its_share() -> None:
    section = SECTION.model_copy(update={"budget": 4000.0})
    rows = planned(cohort(4000), section).rows
    out = rows[rows["arm"] == EXPLORATION]
    assert 0.8 * 200 < out["expected_cost"].sum() <= 200
    assert (out["channel"] == "call").sum() <= 3
    assert (out["expected_profit"] <= 0).any(), "customers who are not worth it are explored, too"
    everybody = rows["probability"].mean()
    assert abs(out["probability"].mean() - everybody) < 3 * rows["probability"].std() / len(out) ** 0.5
    none = planned(cohort(), SECTION.model_copy(update={"exploration": 0.0})).rows
    assert not (none["arm"] == EXPLORATION).any()


def test_offers_that_cost_nothing_do_not_go_to_everybody_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    free = OfferLine(name="mail", channel="email", contact_cost=0, cost=0)
    monkeypatch.setattr("churn_assets_tests.retention.bases.OFFERS", [free, *OFFERS[1:]])
    rows = planned(cohort()).rows
    assert (rows["arm"] == EXPLORATION).sum() == 54  # 5 % of 1,080 who are not in the holdout


def test_where_no_offer_pays_the_plan_shrinks_to_exploration() -> None:
    rows = planned(cohort(probability=0.001)).rows
    assert set(rows["arm"].dropna()) == {EXPLORATION, HOLDOUT}
    assert (rows["reason"] == NOT_WORTH_IT).sum() > 900


def test_the_holdout_is_told_what_it_would_have_got() -> None:
    """The share with an offer is that of the planned, and so is their risk: the arms can be compared."""
    rows = planned(cohort(6000), SECTION.model_copy(update={"exploration": 0.0})).rows
    held, rest = rows[rows["arm"] == HOLDOUT], rows[rows["arm"] != HOLDOUT]
    assert abs(len(held) - 600) <= 4
    share, would = rest["offer"].notna().mean(), held["offer"].notna().mean()
    assert abs(share - would) < 3 * (share / len(held)) ** 0.5
    planned_risk = rest.loc[rest["offer"].notna(), "probability"].mean()
    assert held.loc[held["offer"].notna(), "probability"].mean() == pytest.approx(planned_risk, rel=0.25)


def test_who_was_in_an_arm_of_an_approved_campaign_stays_in_it() -> None:
    found = basis(cohort())
    before = make_plan(found, economy(OFFERS, SECTION, found), SECTION, ECONOMICS).rows
    other = {key: before["arm"].iloc[n] != HOLDOUT for n, key in enumerate(before["customer_key"][:600])}
    after = replace(found, assigned=other)
    rows = make_plan(after, economy(OFFERS, SECTION, after), SECTION, ECONOMICS).rows
    assert ((rows["arm"] == HOLDOUT)[:600] == list(other.values())).all()
    assert ((rows["arm"] == HOLDOUT)[600:] == (before["arm"] == HOLDOUT)[600:]).all()


def test_a_plan_comes_out_the_same_again_in_any_order() -> None:
    first = planned(cohort()).rows
    again = planned(cohort()).rows
    pd.testing.assert_frame_equal(first, again)
    assert set(first.loc[first["arm"] == HOLDOUT, "customer_key"]) == set(
        planned(cohort(), SECTION.model_copy(update={"budget": 100.0})).rows.query("arm == 'holdout'")[
            "customer_key"
        ]
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"probability": np.nan}, UNKNOWN),
        ({"value": np.nan}, UNKNOWN),
        ({"consent": None}, UNKNOWN),
        ({"excluded": None}, UNKNOWN),
        ({"objected": True}, OBJECTION),
        ({"consent": False}, NO_CONSENT),
        ({"excluded": True}, EXCLUDED),
        ({"mail": False, "call": False, "visit": False}, NOT_REACHABLE),
        ({"contacted_on": JUNE - timedelta(days=10)}, RECENT),
    ],
)
def test_who_must_not_be_contacted_is_not(columns: dict[str, Any], reason: str) -> None:
    frame = cohort()
    for name, value in columns.items():
        frame[name] = frame[name].astype(object)
        frame.loc[:299, name] = pd.Series([value] * 300, dtype=object)
    if "probability" in columns or "value" in columns:
        frame = frame.astype({"probability": float, "value": float})
    if reason == RECENT:
        frame["visit"] = False  # its cool-down is that of the others
    rows = planned(frame).rows
    assert set(rows.loc[:299, "reason"]) == {reason}
    assert rows.loc[:299, "arm"].isna().all()
    assert set(rows.loc[300:, "reason"].dropna()) <= {HOLDOUT, NOT_WORTH_IT, OVER_BUDGET}
    assert reason in REASONS


def test_a_cool_down_is_that_of_the_offer() -> None:
    """40 days after a contact the mail may go, the call may not."""
    rows = planned(cohort(contacted_on=JUNE - timedelta(days=40), visit=False)).rows
    assert set(rows["offer"].dropna()) == {"mail"}


def test_a_day_of_contact_exactly_as_long_ago_as_the_cool_down_is_over() -> None:
    ago = [JUNE - timedelta(days=30), JUNE - timedelta(days=29)]
    frame = cohort(contacted_on=[ago[n % 2] for n in range(1200)], call=False, visit=False)
    rows = planned(frame).rows
    assert not (rows.loc[::2, "reason"] == RECENT).any()
    assert (rows.loc[1::2, "reason"] == RECENT).all()


def test_measured_effects_change_the_plan() -> None:
    """Contacts that show that calls do harm: nobody is planned for a call."""
    bad = pd.DataFrame({"campaign": "a", "treated": [True, False] * 4000, "accepted": None})
    bad["churned"] = [(n % 2 == 0 and n % 10 < 6) or n % 20 == 1 for n in range(8000)]
    rows = planned(cohort(), contacts={"call": bad}).rows
    assert "call" not in set(rows.loc[rows["arm"] == PLANNED, "offer"])
    assert (planned(cohort()).rows["offer"] == "call").any()


def test_values_follow_the_own_margin_and_keep_their_mean() -> None:
    found = values(np.array([10.0, 30.0, -5.0, np.nan, 20.0]), 100.0)
    assert found[:3].tolist() == pytest.approx([66.67, 200.0, 0.0], abs=0.01)
    assert np.isnan(found[3]) and np.nanmean(found) == pytest.approx(100)
    assert np.isnan(values(np.array([0.0, np.nan]), 100.0)).all()


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (0.4, "cheapest contact, 0.5,"),
        (0.0, "cheapest"),
        (-1.0, "cheapest"),
        (np.nan, "nan"),
        (np.inf, "inf"),
    ],
)
def test_a_budget_that_pays_for_no_contact_is_refused(budget: float, told: str) -> None:
    found = basis(cohort(50))
    with pytest.raises(PlanError, match=told):
        economy(OFFERS, SECTION, found, budget)


def test_the_curve_rises_until_the_next_euro_earns_nothing() -> None:
    found = basis(cohort())
    curve = budget_curve(found, economy(OFFERS, SECTION, found), SECTION, ECONOMICS)
    budgets, profits = [p.budget for p in curve], [p.profit for p in curve]
    assert budgets == sorted(budgets) and budgets[0] == 0 and profits[0] == 0
    assert all(b >= a - 0.1 for a, b in pairwise(profits))
    assert all(p.cost <= p.budget + 1e-6 for p in curve)
    assert [p.budget for p in curve if p.declared] == [900]
    enough = stops_paying(curve)
    assert all((p.next_euro < 1e-6) == (p.budget >= enough) for p in curve)
    prices = [p.next_euro for p in curve]
    assert prices == sorted(prices, reverse=True)


def test_the_curve_of_a_sample_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = basis(cohort(6000))
    money = economy(OFFERS, SECTION, found, 5000)
    whole = budget_curve(found, money, SECTION, ECONOMICS)
    monkeypatch.setattr("churn_assets.retention.curve.SAMPLED", 3000)
    part = budget_curve(found, money, SECTION, ECONOMICS)
    assert part[-1].profit == pytest.approx(whole[-1].profit, rel=0.15)


@pytest.mark.parametrize(
    ("arm", "columns", "told"),
    [
        (HOLDOUT, {"arm": PLANNED, "offer": "mail", "expected_profit": 1.0}, "contacted of the holdout"),
        (PLANNED, {"expected_profit": -1.0}, "planned at a loss"),
        (PLANNED, {"offer": "visit"}, "capacity of visit"),
        (PLANNED, {"offer": "call"}, "capacity of call"),
    ],
)
def test_a_plan_that_breaks_a_limit_is_found_out(arm: str, columns: dict[str, Any], told: str) -> None:
    found = basis(cohort())
    money = economy(OFFERS, SECTION, found)
    plan = make_plan(found, money, SECTION, ECONOMICS)
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    assert broken_limits(Planning(business, SECTION, found, money, plan)) == []
    forged = plan.rows.copy()
    forged.loc[forged["arm"] == arm, list(columns)] = list(columns.values())
    broken = broken_limits(Planning(business, SECTION, found, money, replace(plan, rows=forged)))
    assert any(told in one for one in broken)


@pytest.mark.parametrize("column", ["consent", "objected"])
def test_a_contact_without_consent_is_found_out(column: str) -> None:
    found = basis(cohort())
    money = economy(OFFERS, SECTION, found)
    plan = make_plan(found, money, SECTION, ECONOMICS)
    other = replace(found, cohort=found.cohort.assign(**{column: column == "objected"}))
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    contacted = int(plan.rows["arm"].isin(CONTACTED).sum())
    broken = broken_limits(Planning(business, SECTION, other, money, plan))
    assert broken == [f"{contacted} contacted without consent"]


def test_an_empty_cohort_has_an_empty_plan() -> None:
    found = basis(cohort(0))
    money = economy(OFFERS, SECTION, found)
    assert make_plan(found, money, SECTION, ECONOMICS).rows.empty
    assert [p.profit for p in budget_curve(found, money, SECTION, ECONOMICS)] == [0.0, 0.0]


def test_a_plan_counts_with_own_values_where_they_proved_better() -> None:
    frame = cohort()
    own = dict(zip(frame["customer_key"], np.linspace(10, 900, len(frame)), strict=True)) | {
        frame["customer_key"][3]: np.nan
    }
    found = replace(basis(frame), kept=own)
    rows = make_plan(found, economy(OFFERS, SECTION, found), SECTION, ECONOMICS).rows
    told = rows.set_index("customer_key")["value"]
    assert told.drop(frame["customer_key"][3]).to_dict() == {k: v for k, v in own.items() if not np.isnan(v)}
    assert rows.loc[3, "reason"] == "unknown"
    assert planned(frame).rows["value"].mean() == pytest.approx(ECONOMICS.lifetime_value)


def test_a_plan_counts_with_effects_by_customer_where_they_proved_better() -> None:
    frame = cohort()
    half = len(frame) // 2
    own = dict(zip(frame["customer_key"], [0.4] * half + [-0.4] * (len(frame) - half), strict=True))
    found = replace(basis(frame), own_effects={"call": own})
    rows = make_plan(found, economy(OFFERS, SECTION, found), SECTION, ECONOMICS).rows
    called = rows[(rows["offer"] == "call") & (rows["arm"] == PLANNED)]
    assert len(called) and set(called["customer_key"]) <= set(frame["customer_key"][:half])
    assert set(called["expected_effect"]) == {0.4}
    mailed = rows[(rows["offer"] == "mail") & (rows["arm"] == PLANNED)]
    np.testing.assert_allclose(mailed["expected_effect"], 0.1 * mailed["probability"])


def test_a_budget_far_beyond_what_pays_does_not_flatten_the_picture_of_the_curve() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    found = basis(cohort(400))
    money = economy(OFFERS, SECTION, found, budget=10_000_000)
    one = Planning(business, SECTION, found, money, make_plan(found, money, SECTION, ECONOMICS))
    figure = _curve_figure(one)
    enough = stops_paying(one.curve)
    assert enough and figure.axes[0].get_xlim()[1] < 2 * enough
    told = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "this plan: 10,000,000, beyond the picture" in told
    assert any(point.declared and point.budget == 10_000_000 for point in one.curve), "the table tells it"
