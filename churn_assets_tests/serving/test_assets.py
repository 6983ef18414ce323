"""What the release refuses is a failed check with its evidence, and the release in force stays."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.contracts.business import Business
from churn_assets.definitions import tracking_of
from churn_assets.graph.names import RELEASE, SERVING_STATUS
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.serving.assets import REPRODUCES, VERIFIES, serving_assets
from churn_assets.serving.release.reading import current_release, read_status
from churn_assets.serving.status import is_older, read_lights
from churn_assets_tests.checks import evaluations, require_blocked
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.scored_cohorts import MONTHS
from churn_assets_tests.serving.release.made import publish


def made(
    house: Lakehouse, of: Business, asset: tables.Table, instance: dg.DagsterInstance | None = None
) -> dg.ExecuteInProcessResult:
    assets = serving_assets(of)
    upstream = {key for definition in assets for key in definition.asset_deps[definition.key]}
    ours = {definition.key for definition in assets}
    return dg.materialize(
        [*assets, *(dg.AssetSpec(key) for key in upstream - ours)],
        selection=dg.AssetSelection.assets(asset.key),
        resources={"lakehouse": house, "tracking": tracking_of(house.settings, of)},
        instance=instance,
        raise_on_error=False,
    )


def test_without_scores_nothing_is_released_and_no_check_has_passed(
    tmp_path: Path, business: Business
) -> None:
    empty = Lakehouse(settings_for(tmp_path / "empty"))
    result = made(empty, business, RELEASE)
    assert result.success
    checks = evaluations(result)
    assert {key.partition(":")[2] for key in checks} == {VERIFIES, REPRODUCES}
    for found in checks.values():
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "nobody has been scored yet" in found.description
    assert current_release(empty.settings.releases_uri) is None


def test_scores_without_segments_are_not_released(lakehouse: Lakehouse, business: Business) -> None:
    publish(lakehouse.settings.releases_uri)
    before = current_release(lakehouse.settings.releases_uri)
    june = [
        {"customer_key": "a", "as_of_date": day, "segment": "all", "action": "none", "model_version": "1"}
        for day in lakehouse.slices(tables.CHURN_SCORES, "as_of_date")[:1]
    ]
    segments = tables.CUSTOMER_SEGMENTS
    days = [row["as_of_date"] for row in june]
    lakehouse.replace_rows(segments, segments.rows(june), "as_of_date", days, run_id="made")
    with dg.DagsterInstance.ephemeral() as instance:
        result = made(lakehouse, business, RELEASE, instance)
        told = require_blocked(result, instance, RELEASE, REPRODUCES)
    assert "The scores of 2025-08-31 have no segments" in told
    assert f"churn-assets run score --from {MONTHS[-1]}" in told
    assert current_release(lakehouse.settings.releases_uri) == before


def with_extracts(lakehouse: Lakehouse) -> None:
    """Each month had one extract, at its end."""
    passed = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    rows = [row | {"extract_dates": [month_end(row["extract_month"])]} for row in passed]
    months = sorted({row["extract_month"] for row in rows})
    table = tables.RECONCILIATION
    lakehouse.replace_rows(table, table.rows(rows), "extract_month", months, run_id="made")


@pytest.mark.parametrize("released", [True, False])
def test_the_status_names_every_source(lakehouse: Lakehouse, business: Business, released: bool) -> None:
    with_extracts(lakehouse)
    root = lakehouse.settings.releases_uri
    if released:
        publish(root)
    result = made(lakehouse, business, SERVING_STATUS)
    assert result.success
    [found] = evaluations(result).values()
    assert found.passed and found.metadata["sources"].value == 3
    status = read_status(root)
    assert status is not None
    told = {source["source"]: source for source in status["sources"]}
    assert told["tickets"]["missing_months"][0] == "2025-09"
    assert told["customers"]["known_until"] == "2025-09-30"
    assert (status["release"] is None) == (not released)
    assert status["incidents"] == [] and status["people"] == []


def test_the_status_tells_of_a_release_that_cannot_be_read(lakehouse: Lakehouse, business: Business) -> None:
    root = lakehouse.settings.releases_uri
    name = publish(root).name
    (Path(root) / "releases" / name / "manifest.json").write_text("{}")
    with_extracts(lakehouse)
    told = read_lights(lakehouse, business, datetime.now(UTC))
    assert told["release"] == {"broken": "manifest.json cannot be read (KeyError)."}


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"at": 5}', '{"at": "today"}'])
def test_a_status_that_cannot_be_read_is_written_anew(tmp_path: Path, content: str) -> None:
    settings = settings_for(tmp_path)
    file = Path(settings.releases_uri) / "STATUS.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert is_older(Lakehouse(settings), datetime(2026, 1, 1, tzinfo=UTC))
