"""What campaigns brought, over a small lake: contacts come back, outcomes mature, and nothing known later counts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.operations.campaigns.record import plan_recorded
from churn_assets.retention.approval import approve, close
from churn_assets.retention.planning import curve_rows, plan_of, plan_rows, planning, record_of
from churn_assets.retention.results import results
from churn_assets.retention.results_asset import (
    AS_PLANNED,
    CHECKS,
    NOT_FROM_GAPS,
    REPORTS,
    campaign_results_asset,
)
from churn_assets.retention.results_told import all_campaigns, longest_matured, newest_results
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import not_as_declared, settings_for
from churn_assets_tests.retention.measured_lakes import leavers, list_contacts, spell, with_outcomes
from churn_assets_tests.retention.planned_lakes import (
    CUSTOMERS,
    LAST,
    business_with,
    contact,
    key,
    planned_lake,
    put,
)
from churn_assets_tests.scored_cohorts import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="measures in Python; `test_assets` reads its tables on both engines"
)

ID, JULY = "retention-2025-07", date(2025, 7, 31)
APPROVED_ON = datetime(2025, 8, 1, 9, tzinfo=UTC)
NUMBERS = {key(n): n for n in range(CUSTOMERS)}


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    return business_with(tmp_path_factory.mktemp("business"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, business: Business) -> Path:
    """Five cohorts with outcomes until October, and the plan of July."""
    folder = tmp_path_factory.mktemp("home")
    house = planned_lake(folder, business)
    with_outcomes(house, business, leavers())
    section = business.file.campaigns
    assert section is not None
    found = planning(house, business, section, JULY)
    plan_recorded(house, [record_of(found)])
    house.replace_rows(tables.BUDGET_CURVE, curve_rows(found), "as_of_date", [JULY], run_id="made")
    house.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(found.plan.rows), "as_of_date", [JULY], run_id="made")
    return folder


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path, home: Path) -> Lakehouse:
    """A copy of `home`."""
    copytree(home, tmp_path / "home")
    return Lakehouse(settings_for(tmp_path / "home"))


def arm(house: Lakehouse, *arms: str) -> list[int]:
    """Numbers of the customers in these arms of July's plan, with an offer."""
    rows = plan_of(house, JULY)
    return [NUMBERS[k] for k in rows.loc[rows["arm"].isin(arms) & rows["offer"].notna(), "customer_key"]]


def in_august(house: Lakehouse, business: Business, numbers: Sequence[int]) -> int:
    """How many of these customers another campaign has contacted in August."""
    table = tables.silver(business.source("retention_contacts"))
    told = house.arrow(table, ["customer_key", "contacted_on", "arm"]).to_pylist()
    return len(
        {
            row["customer_key"]
            for row in told
            if NUMBERS[row["customer_key"]] in numbers
            and row["arm"] == "treated"
            and f"{row['contacted_on']:%Y-%m}" == "2025-08"
        }
    )


def made(
    house: Lakehouse, business: Business, months: Sequence[str] = ("2025-10",), raises: bool = True
) -> dg.ExecuteInProcessResult:
    results_asset = campaign_results_asset(business)
    return dg.materialize(
        [results_asset, *(dg.AssetSpec(k) for k in results_asset.asset_deps[results_asset.key])],
        selection=dg.AssetSelection.assets(tables.CAMPAIGN_RESULTS.key),
        resources={"lakehouse": house},
        tags=range_tags(months),
        raise_on_error=raises,
    )


def rows(house: Lakehouse, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of the table."""
    found = house.arrow(tables.CAMPAIGN_RESULTS).to_pylist()
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


def test_a_campaign_is_measured_against_its_holdout(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned, held = arm(lake, "planned"), arm(lake, "holdout")
    others = in_august(lake, business, held[1:])
    list_contacts(business, lake, planned[5:], ID, date(2025, 8, 5), accepted=True)
    list_contacts(business, lake, held[:1], None, date(2025, 8, 9))
    stranger = next(n for n in range(CUSTOMERS) if n % 10 == 1)  # does not consent
    list_contacts(business, lake, [stranger], ID, date(2025, 8, 6))
    result = made(lake, business)
    assert tables.CAMPAIGN_RESULTS.path not in not_as_declared(lake, business)
    [row] = rows(lake, scope="campaign", campaign_id=ID, days=30)
    gone = leavers()
    ends = JULY + timedelta(days=30)

    def left(numbers: Sequence[int]) -> int:
        return sum(n in gone and JULY < gone[n] <= ends for n in numbers)

    def there(numbers: Sequence[int]) -> int:
        return sum(not (n in gone and gone[n] <= JULY) for n in numbers)

    assert (row["treated"], row["treated_left"]) == (there(planned), left(planned))
    assert (row["control"], row["control_left"]) == (there(held), left(held))
    assert row["contacted"] == len(planned) - 5 and row["not_contacted"] == 5
    assert row["accepted"] == len(planned) - 5
    assert (row["control_contacted"], row["unplanned"], row["matched_by_time"]) == (1 + others, 1, 0)
    assert row["unknown"] == len(planned) + len(held) - row["treated"] - row["control"]
    assert row["status"] == "not decidable yet" and "more customers would show" in row["told"]
    [waiting] = rows(lake, scope="campaign", campaign_id=ID, days=90)
    assert waiting["status"] == "not matured", "over on 29 October, but told only by an extract of November"
    assert waiting["matures_on"] == date(2025, 10, 29) and waiting["treated"] == 0
    found = {name.partition(":")[2]: e for name, e in evaluations(result).items()}
    assert all(found[name].passed for name in CHECKS)
    assert not found[AS_PLANNED].passed and "bias" not in (found[AS_PLANNED].description or "")
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert ID in str(metadata["campaigns"].value)
    assert "data:image/png" in str(metadata["churn prevented"].value)


def test_contacts_of_a_source_are_measured_against_its_own_control_arm(
    lake: Lakehouse, business: Business
) -> None:
    made(lake, business)
    [row] = rows(lake, origin="retention_contacts", campaign_id="a", scope="campaign", days=30)
    until: list[tuple[str, str, object]] = [("known_at", "<=", LAST)]
    told = lake.arrow(tables.silver(business.source("retention_contacts")), ["arm"], until).num_rows
    assert row["treated"] + row["control"] + row["unknown"] + row["waiting"] == told
    assert row["control"] > 20 and row["treated"] > 40
    assert not rows(lake, origin="retention_contacts", scope="offer"), "the control arm tells no offer"
    assert not rows(lake, origin="plan"), "July was planned and never approved or contacted"


def test_contacts_of_a_month_that_was_not_scored_are_measured_without_scores(
    lake: Lakehouse, business: Business
) -> None:
    """Contacts of June follow the cohort of May, and the first scores are of June: no risk, no segment, no margin."""
    day = date(2025, 6, 10)
    list_contacts(business, lake, list(range(0, CUSTOMERS, 2)), "early", day)
    list_contacts(business, lake, list(range(1, CUSTOMERS, 2)), "early", day, arm="control", offer="none")
    made(lake, business)
    early = rows(lake, campaign_id="early")
    assert {row["scope"] for row in early} == {"campaign"}, "nobody knows the segment of then"
    [row] = [one for one in early if one["days"] == 90]
    assert (row["treated"], row["control"]) == (CUSTOMERS / 2, CUSTOMERS / 2)
    assert row["difference"] is not None and row["adjusted"] is None, "nothing to adjust by"
    assert row["profit"] is None and row["cost"] > 0 and row["customers_needed"] is None
    [whole] = rows(lake, origin="retention_contacts", campaign_id="all", scope="campaign", days=90)
    assert whole["treated"] > row["treated"] and whole["adjusted"] is not None


def test_a_contact_without_a_campaign_belongs_to_it_by_customer_and_time(
    lake: Lakehouse, business: Business
) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned = arm(lake, "planned")
    list_contacts(business, lake, planned[:4], None, date(2025, 8, 5))
    list_contacts(business, lake, planned[:4], ID, date(2025, 8, 6))
    list_contacts(business, lake, planned[4:6], None, date(2025, 9, 5))
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert (row["contacted"], row["matched_by_time"]) == (4, 4)


def test_a_campaign_that_nobody_carried_out_says_so(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    close(lake, ID, "Ada")
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert row["status"] == "never contacted" and row["difference"] is None and row["saved"] is None
    assert "no contact came back" in row["told"]


def test_a_campaign_that_was_closed_early_counts_everybody_planned(
    lake: Lakehouse, business: Business
) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned = arm(lake, "planned")
    list_contacts(business, lake, planned[:3], ID, date(2025, 8, 5))
    close(lake, ID, "Ada")
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert row["contacted"] == 3 and row["not_contacted"] == len(planned) - 3
    assert row["treated"] + row["control"] + row["unknown"] == len(planned) + len(arm(lake, "holdout"))


def test_a_month_measured_again_is_the_same(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    list_contacts(business, lake, arm(lake, "planned"), ID, date(2025, 8, 5))
    made(lake, business, ["2025-09", "2025-10"])
    first = lake.arrow(tables.CAMPAIGN_RESULTS).to_pandas()
    made(lake, business, ["2025-10"])
    made(lake, business, ["2025-09"])
    again = lake.arrow(tables.CAMPAIGN_RESULTS).to_pandas()
    order = list(tables.CAMPAIGN_RESULTS.row_key)
    pd.testing.assert_frame_equal(
        first.sort_values(order, ignore_index=True), again.sort_values(order, ignore_index=True)
    )


def test_nothing_that_becomes_known_later_counts(lake: Lakehouse, business: Business) -> None:
    """Later contacts, endings, corrections, plans and scores."""
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned, held = arm(lake, "planned"), arm(lake, "holdout")
    list_contacts(business, lake, planned[5:], ID, date(2025, 8, 5))
    before = results(lake, business, [LAST])[0]
    later = LAST + timedelta(days=1)
    list_contacts(business, lake, [*planned[:5], *held], ID, LAST)  # known a day later
    list_contacts(business, lake, held, None, date(2025, 8, 7), known_at=later)
    subscriptions = tables.silver(business.source("subscriptions"))
    put(lake, subscriptions, [spell(n, later, ended_on=date(2025, 8, 9)) for n in planned])
    with_more = tables.RECONCILIATION.rows(
        [
            {
                "source": s.name,
                "extract_month": "2025-11",
                "balances": True,
                "whole": True,
                "extract_dates": [later],
            }
            for s in business.sources
        ]
    )
    lake.replace_rows(tables.RECONCILIATION, with_more, "extract_month", ["2025-11"], run_id="made")
    segments = lake.arrow(tables.CUSTOMER_SEGMENTS, None, [("as_of_date", "=", LAST)]).to_pylist()
    write(
        lake,
        tables.CUSTOMER_SEGMENTS,
        [row | {"as_of_date": month_end("2025-11"), "value": 1.0, "probability": 0.9} for row in segments],
    )
    assert results(lake, business, [LAST])[0] == before


def test_what_was_known_in_time_changes_the_result(lake: Lakehouse, business: Business) -> None:
    """The poison of the test above, known in time."""
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned, held = arm(lake, "planned"), arm(lake, "holdout")
    list_contacts(business, lake, planned[5:], ID, date(2025, 8, 5))
    list_contacts(business, lake, held, None, date(2025, 8, 7))
    put(
        lake,
        tables.silver(business.source("subscriptions")),
        [spell(n, date(2025, 8, 20), ended_on=date(2025, 8, 9)) for n in planned],
    )
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert row["control_contacted"] == len(held), "also those whom the other campaign contacted"
    assert row["treated_left"] == row["treated"] > 0


def test_a_month_that_did_not_pass_blocks_the_result(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    list_contacts(business, lake, arm(lake, "planned"), ID, date(2025, 8, 5))
    balance = lake.arrow(tables.RECONCILIATION, None, [("extract_month", "=", "2025-09")]).to_pylist()
    fewer = [row for row in balance if row["source"] != "subscriptions"]
    lake.replace_rows(
        tables.RECONCILIATION, tables.RECONCILIATION.rows(fewer), "extract_month", ["2025-09"], run_id="made"
    )
    result = made(lake, business, raises=False)
    assert not result.success and not lake.exists(tables.CAMPAIGN_RESULTS)
    found = {name.partition(":")[2]: e for name, e in evaluations(result).items()}
    assert not found[NOT_FROM_GAPS].passed


def test_without_campaigns_nothing_is_measured_and_that_is_said(
    spark: "SparkSession", tmp_path: Path
) -> None:
    business = business_with(tmp_path, None, None)
    house = planned_lake(tmp_path, business)
    result = made(house, business)
    found = {name.partition(":")[2]: e for name, e in evaluations(result).items()}
    assert found.keys() == {*CHECKS, *REPORTS} and not any(e.passed for e in found.values())
    assert not house.exists(tables.CAMPAIGN_RESULTS)


def test_the_newest_result_is_told_where_people_look(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(lake.settings.home_path))
    assert all_campaigns(lake) is None
    shown = CliRunner().invoke(cli, ["campaign", "show", ID])
    assert "It was not measured yet" in shown.output, shown.output
    approve(lake, ID, "Ada", at=APPROVED_ON)
    list_contacts(business, lake, arm(lake, "planned"), ID, date(2025, 8, 5))
    made(lake, business, ["2025-09", "2025-10"])
    shown = CliRunner().invoke(cli, ["campaign", "show", ID])
    assert "Results, as known on 2025-10-31" in shown.output and "Not decidable yet" in shown.output
    assert f"{len(arm(lake, 'planned')):,} of the planned" in shown.output
    newest = all_campaigns(lake)
    assert newest is not None and (newest["origin"], newest["days"], newest["as_of_date"]) == (
        "plan",
        30,
        LAST,
    )
    september = newest_results(lake, date(2025, 10, 30))
    assert {row["as_of_date"] for row in september} == {date(2025, 9, 30)}
    told = longest_matured(newest_results(lake))
    assert {row["days"] for row in told if row["campaign_id"] == ID and row["scope"] == "campaign"} == {30}


def test_refused_contacts_are_no_contacts(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned = arm(lake, "planned")
    list_contacts(business, lake, planned[:1], ID, date(2025, 8, 5))
    row = contact(planned[1], date(2025, 8, 5), "refused", None, campaign=ID)
    put(lake, tables.silver(business.source("retention_contacts")), [row | {"refused": True, "arm": None}])
    made(lake, business)
    assert rows(lake, campaign_id=ID, scope="campaign", days=30)[0]["contacted"] == 1


def test_contacts_of_a_campaign_that_nobody_approved_are_told_and_measure_nothing(
    lake: Lakehouse, business: Business
) -> None:
    """Its plan can still be made anew; then nobody would know who was in which arm."""
    list_contacts(business, lake, arm(lake, "planned")[:7], ID, date(2025, 8, 5))
    result = made(lake, business)
    assert not rows(lake, campaign_id=ID)
    check = next(e for name, e in evaluations(result).items() if name.endswith(AS_PLANNED))
    assert not check.passed and f"7 contacts name {ID}, which nobody had approved" in (
        check.description or ""
    )
    before = results(lake, business, [LAST])[0]
    approve(lake, ID, "Ada", at=datetime(2025, 11, 1, tzinfo=UTC))
    assert results(lake, business, [LAST])[0] == before, "a result made again knows no later approval"


def test_a_campaign_counts_from_the_day_of_its_approval(lake: Lakehouse, business: Business) -> None:
    list_contacts(business, lake, arm(lake, "planned")[:7], ID, date(2025, 8, 5))
    approve(lake, ID, "Ada", at=datetime(2025, 10, 31, 23, 59, tzinfo=UTC))
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert row["contacted"] == 7


def test_a_planned_customer_who_was_merged_counts_as_the_survivor(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contact was made with the survivor: by then the planned customer was nobody's customer any more."""
    approve(lake, ID, "Ada", at=APPROVED_ON)
    planned, held = arm(lake, "planned"), arm(lake, "holdout")
    in_none = next(n for n in range(CUSTOMERS) if n not in arm(lake, "planned", "holdout", "exploration"))
    merged = {key(planned[0]): key(in_none), key(planned[1]): key(planned[2]), key(held[0]): key(held[1])}
    for module in ("contacts", "measured_customers"):
        monkeypatch.setattr(f"churn_assets.retention.{module}.survivors", lambda *_: merged)
    list_contacts(business, lake, [in_none, *planned[2:]], ID, date(2025, 8, 5))
    made(lake, business)
    [row] = rows(lake, campaign_id=ID, scope="campaign", days=30)
    assert (row["contacted"], row["not_contacted"], row["unplanned"]) == (len(planned) - 1, 0, 0)
    assert row["treated"] + row["control"] + row["unknown"] == len(planned) + len(held) - 2
