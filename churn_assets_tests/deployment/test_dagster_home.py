"""Dagster's folder gets the shipped settings, Dagster accepts them, and a user's own file is left alone."""

from pathlib import Path

import pytest

from churn_assets.deployment.dagster_home import SHIPPED, prepare_dagster_home
from churn_assets.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return Settings(home=str(tmp_path))


def test_dagster_accepts_the_shipped_settings(settings: Settings) -> None:
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(prepare_dagster_home(settings))) as instance:
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled is True
        assert instance.run_monitoring_max_runtime_seconds == 24 * 3600
        assert instance.run_retries_enabled is True
        assert instance.run_retries_max_retries == 2


def test_one_run_at_a_time_in_the_pool_of_spark(settings: Settings) -> None:
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(prepare_dagster_home(settings))) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        assert pools.pool_granularity is not None
        assert pools.pool_granularity.value == "run"


def test_a_managed_copy_is_brought_up_to_date(settings: Settings) -> None:
    copy = prepare_dagster_home(settings) / "dagster.yaml"
    copy.write_text(SHIPPED.read_text().splitlines()[0] + "\ntelemetry:\n  enabled: true\n")
    prepare_dagster_home(settings)
    assert copy.read_text() == SHIPPED.read_text()


def test_a_users_own_file_stays(settings: Settings) -> None:
    copy = prepare_dagster_home(settings) / "dagster.yaml"
    copy.write_text("nux:\n  enabled: true\n")
    prepare_dagster_home(settings)
    assert copy.read_text() == "nux:\n  enabled: true\n"
