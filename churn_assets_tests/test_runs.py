"""Runs of this process: an interrupted one is over, for Dagster and for MLflow."""

import errno
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from churn_assets import runs
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.lakehouse.engine.jars import JarsError
from churn_assets.lakehouse.engine.java import JavaNotFoundError
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.lakes import settings_for


def test_ctrl_c_ends_the_run_and_its_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensors wait for a run that has not ended, for up to a day; the training's own thread never gets to its end."""
    begun, end = threading.Event(), threading.Event()
    settings = settings_for(tmp_path)
    opened: list[str] = []

    @dg.asset(key=dg.AssetKey(CHURN_MODEL.key), partitions_def=dg.StaticPartitionsDefinition(["2025-12"]))
    def churn_model(context: dg.AssetExecutionContext, tracking: dg.ResourceParam[Tracking]) -> None:
        with tracking.training_run(context.run.run_id, date(2025, 12, 31)) as run:
            opened.append(run.run_id)
            begun.set()
            end.wait(60)

    tracking = Tracking(settings.mlflow_uri, settings.mlflow_artifacts, "churn", "churn")
    job = dg.define_asset_job("train", dg.AssetSelection.assets(CHURN_MODEL.key))
    defs = dg.Definitions([churn_model], jobs=[job], resources={"tracking": tracking})
    monkeypatch.setattr(runs, "build_defs", lambda _: defs)
    monkeypatch.setattr(runs, "tracking_of", lambda *_: tracking)

    def interrupted(*_: object, **__: object) -> None:
        assert begun.wait(60)
        raise KeyboardInterrupt

    with runs.dagster_instance(settings) as instance:
        monkeypatch.setattr(runs, "running_tasks", interrupted)
        try:
            with pytest.raises(KeyboardInterrupt):
                runs.run_job(instance, settings, "train", ["2025-12"], None)
            [run] = instance.get_runs()
            assert run.status == dg.DagsterRunStatus.CANCELED
            from mlflow import MlflowClient

            assert MlflowClient(settings.mlflow_uri).get_run(opened[0]).info.status == "FAILED"
        finally:
            end.set()
            for thread in threading.enumerate():
                if thread.name == "run train":
                    thread.join(60)


def test_steps_are_shown_as_they_begin_and_end() -> None:
    """The step's events come from the thread of the run; others, and lines of the log, are not shown."""
    kinds, told = dg.DagsterEventType, list[tuple[object, ...]]()
    steps: Any = SimpleQueue()
    for kind in (kinds.STEP_START, kinds.STEP_OUTPUT, kinds.STEP_SUCCESS, None):
        event = None if kind is None else SimpleNamespace(event_type=kind, step_key="gold__customers")
        steps.put(SimpleNamespace(dagster_event=event, timestamp=9.0))
    display: Any = SimpleNamespace(
        count=lambda _: None,
        begin=lambda *of: told.append(("begin", *of)),
        end=lambda *of: told.append(("end", *of)),
    )
    worker = threading.Thread(target=lambda: None)
    worker.start()
    runs._follow(worker, steps, display)
    assert told == [("begin", "gold/customers", 9.0), ("end", "gold/customers", 9.0)]


def test_without_the_delta_jars_no_run_begins(tmp_path: Path) -> None:
    nowhere = {"engine": "spark", "jars": str(tmp_path / "kept"), "maven": str(tmp_path / "nowhere")}
    settings = settings_for(tmp_path / "home").model_copy(update=nowhere)
    with runs.dagster_instance(settings) as instance:
        with pytest.raises(JarsError):
            runs.run_job(instance, settings, "ingest", ["2026-01"], None)
        assert instance.get_runs() == []


def _failure_of(
    assets: Sequence[dg.AssetsDefinition], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What is told of a run of these assets, which fails."""
    defs = dg.Definitions(assets, jobs=[dg.define_asset_job("ingest", "*")])
    monkeypatch.setattr(runs, "build_defs", lambda _: defs)
    monkeypatch.setattr(runs, "prepare", lambda *_: None)
    settings = settings_for(tmp_path)
    with runs.dagster_instance(settings) as instance, pytest.raises(runs.RunError) as told:
        runs.run_job(instance, settings, "ingest", ["2025-12"], None)
    return str(told.value)


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2025-12"]))
    def writes() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")

    assert _failure_of([writes], tmp_path, monkeypatch).startswith("writes: the disk is full")


def test_each_step_that_failed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources fail each for a reason of its own; who mends the first one only would run twice."""
    months = dg.StaticPartitionsDefinition(["2025-12"])

    @dg.asset(partitions_def=months)
    def tickets() -> None:
        raise dg.Failure("the token is wrong")

    @dg.asset(partitions_def=months)
    def usage() -> None:
        raise dg.Failure("the broker does not answer")

    told = _failure_of([tickets, usage], tmp_path, monkeypatch)
    assert "tickets: the token is wrong" in told
    assert "usage: the broker does not answer" in told


def test_a_reason_that_several_steps_fail_for_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a Java, all sources fail alike."""
    months = dg.StaticPartitionsDefinition(["2025-12"])

    @dg.asset(key=["bronze", "tickets"], partitions_def=months)
    def tickets() -> None:
        raise JavaNotFoundError("No Java 17 or 21 found.")

    @dg.asset(key=["bronze", "usage"], partitions_def=months)
    def usage() -> None:
        raise JavaNotFoundError("No Java 17 or 21 found.")

    told = _failure_of([tickets, usage], tmp_path, monkeypatch)
    assert told.startswith("bronze/tickets, bronze/usage: No Java 17 or 21 found.\n")


def test_a_run_computes_the_layers_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their checks; the demo computes of `month_end` what its snapshots do not hold yet."""
    months = dg.StaticPartitionsDefinition(["2025-12"])

    @dg.asset(key=["features", "snapshots"], partitions_def=months)
    def snapshots() -> None:
        raise AssertionError

    @dg.asset(key=["scores", "segments"], partitions_def=months, deps=[snapshots])
    def segments() -> None: ...

    @dg.asset_check(asset=segments)
    def everybody() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("month_end", "*")
    defs = dg.Definitions([snapshots, segments], jobs=[job], asset_checks=[everybody])
    monkeypatch.setattr(runs, "build_defs", lambda _: defs)
    monkeypatch.setattr(runs, "prepare", lambda *_: None)
    settings = settings_for(tmp_path)
    with runs.dagster_instance(settings) as instance:
        done = runs.run_job(instance, settings, "month_end", ["2025-12"], None, layers=["scores"])
    assert [event.asset_key.path for event in done.get_asset_materialization_events()] == [
        ["scores", "segments"]
    ]
    assert [found.check_name for found in done.get_asset_check_evaluations()] == ["everybody"]
