"""Drills of what goes wrong outside: a full disk, an upload that stops half-way, a clock that is set back."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from churn_assets.automation.landing_sensor import ingest_new_files_sensor
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import write_parquet
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.runs import DISK_FULL
from churn_assets.sources.arrivals import QUIET_SECONDS, look, touched
from churn_assets_tests.lakes import settings_for, small_business, write_csv
from churn_assets_tests.worlds import MONTHS, Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

USAGE = dg.AssetSelection.assets(["bronze", "usage"], ["silver", "usage"])
NOW = datetime(2025, 12, 15, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def whole(lost_and_found: dict[str, Any]) -> Lake:
    """The finished lake; nobody writes to it."""
    found: Lake = lost_and_found["lake"]
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB, in memory; Linux, and whoever may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    # lazily: a reader may still hold a file
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _state(lake: Lake) -> dict[str, Any]:
    source = lake.business.source("usage")
    return {t.path: lake.frame(t) for t in (tables.bronze(source), tables.silver(source))}


def _same(state: dict[str, Any], expected: dict[str, Any]) -> None:
    for path, frame in expected.items():
        pd.testing.assert_frame_equal(state[path], frame, obj=path)


@pytest.mark.jvm(reason="the drill below runs on Sail")
def test_spark_tells_a_full_disk_in_the_words_that_are_looked_for(
    spark: "SparkSession", small_disk: Path
) -> None:
    rows = spark.range(3_000_000).selectExpr("xxhash64(id) AS number")
    with pytest.raises(Exception, match=DISK_FULL):
        write_parquet(rows, small_disk / "rows", [])


@pytest.mark.one_engine(reason="runs jobs; the words of Spark are above")
def test_a_full_disk_fails_the_run_and_nothing_else(whole: Lake, tmp_path: Path, small_disk: Path) -> None:
    sibling = whole.sibling(tmp_path / "lake")
    shutil.copytree(sibling.settings.lake_uri, small_disk / "lake")
    lake = Lake(sibling.settings.model_copy(update={"lake": str(small_disk / "lake")}), whole.business)
    lake.succeed(USAGE, MONTHS[:3])
    before = _state(lake)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 24 * 1024))
    result = lake.run(USAGE, MONTHS[3:])
    [said] = failures(result).values()
    assert "No space left on device" in said and "nothing was committed" in said, said
    _same(_state(lake), before)
    ballast.unlink()
    lake.succeed(USAGE, MONTHS[3:])
    _same(_state(lake), _state(whole))


@pytest.mark.one_engine(reason="no engine reads the files")
def test_half_a_file_is_refused_and_the_whole_one_taken(whole: Lake, tmp_path: Path) -> None:
    """An upload that died: no longer young, and cut off in the middle."""
    lake = whole.sibling(tmp_path)
    lake.succeed(USAGE, MONTHS[:1])
    before = _state(lake)
    [file, *_] = sorted(
        Path(lake.settings.landing_uri, "usage").glob(f"extract_date={MONTHS[0]}-*/*.parquet")
    )
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    result = lake.run(USAGE, MONTHS[:1])
    [(step, said)] = failures(result).items()
    assert step == "silver__usage" and f"usage {MONTHS[0]}: unread" in said
    assert f"{file.parent.name}/{file.name} lacks the end of a Parquet file" in said
    assert "Deliver it again" in said
    silver = tables.silver(lake.business.source("usage"))
    pd.testing.assert_frame_equal(lake.frame(silver), before[silver.path])
    file.write_bytes(content)
    lake.succeed(USAGE, MONTHS[:1])
    _same(_state(lake), before)


def _at(file: Path, seconds: float) -> Path:
    """The file, changed that many seconds after NOW."""
    os.utime(file, (NOW + seconds, NOW + seconds))
    return file


def test_a_file_that_grows_is_asked_for_when_it_has_come_to_rest(tmp_path: Path) -> None:
    business, landing = load_business(small_business(tmp_path)), str(tmp_path / "landing")
    rows = [{"customer_id": "C1"}]
    known = look(landing, business, {}, NOW).arrivals
    for second in range(0, 5 * QUIET_SECONDS, QUIET_SECONDS - 1):  # another row just before each look
        _at(write_csv(landing, "customers", "2025-03-31", rows * (second + 1)), second)
        found = look(landing, business, known, NOW + second + QUIET_SECONDS - 1).arrivals
        assert touched(known, found) == []
        known = found
    found = look(landing, business, known, NOW + second + QUIET_SECONDS).arrivals
    assert touched(known, found) == ["2025-03"]
    # and when it goes on after all, it is asked for again
    _at(write_csv(landing, "customers", "2025-03-31", rows * 1000), second + 100)
    assert touched(found, look(landing, business, found, NOW + second + 500).arrivals) == ["2025-03"]


@pytest.mark.parametrize(
    ("ahead", "asked"), [(QUIET_SECONDS - 1, []), (QUIET_SECONDS, ["2025-03"]), (86_400, ["2025-03"])]
)
def test_a_file_from_the_future_is_not_young_for_ever(tmp_path: Path, ahead: int, asked: list[str]) -> None:
    """Delivered, then the clock was set back; or the sender's is ahead."""
    business, landing = load_business(small_business(tmp_path)), str(tmp_path / "landing")
    _at(write_csv(landing, "customers", "2025-03-31", [{"customer_id": "C1"}]), ahead)
    assert touched({}, look(landing, business, {}, NOW).arrivals) == asked


def test_a_month_that_the_calendar_reaches_later_is_asked_for_then(tmp_path: Path) -> None:
    """The calendar is lengthened, or the clock was set back over the end of a month and is right again."""
    lakehouse = Lakehouse(settings_for(tmp_path))
    file = write_csv(lakehouse.settings.landing_uri, "customers", "2025-07-31", [{"customer_id": "C1"}])
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    cursor, results, instance = None, [], dg.DagsterInstance.ephemeral()
    for end in ("2025-06", "2025-06", "2025-07"):
        business = load_business(small_business(tmp_path, calendar={"start": "2025-01", "end": end}))
        context = dg.build_sensor_context(
            cursor=cursor, instance=instance, resources={"lakehouse": lakehouse}
        )
        result: Any = ingest_new_files_sensor(business)(context)
        cursor = context.cursor if isinstance(result, dg.SkipReason) else result.cursor
        results.append(result)
    assert [isinstance(result, dg.SkipReason) for result in results] == [True, True, False]
    for result in results[:2]:
        assert "2025-07 is no month of the calendar" in str(result.skip_message)
    [request] = results[2].run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2025-07"
