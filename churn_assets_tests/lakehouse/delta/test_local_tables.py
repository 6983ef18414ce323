"""A table written and read file by file: new columns, other types, others who commit, runs that end halfway."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, transaction
from deltalake.exceptions import CommitFailedError

from churn_assets.lakehouse.delta import local_tables, spark_connector, without_engine
from churn_assets.lakehouse.delta.draft import EVERYTHING, Refused, TablePlace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JANUARY = "month = '2025-01'"


@pytest.fixture
def place(tmp_path: Path) -> TablePlace:
    """A table that does not exist yet."""
    return TablePlace(str(tmp_path / "table"), ("month",), {})


def _write(
    spark: "SparkSession", place: TablePlace, rows: list[tuple[Any, ...]], columns: str, where: str | None
) -> int:
    return _put(spark.createDataFrame(rows, columns).coalesce(1), place, where)


def _put(frame: "DataFrame", place: TablePlace, where: str | None) -> int:
    with local_tables.draft(frame, place, Path(place.uri).parent / "scratch") as draft:
        draft.publish(where, {"userMetadata": "a run"})
        return draft.count()


def _rows(spark: "SparkSession", place: TablePlace) -> list[tuple[Any, ...]]:
    found = sorted(tuple(row) for row in local_tables.read(spark, place.uri).collect())
    assert found == sorted(
        tuple(row) for row in spark_connector.read(spark, place.uri).collect()
    )  # Delta itself agrees
    by_arrow = without_engine.dataset(place.uri).to_table().to_pylist()
    assert found == sorted(tuple(row.values()) for row in by_arrow)
    return found


def test_a_new_column_is_empty_in_older_rows_and_in_frames_without_it(
    spark: "SparkSession", place: TablePlace
) -> None:
    _write(spark, place, [("2025-01", 1)], "month string, n int", JANUARY)
    _write(spark, place, [("2025-02", 2, ["x"])], "month string, n int, tags array<string>", None)
    _write(spark, place, [("2025-03", 3)], "month string, n int", None)
    assert _rows(spark, place) == [("2025-01", 1, None), ("2025-02", 2, ["x"]), ("2025-03", 3, None)]
    assert local_tables.read(spark, place.uri).columns == ["month", "n", "tags"]


def test_another_type_is_refused_before_anything_is_written(spark: "SparkSession", place: TablePlace) -> None:
    _write(spark, place, [("2025-01", 1)], "month string, n int", JANUARY)
    before = sorted(Path(place.uri).rglob("*.parquet"))
    with pytest.raises(
        Refused, match=r'n is PrimitiveType\("integer"\) there, not PrimitiveType\("string"\)'
    ):
        _write(spark, place, [("2025-01", "one")], "month string, n string", JANUARY)
    assert sorted(Path(place.uri).rglob("*.parquet")) == before
    assert _rows(spark, place) == [("2025-01", 1)]


def test_values_of_a_frame_may_be_required_those_of_a_table_never_are(
    spark: "SparkSession", place: TablePlace
) -> None:
    _write(spark, place, [("2025-01", [1])], "month string not null, n array<int> not null", JANUARY)
    _write(spark, place, [("2025-02", None)], "month string, n array<int>", None)
    assert _rows(spark, place) == [("2025-01", [1]), ("2025-02", None)]


def test_a_frame_stays_with_the_version_that_it_was_read_at(spark: "SparkSession", place: TablePlace) -> None:
    _write(spark, place, [("2025-01", 1)], "month string, n int", JANUARY)
    before = local_tables.read(spark, place.uri)
    _write(spark, place, [("2025-01", 2)], "month string, n int", JANUARY)
    assert [tuple(row) for row in before.collect()] == [("2025-01", 1)]
    assert _rows(spark, place) == [("2025-01", 2)]


def test_a_table_may_be_replaced_by_what_was_read_from_it(spark: "SparkSession", place: TablePlace) -> None:
    _write(spark, place, [("2025-01", 1), ("2025-02", 2)], "month string, n int", EVERYTHING)
    doubled = local_tables.read(spark, place.uri).where(JANUARY).selectExpr("month", "n * 2 AS n")
    assert _put(doubled, place, JANUARY) == 1
    assert _rows(spark, place) == [("2025-01", 2), ("2025-02", 2)]


@pytest.mark.parametrize("attempts", [1, 2])
def test_somebody_who_commits_in_between_is_replaced_too(
    spark: "SparkSession", place: TablePlace, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    """The slice holds what the last writer wrote, not what two writers wrote."""
    _write(spark, place, [("2025-01", 1)], "month string, n int", JANUARY)
    look_up, rivals = local_tables._removals, [2]

    def with_a_rival(current: DeltaTable, columns: Any, where: str) -> Any:
        found = look_up(current, columns, where)
        if rivals:
            _write(spark, place, [("2025-01", rivals.pop())], "month string, n int", None)
        return found

    monkeypatch.setattr(local_tables, "_removals", with_a_rival)
    monkeypatch.setattr(local_tables, "ATTEMPTS", attempts)
    if attempts == 1:
        with pytest.raises(CommitFailedError):
            _write(spark, place, [("2025-01", 3)], "month string, n int", JANUARY)
        assert _rows(spark, place) == [("2025-01", 1), ("2025-01", 2)]
    else:
        _write(spark, place, [("2025-01", 3)], "month string, n int", JANUARY)
        assert _rows(spark, place) == [("2025-01", 3)]


@pytest.mark.parametrize(("where", "rows"), [(None, [1, 2]), (JANUARY, [1])])
def test_who_is_not_the_first_to_make_a_table_writes_into_it(
    spark: "SparkSession",
    place: TablePlace,
    monkeypatch: pytest.MonkeyPatch,
    where: str | None,
    rows: list[int],
) -> None:
    make, rivals = transaction.create_table_with_add_actions, [2]

    def after_a_rival(*words: Any, **more: Any) -> None:
        if rivals:
            _write(spark, place, [("2025-01", rivals.pop())], "month string, n int", None)
        make(*words, **more)

    monkeypatch.setattr(transaction, "create_table_with_add_actions", after_a_rival)
    _write(spark, place, [("2025-01", 1)], "month string, n int", where)
    assert [n for _, n in _rows(spark, place)] == rows


def test_a_frame_that_fails_halfway_leaves_no_trace(spark: "SparkSession", place: TablePlace) -> None:
    _write(spark, place, [("2025-01", 1)], "month string, n int", JANUARY)
    fails = spark.range(10).selectExpr("'2025-01' AS month", "int(if(id < 9, id, raise_error('no'))) AS n")
    with pytest.raises(Exception, match="no"):
        _put(fails.coalesce(1), place, JANUARY)
    assert list((Path(place.uri).parent / "scratch").iterdir()) == []
    assert len(list(Path(place.uri).rglob("*.parquet"))) == 1
    assert _rows(spark, place) == [("2025-01", 1)]


def test_an_empty_table_keeps_its_columns(spark: "SparkSession", place: TablePlace) -> None:
    assert _write(spark, place, [], "month string, n int", JANUARY) == 0
    assert local_tables.read(spark, place.uri).dtypes == [("month", "string"), ("n", "int")]
    assert _rows(spark, place) == []


@pytest.mark.jvm(reason="reads through Delta's Spark connector")
def test_places_and_partitions_may_be_called_anything(spark: "SparkSession", tmp_path: Path) -> None:
    place = TablePlace(str(tmp_path / "my ä table, 100 %"), ("month",), {})
    rows = [("x y", 1), ("50 %", 2), ("a/b:c=d", 3), ("2025-01", 4)]
    _write(spark, place, rows, "month string, n int", EVERYTHING)
    assert sorted(_rows(spark, place), key=str) == sorted(rows, key=str)
    _write(spark, place, [("50 %", 5)], "month string, n int", "month IN ('x y', '50 %', 'a/b:c=d')")
    assert _rows(spark, place) == [("2025-01", 4), ("50 %", 5)]


def test_values_of_a_partition_come_back_whatever_they_are(spark: "SparkSession", place: TablePlace) -> None:
    rows = [("plain", 1), ("a b", 2), ("größe 100% #1", 3), ("k=v", 4)]
    _write(spark, place, rows[:1], "month string, n int", None)
    assert _rows(spark, place) == rows[:1]  # one scan of a version on Sail
    _write(spark, place, rows[1:], "month string, n int", None)
    found = sorted(tuple(row) for row in local_tables.read(spark, place.uri).collect())
    assert found == sorted(rows)  # a frame for each partition


def test_a_table_that_was_made_anew_is_opened_anew(tmp_path: Path) -> None:
    place = TablePlace(str(tmp_path / "table"), (), {})
    for number in (1, 2):
        without_engine.write(place, pa.table({"n": [number]}), {}, {}, new=True)
        assert without_engine.dataset(place.uri).to_table()["n"].to_pylist() == [number]
        assert without_engine.dataset(place.uri) is without_engine.dataset(place.uri)
        shutil.rmtree(place.uri)
