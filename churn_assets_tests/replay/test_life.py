"""A whole replay of a small world that changes, with the real jobs, tables, models and decisions."""

import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.assets import DEGRADATION
from churn_assets.models.decisions import decided
from churn_assets.months import month_end
from churn_assets.replay.cohorts import matured_cohorts
from churn_assets.replay.life import FIRST_MODEL, live_through
from churn_assets.replay.report import Findings
from churn_assets.replay.world import Plan, make_world
from churn_assets.settings import Settings
from churn_assets_tests.lakes import edit_yaml
from churn_assets_tests.worlds import small_business

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLAN = Plan(customers=1200, months=19, drift_from="2025-01", seed=7, at_once=True)


def _quicker(content: dict[str, Any]) -> None:
    """One candidate, and thresholds for few customers."""
    content["training"]["candidates"] = ["histogram_boosting"]
    content["retraining"]["degradation"]["minimum_positives"] = 20


@pytest.fixture(scope="module")
def lived(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Findings]:
    console = Console(quiet=True)
    own = make_world(Settings(home=str(tmp_path_factory.mktemp("replay"))), PLAN, console)
    # four sources, short windows and few features
    small = small_business(tmp_path_factory.mktemp("small"), PLAN.calendar[0], PLAN.calendar[-1])
    own = Settings(**(own.model_dump() | {"business": str(small)}))
    shutil.rmtree(f"{own.landing_uri}/tickets")
    shutil.rmtree(f"{own.landing_uri}/retention_contacts")
    edit_yaml(small / "churn.yaml", _quicker)
    business = load_business(small)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", "")  # the replay sets it; afterwards it is as before
        trainings = live_through(own, business, PLAN, console)
    return own, Findings(PLAN, trainings, matured_cohorts(own, business))


@pytest.mark.slow
def test_the_loop_notices_the_change_and_mends_the_model(lived: tuple[Settings, Findings]) -> None:
    own, found = lived
    first, alarm = found.trainings[0], found.alarm
    assert (first.called_by, first.promoted, found.needless) == (FIRST_MODEL, True, 0)
    assert alarm is not None and alarm.promoted
    assert found.cohorts_until_alarm in (2, 3)
    assert found.regained is not None and found.regained > 0.3
    champions = decided(Lakehouse(own))
    assert [c.in_charge_from for c in champions[:2]] == [month_end(first.month), month_end(alarm.month)]


@pytest.mark.slow
def test_no_cohort_was_judged_before_its_time_and_the_alarm_saw_only_those(
    lived: tuple[Settings, Findings],
) -> None:
    own, found = lived
    assert found.alarm is not None
    seen = month_end(found.alarm.month)
    [training] = [
        row
        for row in Lakehouse(own).arrow(tables.TRAINING_RUNS).to_pylist()
        if row["model_version"] == found.alarm.version
    ]
    assert training["trained_as_of"] == seen and found.alarm.called_by == DEGRADATION
    tested = training["test_as_of_date"]
    assert date(2024, 12, 31) <= tested < seen
    available = {c.as_of_date: c.label_available_at for c in found.cohorts}
    assert available[tested] <= seen
    assert all(c.in_charge == found.alarm.version for c in found.cohorts if c.as_of_date >= seen)
