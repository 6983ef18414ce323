"""A champion whose model was deleted in MLflow: every command names the way out, and a training goes on."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.cli.what_if import subject
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.models.decisions import ChampionGone, PromotionError, decided, promote, rollback
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.models.test_failed_checks import (
    COHORTS,
    DRIFT,
    KEYS,
    MODEL,
    SCORED,
    SCORES,
    honest,
    lake_in,
    pass_silver,
    write_cohorts,
)
from churn_assets_tests.worlds import Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
PROMOTE = "churn-assets promote 1 --from 2025-11 --why 'version 2 was deleted'"
WAY_OUT = f"The last good version is 1. Put it in charge: {PROMOTE}"


@pytest.fixture(scope="module")
def trained(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with the champions 1 (from October) and 2 (from November), of which 2 was deleted in MLflow."""
    lake = lake_in(tmp_path_factory.mktemp("trained"))
    write_cohorts(lake, honest, [*COHORTS, SCORED])
    pass_silver(lake, [SCORED])
    lake.succeed(MODEL, ["2025-10"])
    lake.succeed(MODEL, ["2025-11"])
    _in_charge(lake, "2", "2025-11")
    lake.succeed(SCORES, [SCORED])
    _delete(lake, "2")
    return lake


@pytest.fixture
def lake(trained: Lake, tmp_path: Path) -> Lake:
    """A copy of it."""
    home = tmp_path / "copy"
    shutil.copytree(trained.settings.home_path, home)
    settings = settings_for(home, home / Path(trained.settings.business).name)
    return Lake(settings, load_business(settings.business_path))


def _in_charge(lake: Lake, version: str, month: str) -> None:
    if decided(lake.lakehouse)[-1].model_version != version:
        promote(lake.lakehouse, _tracking(lake), version, month_end(month), "for the test", "a test")


def _tracking(lake: Lake) -> Tracking:
    return tracking_of(lake.settings, lake.business)


def _delete(lake: Lake, version: str) -> None:
    from mlflow import MlflowClient

    tracking = _tracking(lake)
    MlflowClient(tracking.uri, tracking.uri).delete_model_version(tracking.model_name, version)


def test_every_command_names_the_last_good_version_and_the_way_out(lake: Lake) -> None:
    house, tracking, day = lake.lakehouse, _tracking(lake), month_end("2025-11")
    [told] = failures(lake.run(SCORES, [SCORED])).values()
    assert "Version 2 of churn_telecom was deleted in MLflow." in told and WAY_OUT in told
    with pytest.raises(ChampionGone, match="promote 1 --from 2025-11"):
        subject(house, tracking, lake.business, KEYS[0], SCORED)
    with pytest.raises(PromotionError, match="Version 2 was deleted in MLflow; it still has 1"):
        promote(house, tracking, "2", day, "again", "a test")
    lake.succeed(DRIFT, [SCORED])
    assert rollback(house, tracking, day, "version 2 was deleted", "a test").model_version == "1"
    lake.succeed(SCORES, [SCORED])


def test_a_training_compares_with_the_last_good_version(lake: Lake) -> None:
    lake.succeed(MODEL, ["2025-12"])
    decision = max(lake.lakehouse.arrow(tables.CHAMPIONS).to_pylist(), key=lambda row: row["decided_at"])
    assert decision["why"].startswith("version 2 was deleted in MLflow, compared with version 1: ")
    assert decision["promoted"] or WAY_OUT in decision["why"]


def test_without_any_good_version_the_new_one_takes_over(lake: Lake) -> None:
    _delete(lake, "1")
    [told] = failures(lake.run(SCORES, [SCORED])).values()
    assert "no other version that was in charge is left" in told and "run train --from 2025-11" in told
    lake.succeed(MODEL, ["2025-12"])
    assert decided(lake.lakehouse)[-1].model_version == "3"
