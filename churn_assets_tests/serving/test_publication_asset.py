"""The asset serving/publication follows each release, if the settings name a database."""

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.graph.names import PUBLICATION, RELEASE
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.serving.publication_asset import ALL_ROWS, publication_assets
from churn_assets.settings import Settings
from churn_assets_tests.checks import evaluations, require_blocked
from churn_assets_tests.serving.release import made

KEY = dg.AssetKey(PUBLICATION.key)


def settings_of(folder: Path, target: str) -> Settings:
    """A home in the folder whose releases are published to the target."""
    return Settings.model_validate({"home": str(folder), "publish_to": target})


def run(settings: Settings, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """One run of the asset alone."""
    [asset] = publication_assets(load_business(settings.business_path), settings)
    return dg.materialize(
        [asset, dg.AssetSpec(RELEASE.key)],
        selection=dg.AssetSelection.assets(KEY),
        resources={"lakehouse": Lakehouse(settings)},
        instance=instance,
        raise_on_error=False,
    )


def test_the_asset_is_there_if_a_database_is_named(tmp_path: Path) -> None:
    without = build_defs(Settings(home=str(tmp_path))).resolve_asset_graph()
    assert KEY not in without.get_all_asset_keys()
    graph = build_defs(settings_of(tmp_path, "postgresql://me:geheim@host/db")).resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get(KEY).parent_keys} == {RELEASE.path}
    assert "geheim" not in str(graph.get(KEY).metadata)


def test_each_release_replaces_the_rows_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "bi.duckdb"
    settings = settings_of(tmp_path / "home", f"duckdb:{file}")
    for number in range(2):
        release = made.publish(settings.releases_uri, number)
        result = run(settings)
        assert result.success
        found = evaluations(result)[f"{PUBLICATION.path}:{ALL_ROWS}"]
        assert found.passed and found.metadata["rows"].value == 201
        with duckdb.connect(str(file), read_only=True) as opened:
            [(name, rows)] = opened.execute(
                "SELECT release, (SELECT count(*) FROM churn_assets.customers) FROM churn_assets.release"
            ).fetchall()
        assert (name, rows) == (release.name, 200)


def test_without_a_release_nothing_is_judged(tmp_path: Path) -> None:
    result = run(settings_of(tmp_path / "home", f"duckdb:{tmp_path / 'bi.duckdb'}"))
    assert result.success and not (tmp_path / "bi.duckdb").exists()
    found = evaluations(result)[f"{PUBLICATION.path}:{ALL_ROWS}"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    "target", ["duckdb:{folder}/none/bi.duckdb", "postgresql://me:geheim@127.0.0.1:1/db"]
)
def test_a_database_that_cannot_be_reached_is_a_failed_check(tmp_path: Path, target: str) -> None:
    settings = settings_of(tmp_path / "home", target.format(folder=tmp_path))
    made.publish(settings.releases_uri)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(settings, instance)
        told = require_blocked(result, instance, PUBLICATION, ALL_ROWS)
    assert "then run `churn-assets publish`" in told
    assert "geheim" not in told and "geheim" not in str(result.all_events)
