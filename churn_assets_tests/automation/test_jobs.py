"""What the jobs select, and that every sensor and schedule has its job."""

import os
import time
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.automation.punctuality import ON_TIME
from churn_assets.cli.demo import AFTER_SNAPSHOTS
from churn_assets.definitions import build_defs
from churn_assets.graph.names import SERVING_STATUS
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.lakes import settings_for


def test_every_sensor_and_schedule_starts_jobs_that_exist(tmp_path: Path) -> None:
    defs = build_defs(settings_for(tmp_path))
    known = {job.name for job in defs.jobs or ()}
    automations = [*(defs.schedules or ()), *(defs.sensors or ())]
    assert len(automations) == 15
    for automation in automations:
        if automation.name == "refresh_cohorts_sensor":  # the only one with two jobs
            assert {target.name for target in automation.jobs} == {"month_end", "settle"} <= known
        elif automation.name in {
            "campaign_requests_sensor",
            "deliver_messages_sensor",
            "incidents_sensor",
        }:  # they do their work themselves
            assert automation.targets == []
        else:
            assert automation.job_name in known
        assert automation.default_status.value == "RUNNING"
        assert automation.description


@pytest.mark.parametrize(
    ("job", "layers"),
    [
        ("ingest", {"bronze", "silver", "gold"}),
        ("snapshot", {"features"}),
        ("train", {"models"}),
        ("score", {"scores", "retention", "serving"}),
        ("monitor", {"monitoring", "serving"}),
        ("month_end", {"features", "scores", "retention", "monitoring", "serving"}),
        ("punctuality", set()),
    ],
)
def test_a_job_is_all_tables_of_its_layers(tmp_path: Path, job: str, layers: set[str]) -> None:
    """Needs no config, and says what it is for; whether sources are in time is asked with what they delivered."""
    definition = build_defs(settings_for(tmp_path)).resolve_job_def(job)
    graph = build_defs(settings_for(tmp_path)).resolve_asset_graph()
    of_a_day = {dg.AssetKey(table.key) for table in (tables.CURRENT_SNAPSHOT, tables.CURRENT_SCORES)}
    made = {key for key in graph.get_all_asset_keys() if graph.get(key).is_materializable} - of_a_day
    status = {dg.AssetKey(SERVING_STATUS.key)} if layers else set()  # readers see what each run changed
    assert definition.asset_layer.selected_asset_keys == {k for k in made if k.path[0] in layers} | status
    in_time = {key for key in definition.asset_layer.asset_graph.asset_check_keys if key.name == ON_TIME}
    assert len(in_time) == (7 if job in ("ingest", "punctuality") else 0)
    assert definition.description
    assert dg.validate_run_config(definition)


def test_the_demo_ends_with_what_score_and_monitor_compute(tmp_path: Path) -> None:
    """In one run, so that one release is made."""
    defs = build_defs(settings_for(tmp_path))
    score, monitor, month_end = (
        defs.resolve_job_def(name).asset_layer.selected_asset_keys
        for name in ("score", "monitor", "month_end")
    )
    assert {key for key in month_end if key.path[0] in AFTER_SNAPSHOTS} == score | monitor


def test_an_ingest_asks_whether_sources_are_in_time_when_it_knows_what_has_passed(tmp_path: Path) -> None:
    """A check that nobody asks after its table was written again shows no result."""
    steps = build_defs(settings_for(tmp_path)).resolve_job_def("ingest").graph.dependencies
    asked = {step.name: inputs for step, inputs in steps.items() if step.name.endswith(ON_TIME)}
    assert len(asked) == 7
    for name, inputs in asked.items():
        before = {output.node for found in inputs.values() for output in found.get_node_dependencies()}
        assert before == {name.removesuffix(f"_{ON_TIME}"), "silver__reconciliation"}


def test_a_day_is_scored_without_months_labels_or_a_training(tmp_path: Path) -> None:
    definition = build_defs(settings_for(tmp_path)).resolve_job_def("daily")
    names = {key.to_user_string() for key in definition.asset_layer.selected_asset_keys}
    assert names == {
        "features/current_snapshot",
        "scores/current_scores",
        "alerts/risk_alerts",
        "serving/release",
        "serving/status",
    }
    assert definition.partitions_def is None
    assert dg.validate_run_config(definition)
    asked = {"resources": {"asked_day": {"config": {"as_of": "2026-06-15"}}}}
    assert dg.validate_run_config(definition, asked)


def test_settling_touches_labels_and_what_they_say_only(tmp_path: Path) -> None:
    keys = build_defs(settings_for(tmp_path)).resolve_job_def("settle").asset_layer.selected_asset_keys
    names = {k.to_user_string() for k in keys}
    assert {"features/churn_labels", "monitoring/model_performance"} <= names
    others = {name for name in names if not name.startswith("monitoring/")}
    assert others == {"features/churn_labels", "serving/status"}


def test_tidying_needs_no_month_and_says_what_it_deleted(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    lakehouse, table = Lakehouse(settings), tables.CHAMPIONS
    lakehouse.append_rows(table, table.rows([{"why": "first"}]), run_id="run")
    left = Path(lakehouse.uri(table), "left-by-a-killed-run.parquet")
    left.write_bytes(b"...")
    os.utime(left, (time.time() - 40 * 86400,) * 2)
    result = build_defs(settings).resolve_job_def("tidy").execute_in_process()
    assert result.success and not left.exists()
    [output] = [e.step_output_data for e in result.all_events if e.is_successful_output]
    assert output.metadata["files"].value == 1
