"""Kills at random steps of extracts of a database, a folder and a topic: no row is lost or doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from churn_assets.local_servers.kafka_broker import KafkaBroker

KILLS = int(os.environ.get("KILLS", "24"))  # KILLS=100 takes about four times as long


@pytest.mark.slow
def test_kills_over_all_steps_lose_and_double_nothing(tmp_path: Path, broker: KafkaBroker) -> None:
    broker.create_topic("killed", 3)
    command = [sys.executable, "-m", "churn_assets_tests.sources.kills", str(tmp_path)]
    done = subprocess.run(
        [*command, broker.address, "killed", str(KILLS), "7"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sum(told["killed"].values()) == KILLS
    for kind in ("folder", "topic"):
        assert (told["held"][kind]["lost"], told["held"][kind]["doubled"]) == (0, 0)
    orders = told["held"]["database"]
    # an extract begins with the newest row of the one before, which silver counts as a duplicate
    assert orders["lost"] == 0 and orders["doubled"] <= KILLS / 3 + 1
    assert all(found["rows"] > 0 for found in told["held"].values())
