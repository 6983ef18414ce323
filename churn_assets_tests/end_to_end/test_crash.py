"""A run of a range that is killed in the middle, and the run after it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from churn_assets.lakehouse import tables
from churn_assets_tests.worlds import MONTHS, Lake, lost_and_found

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def _ingest(lake: Lake) -> "subprocess.Popen[str]":
    """`churn-assets run ingest` of all months, in a process group of its own."""
    env = os.environ | {
        "CHURN_HOME": lake.settings.home,
        "CHURN_BUSINESS": str(lake.settings.business),
        "CHURN_ENGINE_PROFILE": "small",
        "CHURN_SPARK_MASTER": "local[2]",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    program = str(Path(sys.executable).with_name("churn-assets"))
    words = [program, "run", "ingest", "--from", MONTHS[0], "--to", MONTHS[-1]]
    return subprocess.Popen(
        words, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def _commits(lake: Lake) -> dict[str, int]:
    root = Path(lake.settings.lake_uri)
    return {
        str(log.parent.relative_to(root)): len(list(log.glob("*.json")))
        for log in root.glob("*/*/_delta_log")
    }


def test_a_killed_range_leaves_whole_commits_and_the_next_run_completes_it(
    spark: "SparkSession", tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = lost_and_found(tmp_path_factory)["lake"]
    assert isinstance(whole, Lake)
    lake = whole.sibling(tmp_path)
    process = _ingest(lake)
    deadline = time.monotonic() + 180
    # silver has begun and usage, the largest, is still to come
    while (
        not _commits(lake).get("silver/customers") and process.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()[0]
    os.killpg(process.pid, signal.SIGKILL)  # its own session: this command and its JVM
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = _commits(lake)
    assert left["silver/customers"] == 1
    assert "silver/usage" not in left and "silver/reconciliation" not in left
    # what was committed is whole
    name = tables.silver(lake.business.source("customers"))
    assert lake.lakehouse.count(name) == whole.lakehouse.count(name)
    again = _ingest(lake)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    compared = [*(tables.silver(s) for s in lake.business.sources), tables.QUARANTINE, tables.RECONCILIATION]
    for table in compared:
        pd.testing.assert_frame_equal(lake.frame(table), whole.frame(table), obj=table.path)
