"""Folders for files on their way into a table: Spark can read them, and nothing of them stays."""

import os
import time
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.lakehouse.engine.staging import LEFT_SECONDS, STAGING, remove_leftovers, staging
from churn_assets.settings import Settings


def test_a_folder_on_this_machine_lies_in_the_scratch_folder_and_is_removed(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    with staging(settings, "run") as first, staging(settings, "run") as second:
        assert first != second
        assert Path(first).parent == Path(second).parent == scratch_folder(settings) / "staged"
        Path(first, "rows.parquet").touch()
    assert [*(scratch_folder(settings) / "staged").iterdir()] == []


@pytest.mark.parametrize("lake", ["{}/lake", "file://{}/lake"])
def test_a_folder_of_a_cluster_lies_below_the_lake(tmp_path: Path, lake: str) -> None:
    settings = Settings(home=str(tmp_path), lake=lake.format(tmp_path), spark_master="spark://there:7077")
    with staging(settings, "run") as folder:
        assert folder.startswith(f"{lake.format(tmp_path)}/{STAGING}/run-")
        assert [path.name for path in (tmp_path / "lake" / STAGING).iterdir()] == [folder.rpartition("/")[2]]
    assert [*(tmp_path / "lake" / STAGING).iterdir()] == []


def test_a_folder_is_removed_when_the_write_fails(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    with pytest.raises(ZeroDivisionError), staging(settings, "run") as folder:
        Path(folder, "rows.parquet").touch()
        raise ZeroDivisionError
    assert not Path(folder).exists()


def test_what_killed_runs_left_below_the_lake_is_removed_and_running_ones_are_not(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert remove_leftovers(settings) == 0
    for run in ("killed", "running"):
        (tmp_path / "lake" / STAGING / run / "group").mkdir(parents=True)
        for name in ("0.parquet", "1.parquet"):
            (tmp_path / "lake" / STAGING / run / "group" / name).touch()
    old = time.time() - LEFT_SECONDS - 60
    for file in (tmp_path / "lake" / STAGING).rglob("*.parquet"):
        if "killed" in file.parts or file.name == "0.parquet":
            os.utime(file, (old, old))
    assert remove_leftovers(settings) == 2
    assert [path.name for path in (tmp_path / "lake" / STAGING).iterdir()] == ["running"]
