"""The asset over a small lake: it plans with what was known, says why, and leaves approved campaigns alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.economics import LifetimeTerms
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.operations.campaigns.record import CampaignError, acted, campaign_records, find_campaign
from churn_assets.retention.approval import approve
from churn_assets.retention.assets import MEASURED, ONE_ROW, WITHIN_LIMITS, retention_assets
from churn_assets.retention.planning import effect_rows, plan_of, planning, totals_of
from churn_assets.retention.report import offer_rows, value_told
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import business_copy, not_as_declared, settings_for
from churn_assets_tests.retention.planned_lakes import (
    CAMPAIGNS,
    CUSTOMERS,
    LAST,
    MONTHS,
    business_with,
    contact,
    key,
    planned_lake,
    put,
    version,
)
from churn_assets_tests.scored_cohorts import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="plans in Python")

ID = "retention-2025-10"


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return business_with(tmp_path)


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path, business: Business) -> Lakehouse:
    return planned_lake(tmp_path, business)


def made(
    house: Lakehouse, business: Business, months: Sequence[str] = MONTHS[-1:]
) -> dg.ExecuteInProcessResult:
    upstream = (tables.CUSTOMER_SEGMENTS, tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS)
    return dg.materialize(
        [*retention_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(tables.CAMPAIGN_PLAN.key),
        resources={"lakehouse": house, "tracking": tracking_of(house.settings, business)},
        tags=range_tags(months),
    )


@pytest.mark.both_engines
def test_it_plans_and_tells(lake: Lakehouse, business: Business) -> None:
    result = made(lake, business)
    wrong = not_as_declared(lake, business)
    written = (tables.CAMPAIGN_PLAN, tables.BUDGET_CURVE, tables.OFFER_EFFECTS, tables.CAMPAIGNS)
    assert not wrong.keys() & {table.path for table in written}
    rows = plan_of(lake, LAST)
    assert len(rows) == CUSTOMERS
    by_tenth = {
        n: set(rows.loc[rows["customer_key"].isin([key(i) for i in range(n, CUSTOMERS, 10)]), "reason"])
        for n in (1, 2, 3)
    }
    assert by_tenth == {1: {"no consent"}, 2: {"objection"}, 3: {"excluded"}}
    credit = rows[rows["offer"] == "service_credit"]
    ticketed = lake.arrow(
        tables.CUSTOMER_SNAPSHOTS, ["customer_key"], [("as_of_date", "=", LAST), ("tickets_count_1m", ">", 0)]
    )
    assert set(credit["customer_key"]) <= set(ticketed["customer_key"].to_pylist())
    assert (rows["arm"] == "planned").any() and (rows["arm"] == "holdout").any()
    found = {name.partition(":")[2]: e for name, e in evaluations(result).items()}
    assert found[ONE_ROW].passed and found[WITHIN_LIMITS].passed
    assert not found[MEASURED].passed, "40 contacts a month say too little"
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert ID in str(metadata["newest plan"].value)
    assert "data:image/png" in str(metadata["curve"].value)
    curve = lake.arrow(tables.BUDGET_CURVE).to_pylist()
    assert [row["budget"] for row in curve if row["declared"]] == [300.0]
    offers = {row["offer"]: row for row in lake.arrow(tables.OFFER_EFFECTS).to_pylist()}
    assert offers["discount_10"]["condition"] is None and offers["discount_10"]["may_get_it"] == CUSTOMERS
    assert offers["service_credit"]["may_get_it"] == ticketed.num_rows
    out = rows[rows["arm"].isin(["planned", "exploration"])]
    assert {name: row["contacted"] for name, row in offers.items()} == out["offer"].value_counts().to_dict()
    assert all(row["low"] < row["prevented"] < row["high"] for row in offers.values())
    [record] = campaign_records(lake)
    assert (record.campaign_id, record.state, record.by) == (ID, "planned", "churn-assets")
    assert record.contacted == rows["arm"].isin(["planned", "exploration"]).sum()


def test_a_month_planned_again_is_the_same_and_is_recorded_once(lake: Lakehouse, business: Business) -> None:
    made(lake, business, MONTHS[-2:])
    first = lake.arrow(tables.CAMPAIGN_PLAN).sort_by(
        [("as_of_date", "ascending"), ("customer_key", "ascending")]
    )
    made(lake, business, MONTHS[-1:])
    made(lake, business, MONTHS[-2:-1])
    again = lake.arrow(tables.CAMPAIGN_PLAN).sort_by(
        [("as_of_date", "ascending"), ("customer_key", "ascending")]
    )
    assert first.equals(again)
    assert [r.record for r in campaign_records(lake)] == [1, 1]


def test_the_same_customers_stay_in_the_holdout(lake: Lakehouse, business: Business) -> None:
    made(lake, business, MONTHS)
    rows = lake.arrow(tables.CAMPAIGN_PLAN).to_pandas()
    held = {
        day: set(part.loc[part["arm"] == "holdout", "customer_key"])
        for day, part in rows.groupby("as_of_date")
    }
    of_half_year = [who for day, who in held.items() if day >= date(2025, 7, 31)]
    either = set.union(*of_half_year)
    for day, part in rows[rows["as_of_date"] >= date(2025, 7, 31)].groupby("as_of_date"):
        assert (
            not part.loc[part["customer_key"].isin(either), "arm"].isin(["planned", "exploration"]).any()
        ), day
    assert held[date(2025, 6, 30)] != held[date(2025, 7, 31)], "July begins another half year"


@pytest.mark.parametrize("is_approved", [True, False])
def test_a_month_scored_again_moves_nobody_of_a_campaign(
    lake: Lakehouse, business: Business, is_approved: bool
) -> None:
    """The tiers of July, by which the holdout of the half-year was drawn, are others in October."""
    made(lake, business, ["2025-07"])
    if is_approved:
        approve(lake, "retention-2025-07", "Ada")
    july = date(2025, 7, 31)
    arms = plan_of(lake, july).set_index("customer_key")["arm"]
    scored_again(lake, july)
    made(lake, business, ["2025-07"])
    made(lake, business)
    for day in (july, LAST):
        now = plan_of(lake, day).set_index("customer_key")["arm"].reindex(arms.index)
        held, contacted = arms == "holdout", arms.isin(["planned", "exploration"])
        assert held.any() and contacted.any()
        assert not now[held].isin(["planned", "exploration"]).any()
        assert not (now[contacted] == "holdout").any()


def test_another_share_draws_the_holdout_of_a_plan_anew_until_it_is_approved(
    lake: Lakehouse, business: Business, tmp_path: Path
) -> None:
    made(lake, business)
    before = plan_of(lake, LAST).set_index("customer_key")["arm"]
    (tmp_path / "more").mkdir()
    more = business_with(tmp_path / "more", campaigns={**CAMPAIGNS, "holdout": 0.3})
    made(lake, more)
    after = plan_of(lake, LAST).set_index("customer_key")["arm"]
    assert (after == "holdout").sum() > 2 * (before == "holdout").sum()


def scored_again(lake: Lakehouse, july: date) -> None:
    """Other tiers of the month."""
    rows = lake.arrow(tables.CUSTOMER_SEGMENTS, None, [("as_of_date", "=", july)]).to_pylist()
    tiers = [{"risk_tier": f"tier {n % 7}", "value_tier": f"tier {n % 11}"} for n in range(CUSTOMERS)]
    lake.replace_rows(
        tables.CUSTOMER_SEGMENTS,
        tables.CUSTOMER_SEGMENTS.rows([row | own for row, own in zip(rows, tiers, strict=True)]),
        "as_of_date",
        [july],
        run_id="made",
    )


def test_a_plan_uses_nothing_known_later(lake: Lakehouse, business: Business) -> None:
    """Later versions of answers, contacts, labels, snapshots, segments and exports, of all that a plan reads."""
    section = business.file.campaigns
    assert section is not None
    made(lake, business, MONTHS[-2:-1])
    before = planning(lake, business, section, LAST)
    later = LAST + timedelta(days=1)
    september, on = find_campaign(lake, "retention-2025-09"), datetime.combine(later, time(), UTC)
    acted(lake, september, at=on, by="Ada", what="exported", state="approved")
    month_after = month_end(month_of(later))
    everybody = range(CUSTOMERS)
    people = [
        version(n, later, marketing_consent=n % 2 == 0, profiling_objection=n % 3 == 0) for n in everybody
    ]
    put(lake, tables.silver(business.source("customers")), people)
    # told later of an earlier day; on a later day; a contact of before, taken back later
    contacts = [contact(n, later, f"later-{n}", "discount_10") for n in everybody]
    contacts += [
        contact(n, LAST - timedelta(days=9), f"late-{n}", "discount_10", known_at=later) for n in everybody
    ]
    contacts = [row | {"extract_month": month_of(later)} for row in contacts]
    put(lake, tables.silver(business.source("retention_contacts")), contacts)
    pending = lake.arrow(tables.CHURN_LABELS, None, [("as_of_date", ">=", date(2025, 9, 30))]).to_pylist()
    write(lake, tables.CHURN_LABELS, [row | {"label": 1, "outcome": "churned"} for row in pending])
    for table in (tables.customer_snapshots(business), tables.CUSTOMER_SEGMENTS):
        rows = lake.arrow(table, None, [("as_of_date", "=", LAST)]).to_pylist()
        changed = (
            {"value": 1.0, "probability": 0.9}
            if table == tables.CUSTOMER_SEGMENTS
            else {"tickets_count_1m": 9.0}
        )
        write(lake, table, [row | changed | {"as_of_date": month_after} for row in rows])
    after = planning(lake, business, section, LAST)
    pd.testing.assert_frame_equal(after.plan.rows, before.plan.rows)
    assert after.basis.effects == before.basis.effects
    pd.testing.assert_frame_equal(after.basis.cohort, before.basis.cohort)


def test_what_was_known_in_time_changes_the_plan(lake: Lakehouse, business: Business) -> None:
    """The same rows, a day earlier: the poison of the test above would be seen."""
    section = business.file.campaigns
    assert section is not None
    put(lake, tables.silver(business.source("customers")), [version(0, LAST, marketing_consent=False)])
    put(lake, tables.silver(business.source("retention_contacts")), [contact(5, LAST, "x", "discount_10")])
    rows = planning(lake, business, section, LAST).plan.rows.set_index("customer_key")
    assert rows.loc[key(0), "reason"] == "no consent"
    assert rows.loc[key(5), "reason"] == "contacted recently"


def test_a_refused_row_may_have_been_a_contact(lake: Lakehouse, business: Business) -> None:
    section = business.file.campaigns
    assert section is not None
    row = contact(7, LAST, "refused", None) | {"refused": True, "contacted_on": None, "arm": None}
    put(lake, tables.silver(business.source("retention_contacts")), [row])
    rows = planning(lake, business, section, LAST).plan.rows.set_index("customer_key")
    assert rows.loc[key(7), "reason"] == "contacted recently"


def test_an_approved_campaign_stays_as_it_is(lake: Lakehouse, business: Business) -> None:
    made(lake, business)
    approve(lake, ID, "Ada")
    before = plan_of(lake, LAST)
    put(
        lake,
        tables.silver(business.source("customers")),
        [version(n, LAST, marketing_consent=False) for n in range(CUSTOMERS)],
    )
    result = made(lake, business)
    pd.testing.assert_frame_equal(plan_of(lake, LAST), before)
    assert not any(e.passed for e in evaluations(result).values())
    [event] = result.get_asset_materialization_events()
    assert "approved" in str(event.materialization.metadata["not planned"].value)


def test_a_campaign_that_is_approved_while_it_is_planned_again_stays_as_it_is(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(lake, business)
    before = plan_of(lake, LAST)
    refusing = [version(n, LAST, marketing_consent=False) for n in range(CUSTOMERS)]
    put(lake, tables.silver(business.source("customers")), refusing)

    def slow(*known: Any) -> Any:
        found = planning(*known)
        approve(lake, ID, "Ada")
        return found

    monkeypatch.setattr("churn_assets.retention.planning.planning", slow)
    with pytest.raises(CampaignError, match="is approved, so its plan cannot change"):
        made(lake, business)
    pd.testing.assert_frame_equal(plan_of(lake, LAST), before)


def test_an_exported_list_counts_as_a_contact_in_both_arms(lake: Lakehouse, business: Business) -> None:
    made(lake, business, MONTHS[-2:])
    section = business.file.campaigns
    assert section is not None
    before = plan_of(lake, month_end(MONTHS[-2]))
    september = find_campaign(lake, "retention-2025-09")
    on = pd.Timestamp("2025-10-05", tz="UTC").to_pydatetime()
    acted(lake, september, at=on, by="Ada", what="exported", state="approved")
    rows = planning(lake, business, section, LAST).plan.rows.set_index("customer_key")
    listed = before.loc[before["offer"].notna(), "customer_key"]
    assert rows.loc[listed, "arm"].isna().all()
    assert {"planned", "holdout"} <= set(before.loc[before["offer"].notna(), "arm"])
    assert set(rows.loc[listed, "reason"]) == {"contacted recently"}


@pytest.mark.parametrize("what", ["no campaigns", "no scores"])
def test_nothing_to_plan_is_said(spark: "SparkSession", tmp_path: Path, what: str) -> None:
    none = what == "no campaigns"
    business = business_with(tmp_path, None, None) if none else business_with(tmp_path)
    house = planned_lake(tmp_path, business)
    result = made(house, business, MONTHS[-1:] if none else ["2025-11"])
    told: Any = result.get_asset_materialization_events()[0].materialization.metadata["not planned"].value
    assert told == (
        "churn.yaml declares no `campaigns`, so nothing is planned."
        if none
        else "no cohort of this run has been scored."
    )
    assert not house.exists(tables.CAMPAIGN_PLAN)


def test_a_business_without_contacts_and_consent_plans_and_says_so(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """The shop knows its purchases alone: effects are assumed, and nobody is left out for want of consent."""
    business = load_business(business_copy(tmp_path, "shop"))
    house, day = Lakehouse(settings_for(tmp_path)), date(2025, 6, 30)
    own = [{"customer_key": key(n), "as_of_date": day} for n in range(100)]
    write(
        house,
        tables.customer_snapshots(business),
        [row | {"known_at": day, "tenure_days": 90.0} for row in own],
    )
    scored = {"segment": "regulars", "action": "none", "driver": "value", "model_version": "1"}
    tiers = {"risk_tier": "high", "value_tier": "high"}
    segments = [
        row | scored | tiers | {"probability": n / 100, "value": 30.0 + n} for n, row in enumerate(own)
    ]
    write(house, tables.CUSTOMER_SEGMENTS, segments)
    result = made(house, business, ["2025-06"])
    [event] = result.get_asset_materialization_events()
    assert "no contract declares it" in str(event.materialization.metadata["consent"].value)
    assert "assumed: no control arm" in str(event.materialization.metadata["offers"].value)
    arms = plan_of(house, day)["arm"].value_counts().to_dict()
    assert arms["planned"] > 50 and arms["holdout"] == 10


def test_a_plan_of_today_reads_the_current_scores_and_snapshots(lake: Lakehouse, business: Business) -> None:
    """At a month end with the same values it is that of the month; of a day within a month it names the day."""
    section = business.file.campaigns
    assert section is not None
    of_day: list[tuple[str, str, object]] = [("as_of_date", "=", LAST)]
    scores = lake.arrow(tables.CUSTOMER_SEGMENTS, None, of_day).to_pylist()
    snapshots = lake.arrow(tables.customer_snapshots(business), None, of_day).to_pylist()
    today = LAST + timedelta(days=14)
    needed = {"raw": 0.0, "decile": 1}
    for day, credit in ((LAST, {}), (today, {"tickets_count_1m": 0.0})):
        own: dict[str, Any] = {"as_of_date": day}
        write(lake, tables.CURRENT_SCORES, [row | own | needed for row in scores])
        write(lake, tables.current_snapshot(business), [row | own | credit for row in snapshots])
    same = planning(lake, business, section, LAST, current=True)
    pd.testing.assert_frame_equal(same.plan.rows, planning(lake, business, section, LAST).plan.rows)
    later = planning(lake, business, section, today, current=True)
    assert later.campaign_id == f"retention-{today}"
    assert "service_credit" in set(same.plan.rows["offer"]) and "service_credit" not in set(
        later.plan.rows["offer"]
    )


def test_a_plan_says_of_an_offer_that_it_counts_with_effects_by_customer(
    lake: Lakehouse, business: Business
) -> None:
    section = business.file.campaigns
    assert section is not None
    own = [
        {"customer_key": key(n), "as_of_date": LAST, "offer": "discount_10", "effect": 0.1}
        for n in range(CUSTOMERS)
    ]
    write(lake, tables.CUSTOMER_EFFECTS, own)
    found = planning(lake, business, section, LAST)
    told = {row["offer"]: row["basis"] for row in effect_rows(found).to_pylist()}
    assert told["discount_10"].endswith("; the plan counts with effects by customer")
    assert "by customer" not in told["service_credit"]
    assert {row[0]: row[-1] for row in offer_rows(found, totals_of(found.plan.rows))} == told


def test_the_plan_of_a_day_within_a_month_says_why_it_counts_with_the_constant(
    lake: Lakehouse, business: Business
) -> None:
    section, lifetime = business.file.campaigns, LifetimeTerms(revenue="tenure_days", margin=0.5)
    assert section is not None
    found = planning(lake, business, section, LAST)
    economics = business.file.economics.model_copy(update={"lifetime": lifetime})
    valued = replace(business, file=business.file.model_copy(update={"economics": economics}))
    at_month_end = replace(found, business=valued)
    within = replace(at_month_end, basis=replace(found.basis, day=LAST + timedelta(days=14)))
    assert "of this cohort are not shown to be better" in value_told(at_month_end)
    assert "are told at month ends only" in value_told(within)
