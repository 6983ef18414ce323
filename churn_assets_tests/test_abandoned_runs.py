"""A run whose process was killed does not stay under way."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.abandoned_runs import HOLDS_LOCK, alive, end_abandoned, told
from churn_assets.automation.under_way import job_under_way
from churn_assets.cli.doctor_data import check_runs
from churn_assets.graph.partitions import range_tags
from churn_assets.runs import dagster_instance
from churn_assets_tests.lakes import settings_for

# A run of a job that kills its own process in its only step.
KILLED = """
import dagster as dg
import pytest
from churn_assets import runs
from churn_assets.settings import Settings

@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2025-01"]))
def dies():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

defs = dg.Definitions([dies], jobs=[dg.define_asset_job("ingest", "*")])
runs.build_defs = lambda _: defs
runs.delta_jars = lambda *_: None
with runs.dagster_instance(Settings()) as instance:
    runs.run_job(instance, Settings(), "ingest", ["2025-01"], None)
"""


@pytest.mark.one_python(reason="kills a run of Dagster; the records of a run are the same")
def test_the_next_command_ends_a_run_whose_process_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env=os.environ | {"CHURN_HOME": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert done.returncode == -9
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with dg.DagsterInstance.get() as instance:
        assert job_under_way(instance) == "ingest", "as Dagster has it, it still runs"
    finding = check_runs(settings)
    assert finding.status == "warn"
    assert finding.what == "The run ingest of 2025-01 was killed; it is marked as failed. Run it again."
    with dagster_instance(settings) as instance:
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert job_under_way(instance) is None
    assert check_runs(settings).status == "ok"
    assert list((tmp_path / "dagster" / "running").iterdir()) == []


def test_a_run_that_goes_on_and_a_run_of_the_daemon_are_left_alone(tmp_path: Path) -> None:
    settings, tags = settings_for(tmp_path), range_tags(["2025-01", "2025-02"])
    with dagster_instance(settings) as instance:
        mine = instance.create_run_for_job(_job(), status=dg.DagsterRunStatus.STARTED, tags=tags | HOLDS_LOCK)
        daemons = instance.create_run_for_job(_job(), status=dg.DagsterRunStatus.STARTED, tags=tags)
        with alive(settings, mine.run_id):
            assert end_abandoned(instance, settings) == []
        assert [run.run_id for run in end_abandoned(instance, settings)] == [mine.run_id]
        assert "nothing of 2025-01 to 2025-02" in told(mine)
        left = instance.get_run_by_id(daemons.run_id)
        assert left is not None and left.status == dg.DagsterRunStatus.STARTED


def _job() -> dg.JobDefinition:
    @dg.job
    def nothing() -> None:
        pass

    return nothing
