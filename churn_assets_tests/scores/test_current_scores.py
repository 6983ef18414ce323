"""The job `daily` on a small lake: scores as of a day, what moved, and what is told of sources."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.features.writing import write_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.ml.portable.model import Linear, PortableModel, Scorer
from churn_assets.ml.portable.transformation import NumericColumn, Transformation
from churn_assets.runs import day_of_run
from churn_assets.scores import current_scores
from churn_assets_tests.lakes import ingest, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket
from churn_assets_tests.worlds import failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs a job; other tests compute its tables on both engines")
MONTHS = ["2025-01", "2025-02", "2025-03"]
TODAY = date(2025, 3, 20)
PEOPLE = range(1, 21)
TICKETS = [(1, 5, "2025-02-20"), (2, 5, "2025-03-02"), (3, 6, "2025-03-09"), (4, 7, "2025-02-27")]


def model() -> PortableModel:
    """Log-odds -2 and half a unit per ticket of the last month."""
    parts = (NumericColumn("tickets_count_1m", 0.0, indicator=False, log=False),)
    linear = Linear(np.array([0.5]), -2.0, np.zeros(1))
    return PortableModel("logistic_regression", Transformation(parts), Scorer(linear, "log_odds"))


class Story:
    """A business whose customers open tickets in February and March, scored on several days."""

    def __init__(self, folder: Path) -> None:
        windows = {"observation_months": 1, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
        eligibility = {"min_tenure_days": 0, "exclude_in_notice": True}
        business = small_business(
            folder, windows=windows, eligibility=eligibility, daily={"keep_days": 8}, protected=None
        )
        self.settings = settings_for(folder, business)
        self.business, self.house = load_business(business), Lakehouse(self.settings)
        self._deliver()
        self.ingest()
        self._end_of_february()

    def _deliver(self) -> None:
        landing = self.settings.landing_uri
        for day in ("2025-01-31", "2025-02-28"):
            write_csv(landing, "customers", day, [customer(n) for n in PEOPLE])
            write_csv(landing, "subscriptions", day, [subscription(n) for n in PEOPLE])
        joined = subscription(30, started_on="2025-03-10")
        write_csv(landing, "customers", "2025-03-10", [customer(n) for n in (*PEOPLE, 30)])
        write_csv(landing, "subscriptions", "2025-03-10", [joined])
        write_jsonl(landing, "tickets", "2025-01-31", [])
        for number, who, opened in TICKETS:
            write_jsonl(
                landing, "tickets", opened, [ticket(number, f"NATID{who:04d}", f"{opened}T10:00:00Z")]
            )
        write_jsonl(landing, "tickets", "2025-03-03", [])

    def ingest(self) -> None:
        """All months from landing to silver; March is open."""
        ingest(self.house, self.business, MONTHS, TODAY)

    def _end_of_february(self) -> None:
        """Its cohort, and a champion who is in charge from then on."""
        day = date(2025, 2, 28)
        built = customer_snapshots(self.house, self.business, [day])
        write_snapshots(
            self.house, tables.customer_snapshots(self.business), built, as_of_between(["2025-02"]), "run"
        )
        row = {"in_charge_from": day, "trained_as_of": day, "model_version": "7", "promoted": True}
        rows = tables.CHAMPIONS.rows([row | {"decided_at": datetime(2025, 3, 1, tzinfo=UTC)}])
        self.house.replace_rows(tables.CHAMPIONS, rows, "model_version", ["7"], run_id="run")

    def daily(self, as_of: str = "") -> dg.ExecuteInProcessResult:
        """A run of the job; the caller looks at success."""
        return (
            build_defs(self.settings)
            .resolve_job_def("daily")
            .execute_in_process(
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "resources": {"asked_day": {"config": {"as_of": as_of}}},
                },
                raise_on_error=False,
            )
        )

    def scores(self, day: date) -> pd.DataFrame:
        """The scores of a day by the number of the customer."""
        frame = self.house.arrow(tables.CURRENT_SCORES, None, [("as_of_date", "=", day)]).to_pandas()
        keys = self.house.arrow(tables.CUSTOMER_KEYS).to_pandas().set_index("customer_key")["customer_id"]
        return frame.assign(who=frame["customer_key"].map(keys).str[-4:].astype(int)).set_index("who")

    @property
    def days(self) -> list[date]:
        """The days that are kept."""
        found: list[date] = self.house.slices(tables.CURRENT_SCORES, "as_of_date")
        return found


@pytest.fixture(scope="module")
def story(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Scored as of 3 and 10 March, the newest day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(current_scores, "model_of", lambda *_: model())
        told = Story(tmp_path_factory.mktemp("daily"))
        for as_of in ("2025-03-03", ""):
            done = told.daily(as_of)
            assert done.success, failures(done)
        yield told


def _checks(done: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{found.asset_key.path[-1]}:{found.check_name}": found
        for found in done.get_asset_check_evaluations()
    }


def test_each_customer_has_one_score_beside_those_of_earlier_days(story: Story) -> None:
    assert story.days == [date(2025, 3, 3), date(2025, 3, 10)]
    now = story.scores(date(2025, 3, 10))
    assert sorted(now.index) == [*PEOPLE, 30]
    assert list(now["model_version"].unique()) == ["7"] and set(now["decile"]) == set(range(1, 11))
    odds = np.log(now["probability"] / (1 - now["probability"]))
    # three months of tickets, of which February's of the 5th customer has left the window on 20 March only
    assert odds.round(9).loc[[1, 5, 6, 7, 30]].to_list() == [-2.0, -1.0, -1.5, -1.5, -2.0]
    before = story.scores(date(2025, 3, 3))
    assert now["probability_week_before"].dropna().to_dict() == before["probability"].to_dict()
    assert now["probability_day_before"].isna().all()
    assert before["probability_week_before"].isna().all()
    ends = np.log(now["probability_month_end"] / (1 - now["probability_month_end"])).round(9)
    assert ends.loc[[5, 6, 7]].to_list() == [-1.5, -2.0, -1.5] and np.isnan(ends[30])


def test_it_tells_what_moved_and_since_when(story: Story) -> None:
    first, second = (story.scores(date(2025, 3, day)) for day in (3, 10))
    assert first["moved_since"].unique().tolist() == [date(2025, 2, 28)], (
        "a week before there are no snapshots"
    )
    assert second["moved_since"].dropna().unique().tolist() == [date(2025, 3, 3)]
    assert first["moved_reason"].dropna().index.tolist() == [5]
    assert second["moved_reason"].dropna().to_dict() == {
        6: "1 tickets count in the last month (typical none)"
    }
    assert second.loc[6, "reason_1"] == second.loc[6, "moved_reason"]
    assert second["moved_since"].isna().to_dict()[30], "a new customer has nothing to compare with"


def test_the_same_day_twice_is_the_same(story: Story) -> None:
    before = story.scores(date(2025, 3, 10))
    done = story.daily("2025-03-10")
    assert done.success and day_of_run(done) == date(2025, 3, 10)
    pd.testing.assert_frame_equal(story.scores(date(2025, 3, 10)).sort_index(), before.sort_index())
    assert story.days == [date(2025, 3, 3), date(2025, 3, 10)]


def test_what_sources_have_not_told_yet_is_said_beside_every_score(story: Story) -> None:
    done = story.daily("2025-03-10")
    for asset in ("current_snapshot", "current_scores"):
        assert _checks(done)[f"{asset}:sources_are_on_time"].passed
    now = story.scores(date(2025, 3, 10))
    assert now["behind"].isna().all()
    assert now["known_until"].unique().tolist() == [date(2025, 3, 9)]


def test_yesterday_again_after_a_late_file_knows_it_and_old_days_go(story: Story) -> None:
    """Changes the story: last in this module."""
    late = [ticket(9, "NATID0008", "2025-03-08T10:00:00Z")]
    write_jsonl(story.settings.landing_uri, "tickets", "2025-03-10", late, "late")
    write_csv(
        story.settings.landing_uri, "subscriptions", "2025-03-11", [subscription(9, ended_on="2025-03-11")]
    )
    story.ingest()
    assert story.daily("2025-03-10").success
    again = story.scores(date(2025, 3, 10))
    assert again["probability"][8] > again["probability"][1]
    assert again.loc[8, "moved_reason"] == "1 tickets count in the last month (typical none)"
    assert story.daily().success
    assert story.days == [date(2025, 3, 10), date(2025, 3, 11)], "8 days are kept"
    today = story.scores(date(2025, 3, 11))
    assert 9 not in today.index and 9 in again.index
    assert today["probability_day_before"].to_dict() == again["probability"].drop(9).to_dict()


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        (
            "2025-03-12",
            "There is no snapshot as of 2025-03-12: days from 2025-01-31 to 2025-03-11 can be computed.",
        ),
        ("2025-01-30", "There is no snapshot as of 2025-01-30"),
    ],
)
def test_a_day_that_nobody_knows_yet_fails_in_a_sentence(story: Story, as_of: str, told: str) -> None:
    done = story.daily(as_of)
    assert not done.success
    assert told in failures(done)["features__current_snapshot"]


def test_before_the_first_champion_nobody_is_scored_and_the_checks_say_so(story: Story) -> None:
    done = story.daily("2025-02-27")
    assert done.success and day_of_run(done) == date(2025, 2, 27)
    checks = _checks(done)
    assert checks["current_snapshot:one_row_per_customer"].passed
    unjudged = checks["current_scores:one_probability_per_customer"]
    assert not unjudged.passed and "no model is in charge of this day" in str(unjudged.description)
    assert date(2025, 2, 27) not in story.days


def test_a_source_that_is_behind_warns_and_is_told(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the contract that was loaded: tickets come every 7 days, two days late at most."""
    contract = story.business.source("tickets")
    assert (contract.frequency_days, contract.latency_days) == (7, 2)
    write_csv(story.settings.landing_uri, "customers", "2025-03-20", [customer(n) for n in PEOPLE])
    story.ingest()
    done = story.daily()
    found: Any = _checks(done)["current_scores:sources_are_on_time"]
    assert done.success and not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    late = "tickets known until 2025-03-10"
    assert late in str(found.description)
    told = story.scores(date(2025, 3, 20))
    assert told["behind"].unique().tolist() == [late]
    assert told["probability"].notna().all()
