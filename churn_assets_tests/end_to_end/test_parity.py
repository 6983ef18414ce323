"""Both engines make the same tables; and the comparison sees a difference."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from benchmarks.parity import Difference, compare_engines, differences, new_world

C1 = "-XX:TieredStopAtLevel=1"
ROWS = {"key": ["a", "b"], "count": [1, 2], "value": [0.1, 2e9], "texts": [["x"], None]}


def lake(folder: Path, **changes: object) -> Path:
    write_deltalake(folder / "layer" / "table", pa.table(ROWS | changes))
    return folder


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({name: column[::-1] for name, column in ROWS.items()}, []),
        ({"value": [0.1 + 1e-12, 2e9 + 1e-6]}, []),
        ({"value": [0.1 + 1e-8, 2e9]}, ["value: 1 of 2 values differ"]),
        ({"value": [None, 2e9]}, ["value: 1 of 2 values differ"]),
        ({"count": [1, 3]}, ["count: 1 of 2 values differ"]),
        ({"texts": [["y"], None]}, ["texts: 1 of 2 values differ"]),
        ({"count": pa.array([1, 2], pa.int32())}, ["types: {'count': ('int64', 'int32')}"]),
        ({name: column[:1] for name, column in ROWS.items()}, ["2 and 1 rows"]),
    ],
)
def test_a_difference_between_two_lakes_is_found(
    tmp_path: Path, changes: dict[str, object], told: list[str]
) -> None:
    found, rows = differences(lake(tmp_path / "one"), lake(tmp_path / "other", **changes))
    assert found == [Difference("layer/table", what) for what in told]
    assert rows == {"layer/table": 2}


def test_a_table_of_one_engine_only_is_found(tmp_path: Path) -> None:
    one, other = lake(tmp_path / "one"), lake(tmp_path / "other")
    write_deltalake(other / "more", pa.table(ROWS))
    assert differences(one, other)[0] == [Difference("more", "exists on one engine only")]


@pytest.mark.slow
@pytest.mark.jvm(reason="one of the two engines is Spark")
def test_sail_and_spark_make_the_same_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the telecom operator, with its dirt: all months, then a late file with a month again and the snapshots.

    `make parity` also makes snapshots before the late file, refuses an erased month, trains, scores and monitors.
    """
    # the session of a user, but for the second compiler, which pays in longer runs only
    monkeypatch.setenv("CHURN_SPARK_CONF", json.dumps({"spark.driver.extraJavaOptions": C1}))
    notes: list[str] = []
    world = new_world("telecom", tmp_path, customers=100, months=8, seed=3)
    months, late, _ = world.stages(models=False)
    stages = [replace(months, runs=[run for run in months.runs if run[0] == "ingest"]), late]
    found, rows = compare_engines(world, stages, note=notes.append)
    assert found == [], notes
    compared = {name for name, count in rows.items() if count}
    assert rows.keys() - compared == {"bronze/app_contacts", "silver/app_contacts"}, (
        "nobody marks a contact here"
    )
    assert rows["features/customer_snapshots"] > 100
    sail, spark = (_snapshots(world.lake(engine, late)) for engine in ("sail", "spark"))
    assert sail.equals(spark), "to the last bit, so that both train the same model"


def _snapshots(lake: Path) -> pa.Table:
    rows = DeltaTable(lake / "features" / "customer_snapshots").to_pyarrow_table()
    columns = sorted(rows.column_names)
    return rows.select(columns).sort_by([("customer_key", "ascending"), ("as_of_date", "ascending")])
