"""What a step says when the JVM dies under it."""

import subprocess
import sys
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine.processes import module_environment

pytestmark = [pytest.mark.slow, pytest.mark.jvm(reason="about its end")]
SCRIPT = """
import os, signal
from collections.abc import Iterator
import dagster as dg
from pyspark import SparkContext
from churn_assets.graph.table_asset import table_asset
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings

settings = Settings(
    home={home!r}, engine="spark", engine_profile="small", spark_master="local[1]", driver_memory="512m"
)

@table_asset(tables.CUSTOMERS, load_business(settings.business_path), description="Dies.")
def dies(lakehouse: dg.ResourceParam[Lakehouse]) -> {returns}:
    numbers = lakehouse.spark.range(1)
    {deed}
    {leaves}

done = dg.materialize([dies], resources={{"lakehouse": Lakehouse(settings)}}, raise_on_error=False)
[failed] = [e for e in done.all_events if e.is_step_failure]
print("told:", failed.step_failure_data.user_failure_data.description)
"""
FILLS_THE_HEAP = "numbers.selectExpr(\"length(repeat('x', 1500000000 + int(id)))\").collect()"
KILLS = "os.kill(SparkContext._gateway.proc.pid, signal.SIGKILL); numbers.collect()"
PLAIN = ("dg.MaterializeResult", "return dg.MaterializeResult()")
YIELDING = ("Iterator", "yield dg.MaterializeResult()")


@pytest.mark.parametrize(
    ("deed", "written", "told"),
    [
        (FILLS_THE_HEAP, PLAIN, "Spark ran out of memory. Give its JVM a larger heap by CHURN_DRIVER_MEMORY"),
        (KILLS, YIELDING, "The JVM of Spark ended with exit code -9."),
    ],
    ids=["out of memory", "killed"],
)
def test_a_step_says_why_the_jvm_is_gone(
    tmp_path: Path, deed: str, written: tuple[str, str], told: str
) -> None:
    returns, leaves = written
    script = SCRIPT.format(home=str(tmp_path), deed=deed, returns=returns, leaves=leaves)
    done = subprocess.run(
        [sys.executable, "-c", script], env=module_environment(), capture_output=True, text=True, timeout=300
    )
    assert f"told: {told}" in done.stdout, done.stdout + done.stderr
