"""Settings, lakehouse and tracking as Dagster resources."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.definitions import build_defs
from churn_assets.graph.as_of_day import AskedDay
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.resources import AskedDayResource, LakehouseResource, SettingsResource, TrackingResource
from churn_assets.settings import Settings, without_secrets
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.lakes import settings_for


def _resources(settings: Settings) -> dict[str, Any]:
    return dict(build_defs(settings).resources or {})


def _probe(settings: Settings, config: Mapping[str, object]) -> tuple[dg.ExecuteInProcessResult, list[Any]]:
    """A run of an asset that asks for all three; what it was given."""
    given: list[Any] = []

    @dg.asset
    def probe(
        settings: dg.ResourceParam[Settings],
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> None:
        given.extend((settings, lakehouse, tracking))

    done = dg.materialize(
        [probe],
        resources=_resources(settings),
        run_config={"resources": {name: {"config": values} for name, values in config.items()}},
        raise_on_error=False,
    )
    return done, given


def test_assets_are_given_what_the_settings_say_secrets_included(tmp_path: Path) -> None:
    secret = {"spark.hadoop.fs.s3a.secret.key": "hidden"}
    uri = "postgresql://churn:hidden@db.example/mlflow"
    settings = settings_for(tmp_path).model_copy(update={"tracking_uri": uri, "spark_conf": secret})
    done, (found, lakehouse, tracking) = _probe(settings, {})
    assert done.success
    assert found == settings
    assert isinstance(lakehouse, Lakehouse) and lakehouse.settings == settings
    assert "spark" not in vars(lakehouse)
    assert (tracking.uri, tracking.experiment) == (uri, "churn_telecom")


@pytest.mark.parametrize(
    ("config", "given"),
    [
        ({}, AskedDay()),
        ({"as_of": ""}, AskedDay()),
        ({"as_of": "2026-06-15"}, AskedDay(date(2026, 6, 15))),
        ({"as_of": "15 June"}, None),
    ],
)
def test_a_run_may_ask_for_a_day(tmp_path: Path, config: Mapping[str, str], given: AskedDay | None) -> None:
    found: list[AskedDay] = []

    @dg.asset
    def probe(asked_day: dg.ResourceParam[AskedDay]) -> None:
        found.append(asked_day)

    done = dg.materialize(
        [probe],
        resources=_resources(settings_for(tmp_path)),
        run_config={"resources": {"asked_day": {"config": config}}},
        raise_on_error=False,
    )
    assert (done.success, found) == ((False, []) if given is None else (True, [given]))
    if given is None:
        [failed] = [e for e in done.all_events if e.event_type_value == "RESOURCE_INIT_FAILURE"]
        assert "'15 June'; write a day as YYYY-MM-DD" in str(failed.event_specific_data)


@pytest.mark.parametrize(
    ("resource", "field", "value"),
    [("lakehouse", "lake", "/elsewhere"), ("settings", "keep_days", 7), ("tracking", "experiment", "mine")],
)
def test_a_run_cannot_be_launched_with_other_values(
    tmp_path: Path, resource: str, field: str, value: object
) -> None:
    """It would write to another lake than the sensors look at."""
    settings = settings_for(tmp_path)
    shown = _resources(settings)[resource]._resolved_config_dict
    done, given = _probe(settings, {resource: shown | {field: value}})
    assert not done.success and given == []
    [failed] = [e for e in done.all_events if e.event_type_value == "RESOURCE_INIT_FAILURE"]
    assert f"{field} cannot be changed for one run" in str(failed.event_specific_data)


def test_they_are_configurable_resources_and_show_every_setting(tmp_path: Path) -> None:
    resources = _resources(settings_for(tmp_path))
    kinds = {name: type(resource) for name, resource in resources.items()}
    assert kinds == {
        "settings": SettingsResource,
        "lakehouse": LakehouseResource,
        "tracking": TrackingResource,
        "asked_day": AskedDayResource,
    }
    assert all(issubclass(kind, dg.ConfigurableResource) for kind in kinds.values())
    assert SettingsResource.model_fields.keys() - {"in_effect"} == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/data/lake", "/data/lake"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("postgresql://me:se@cret@db/mlflow", "postgresql://***@db/mlflow"),
        ("https://token@mlflow.example/x@y", "https://***@mlflow.example/x@y"),
        ("https://me:sec/ret@mirror.example.com/maven2", "https://***@mirror.example.com/maven2"),
        ("https://mirror.example.com:8443/maven2/x@y", "https://mirror.example.com:8443/maven2/x@y"),
        ("postgresql://db/mlflow?user=me&password=hidden", "postgresql://db/mlflow?user=me&password=***"),
        (
            "https://blob.example/c?sv=2024&sig=hidden&se=2026",
            "https://blob.example/c?sv=2024&sig=***&se=2026",
        ),
        ("abfss://lake@account.dfs.core.windows.net/x", "abfss://lake@account.dfs.core.windows.net/x"),
        ("s3a://bucket/landing", "s3a://bucket/landing"),
    ],
)
def test_locations_are_shown_without_secrets(location: str, shown: str) -> None:
    assert without_secrets(location) == shown
