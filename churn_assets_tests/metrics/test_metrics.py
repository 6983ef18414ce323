"""The figures for Prometheus are those of the records; what is unknown has none. The dashboard shows them all."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

import churn_assets.deployment
from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.metrics.exposition import as_text
from churn_assets.metrics.families import families
from churn_assets.operations.channels.delivery import tell
from churn_assets.operations.channels.message import Message
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.incidents.incident import Condition
from churn_assets.operations.incidents.rules import judge
from churn_assets.operations.incidents.store import change
from churn_assets.operations.log import writing
from churn_assets.operations.service_levels.levels import level, record_levels
from churn_assets_tests.automation.test_incident_sensor import run_ingest
from churn_assets_tests.lakes import settings_for, small_business

NOW = datetime.now(UTC)
DASHBOARD = Path(churn_assets.deployment.__file__).with_name("grafana.json")
Figures = dict[tuple[str, ...], float]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_business(tmp_path, channels=[{"name": "files", "kind": "folder", "folder": "f"}])


@pytest.fixture
def business(folder: Path) -> Business:
    return load_business(folder)


@pytest.fixture
def lakehouse(tmp_path: Path, folder: Path) -> Iterator[Lakehouse]:
    settings = settings_for(tmp_path / "home", folder)
    writing.start(settings)
    yield Lakehouse(settings)
    writing.stop()


def _figures(text: str) -> Figures:
    """(name, values of the labels in the order of their names) -> figure."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _now(lakehouse: Lakehouse, business: Business, instance: dg.DagsterInstance | None = None) -> Figures:
    return _figures(as_text(families(lakehouse, business, instance, NOW)))


def _step(name: str, asset: str, **more: Any) -> None:
    level = logging.ERROR if name == "step.failed" else logging.INFO
    writing.event(name, f"{asset} ended.", level=level, asset=asset, **more)


def test_a_new_home_has_no_figures_about_what_never_was(lakehouse: Lakehouse, business: Business) -> None:
    found = _now(lakehouse, business)
    assert {name for name, *_ in found} == {"churn_incidents_open", "churn_log_bytes"}
    assert set(found.values()) == {0.0}


def test_steps_are_those_of_the_log_before_and_after_it_was_taken(
    lakehouse: Lakehouse, business: Business
) -> None:
    _step("step.ended", "gold/customers", rows=5, seconds=2.5, cpu_seconds=1.25, peak_memory_bytes=1000)
    _step("step.ended", "silver/usage", rows=9, seconds=1.0)
    first = _now(lakehouse, business)
    assert first["churn_step_rows", "gold/customers"] == 5
    assert first["churn_step_cpu_seconds", "gold/customers"] == 1.25
    assert first["churn_step_peak_memory_bytes", "gold/customers"] == 1000
    assert ("churn_step_cpu_seconds", "silver/usage") not in first, "not known"
    with dg.DagsterInstance.ephemeral() as instance:
        assert (
            build_defs(lakehouse.settings)
            .resolve_job_def("collect")
            .execute_in_process(instance=instance)
            .success
        )
    _step("step.failed", "silver/usage", seconds=0.5)
    after = _now(lakehouse, business)
    assert after["churn_step_rows", "gold/customers"] == 5
    assert (after["churn_step_failed", "silver/usage"], after["churn_step_failed", "gold/customers"]) == (
        1,
        0,
    )
    assert after["churn_step_seconds", "silver/usage"] == 0.5
    success = "churn_step_succeeded_timestamp_seconds"
    assert after[success, "silver/usage"] == first[success, "silver/usage"]


def test_runs_tell_how_long_they_took_and_waited(lakehouse: Lakehouse, business: Business) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_ingest(instance, False, "2026-05", "2026-05")
        run_ingest(instance, True, "2026-06", "2026-06")
        found = _now(lakehouse, business, instance)
        assert found["churn_run_failed", "ingest"] == 1
        assert 0 <= found["churn_run_seconds", "ingest"] < 60
        assert 0 <= found["churn_run_queue_seconds", "ingest"] < 60
        assert abs(found["churn_run_ended_timestamp_seconds", "ingest"] - datetime.now(UTC).timestamp()) < 60
        assert (found["churn_runs", "queued"], found["churn_runs", "running"]) == (0, 0)


def test_sources_tell_their_rows_and_how_late_they_are(lakehouse: Lakehouse, business: Business) -> None:
    name = business.sources[0].name
    rows = [
        {
            "source": name,
            "extract_month": month,
            "delivered": n,
            "accepted": n - 3,
            "duplicate": 1,
            "quarantined": 2,
        }
        | {
            "extract_dates": [date.fromisoformat(f"{month}-28")],
            "whole": True,
            "refused_by": refused,
            "balances": True,
        }
        for month, n, refused in (("2025-05", 100, "volume"), ("2025-06", 200, None))
    ]
    table = tables.RECONCILIATION
    lakehouse.replace_rows(table, table.rows(rows), "extract_month", ["2025-05", "2025-06"], run_id="run")
    found = _now(lakehouse, business)
    outcomes = ("accepted", "delivered", "duplicate", "quarantined")
    assert [found["churn_source_rows", outcome, name] for outcome in outcomes] == [197, 200, 1, 2]
    assert found["churn_source_refused_months", name] == 1
    newest = datetime(2025, 6, 28, tzinfo=UTC).timestamp()
    assert found["churn_source_newest_extract_timestamp_seconds", name] == newest
    assert found["churn_source_days_late", name] > 0
    files = list(Path(lakehouse.uri(table)).rglob("*.parquet"))
    assert found["churn_table_bytes", table.path] == sum(file.stat().st_size for file in files)


def test_records_of_operations_have_figures(lakehouse: Lakehouse, business: Business) -> None:
    day = NOW.date()
    record_levels(lakehouse, [level(day - timedelta(days=1), "fresh_scores", 30, 0.95, [False])], "run")
    record_levels(lakehouse, [level(day, "fresh_scores", 30, 0.9, [True] * 19 + [False])], "run")
    record_levels(lakehouse, [level(day, "month_end_success", 30, 0.9, [])], "run")
    condition = Condition("run_failed", "run:x", "1", "x failed", "evidence")
    outbox = Outbox(lakehouse.settings.home_path)
    change(lakehouse, lambda known: judge(known, [condition], {}, NOW, outbox.id), "test")
    message = Message("1", "incidents", "run_failed", "INC-1", "x", "x", "warning", NOW, {})
    tell(outbox, business.file.channels, [message], None)
    found = _now(lakehouse, business)
    assert found["churn_incidents_open", "P3"] == 1 and found["churn_incidents_open", "P1"] == 0
    assert found["churn_channel_messages_waiting", "files"] == 1
    assert found["churn_channel_failing", "files"] == 0
    assert found.get(("churn_service_level_ratio", "month_end_success")) is None, "nothing to judge"


def test_service_levels_are_those_of_the_newest_day(lakehouse: Lakehouse, business: Business) -> None:
    day = NOW.date()
    record_levels(lakehouse, [level(day - timedelta(days=1), "fresh_scores", 30, 0.95, [False])], "run")
    record_levels(lakehouse, [level(day, "fresh_scores", 30, 0.9, [True] * 19 + [False])], "run")
    found = _now(lakehouse, business)
    assert found["churn_service_level_ratio", "fresh_scores"] == 0.95
    assert found["churn_service_level_target_ratio", "fresh_scores"] == 0.9
    assert found["churn_service_level_budget_left_ratio", "fresh_scores"] == pytest.approx(0.5)


def test_the_command_prints_and_replaces_a_file(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHURN_HOME", lakehouse.settings.home)
    monkeypatch.setenv("CHURN_BUSINESS", str(lakehouse.settings.business))
    printed = CliRunner().invoke(cli, ["metrics"])
    assert printed.exit_code == 0
    assert ("churn_incidents_open", "P1") in _figures(printed.output)
    file = tmp_path / "churn.prom"
    file.write_text("old")
    assert CliRunner().invoke(cli, ["metrics", "--to", str(file)]).output == ""
    assert _figures(file.read_text()).keys() == _figures(printed.output).keys()
    assert sorted(f.name for f in tmp_path.glob("churn.prom*")) == ["churn.prom"]


def test_the_dashboard_shows_every_figure_and_no_other(lakehouse: Lakehouse, business: Business) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        told = {family.name for family in families(lakehouse, business, instance, NOW)}
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    shown = {name for p in panels for t in p["targets"] for name in re.findall(r"churn_[a-z_]+", t["expr"])}
    assert shown == told
    assert len({panel["id"] for panel in panels}) == len(panels)
