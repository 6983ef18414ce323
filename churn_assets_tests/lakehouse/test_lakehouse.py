"""The one writer of Delta: slices, refusals, versions, and reading without a JVM."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import functions as F

from churn_assets.lakehouse.lakehouse import Lakehouse, LakehouseError
from churn_assets.lakehouse.tables import LakeColumn, Table, as_of_between, between, one_of
from churn_assets_tests.lakes import settings_for

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

THINGS = (
    LakeColumn("extract_month", "string", "A month."),
    LakeColumn("secret", "string", "A name.", personal=True),
)
MONTHLY = Table("silver", "things", "one row", ("extract_month",), THINGS)
PLAIN = Table("gold", "things", "one row", columns=THINGS)
JANUARY = between(["2025-01"])


THROUGH_THE_CONNECTOR = pytest.param("file://", marks=pytest.mark.jvm(reason="Delta's connector is of Spark"))


@pytest.fixture(params=["", THROUGH_THE_CONNECTOR], ids=["file by file", "through the connector"])
def lakehouse(spark: "SparkSession", tmp_path: Path, request: pytest.FixtureRequest) -> Lakehouse:
    """An empty lake: once on this machine, once as if elsewhere."""
    lake = f"{request.param}{tmp_path}/lake"
    return Lakehouse(settings_for(tmp_path).model_copy(update={"lake": lake}))


def _frame(lakehouse: Lakehouse, rows: Sequence[tuple[str, str]]) -> "DataFrame":
    return lakehouse.spark.createDataFrame(list(rows), "extract_month string, secret string").coalesce(1)


def _content(lakehouse: Lakehouse, table: Table) -> list[tuple[str, str]]:
    return sorted((r["extract_month"], r["secret"]) for r in lakehouse.arrow(table).to_pylist())


def _log(lakehouse: Lakehouse, table: Table) -> list[dict[str, Any]]:
    folder = lakehouse.uri(table).removeprefix("file://")
    files = sorted(Path(folder, "_delta_log").glob("*.json"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_replace_writes_exactly_its_slice_however_often_it_runs(lakehouse: Lakehouse) -> None:
    both = [("2025-01", "a"), ("2025-02", "b")]
    first = lakehouse.replace(
        MONTHLY, _frame(lakehouse, both), between(["2025-01", "2025-02"]), run_id="run-1"
    )
    assert lakehouse.slices(MONTHLY, "extract_month") == ["2025-01", "2025-02"]
    assert (first.table, first.version, first.rows) == ("silver/things", 0, 2)
    assert lakehouse.version(MONTHLY) == 0 and lakehouse.count(MONTHLY) == 2
    for expected in (1, 2):
        again = lakehouse.replace(
            MONTHLY,
            _frame(lakehouse, [("2025-01", "c"), ("2025-01", "d")]),
            JANUARY,
            run_id=f"run-{expected + 1}",
        )
        assert (again.version, again.rows) == (expected, 2)
        assert _content(lakehouse, MONTHLY) == [("2025-01", "c"), ("2025-01", "d"), ("2025-02", "b")]
    empty = lakehouse.replace(MONTHLY, _frame(lakehouse, []), JANUARY, run_id="run-4")
    assert (empty.version, empty.rows) == (3, 0)
    assert _content(lakehouse, MONTHLY) == [("2025-02", "b")]
    runs = [
        json.loads(str(a["commitInfo"]["userMetadata"]))
        for a in _log(lakehouse, MONTHLY)
        if "commitInfo" in a
    ]
    assert [r["dagster_run_id"] for r in runs] == ["run-1", "run-2", "run-3", "run-4"]


def test_rows_outside_the_slice_are_refused_and_not_quoted(lakehouse: Lakehouse) -> None:
    stray = _frame(lakehouse, [("2025-01", "a"), ("2025-03", "Ada Lovelace")])
    with pytest.raises(LakehouseError, match="nothing was committed"):
        lakehouse.replace(MONTHLY, stray, JANUARY, run_id="run")
    assert not lakehouse.exists(MONTHLY)
    lakehouse.replace(MONTHLY, _frame(lakehouse, [("2025-01", "z")]), JANUARY, run_id="run")
    with pytest.raises(LakehouseError) as caught:
        lakehouse.replace(MONTHLY, stray, JANUARY, run_id="run")
    assert "silver/things" in str(caught.value) and "nothing was committed" in str(caught.value)
    assert "Ada" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert lakehouse.version(MONTHLY) == 0
    assert _content(lakehouse, MONTHLY) == [("2025-01", "z")]


OTHER_COLUMNS = {
    "extract_month string": r"missing: secret \(string\)",
    "extract_month string, secret string, extra double": r"unexpected: extra \(double\)",
    "extract_month string, secret array<int>": r"of another type: secret \(array<integer>, not string\)",
    "extract_month string, secret decimal(10,2), x int": r"unexpected: x \(integer\); of another type: secret \(dec",
}


@pytest.mark.parametrize(("columns", "told"), OTHER_COLUMNS.items())
def test_a_frame_with_other_columns_than_the_catalogue_is_refused_before_it_is_computed(
    lakehouse: Lakehouse, columns: str, told: str
) -> None:
    frame = lakehouse.spark.createDataFrame([], columns)
    first = F.expr("cast(raise_error('computed') as string)").alias(frame.columns[0])
    frame = lakehouse.spark.range(1).select(
        first, *(F.lit(None).cast(field.dataType).alias(field.name) for field in frame.schema.fields[1:])
    )
    wanted = f"things: its columns differ from the catalogue; .*{told}"
    for write in (
        lambda: lakehouse.replace(MONTHLY, frame, JANUARY, run_id="run"),
        lambda: lakehouse.overwrite(PLAIN, frame, run_id="run"),
        lambda: lakehouse.append(PLAIN, frame, run_id="run"),
    ):
        with pytest.raises(LakehouseError, match=wanted):
            write()
    assert not lakehouse.exists(MONTHLY) and not lakehouse.exists(PLAIN)
    assert not list(lakehouse.settings.home_path.rglob("*.parquet"))


def test_a_few_rows_with_other_columns_are_refused_and_not_quoted(lakehouse: Lakehouse) -> None:
    other = pa.table({"extract_month": ["2025-01"], "secret": [1], "Ada": ["Lovelace"]})
    told = r"unexpected: Ada \(string\); of another type: secret \(long, not string\)"
    with pytest.raises(LakehouseError, match=told) as caught:
        lakehouse.append_rows(MONTHLY, other, run_id="run")
    assert "Lovelace" not in str(caught.value)
    with pytest.raises(LakehouseError, match=told):
        lakehouse.replace_rows(MONTHLY, other, "extract_month", ["2025-01"], run_id="run")
    assert not lakehouse.exists(MONTHLY)


def test_a_table_whose_columns_nobody_declared_cannot_be_written(lakehouse: Lakehouse) -> None:
    place = Table("gold", "things", "one row")
    with pytest.raises(LakehouseError, match="gold/things: the catalogue declares no columns for it"):
        lakehouse.append(place, _frame(lakehouse, [("2025-01", "a")]), run_id="run")
    lakehouse.append(PLAIN, _frame(lakehouse, [("2025-01", "a")]), run_id="run")
    assert lakehouse.count(place) == 1, "but it can be read"


def test_the_log_holds_no_values(lakehouse: Lakehouse) -> None:
    lakehouse.replace(MONTHLY, _frame(lakehouse, [("2025-01", "Ada Lovelace")]), JANUARY, run_id="run")
    [added] = [a["add"] for a in _log(lakehouse, MONTHLY) if "add" in a]
    statistics = json.loads(str(added["stats"]))
    assert statistics["numRecords"] == 1
    assert not statistics.get("minValues")
    assert "Lovelace" not in json.dumps(_log(lakehouse, MONTHLY))


def test_append_adds_and_overwrite_replaces_all_columns_included(lakehouse: Lakehouse) -> None:
    lakehouse.append(PLAIN, _frame(lakehouse, [("2025-01", "a")]), run_id="run")
    assert lakehouse.append(PLAIN, _frame(lakehouse, [("2025-01", "a")]), run_id="run").rows == 1
    assert lakehouse.count(PLAIN) == 2
    other = lakehouse.spark.createDataFrame([(1,)], "number int").coalesce(1)
    changed = replace(PLAIN, columns=(LakeColumn("number", "integer", "A number."),))
    commit = lakehouse.overwrite(changed, other, run_id="run")
    assert (commit.version, commit.rows) == (2, 1)
    assert lakehouse.arrow(PLAIN).to_pylist() == [{"number": 1}]
    assert lakehouse.read(PLAIN).columns == ["number"]


def test_vacuum_deletes_what_no_version_of_the_last_weeks_needs(lakehouse: Lakehouse) -> None:
    """Replaced 40 days ago: gone. Replaced just now, or written by somebody who has not committed yet: stays."""
    for content in ("a", "b", "c"):
        lakehouse.replace(MONTHLY, _frame(lakehouse, [("2025-01", content)]), JANUARY, run_id="run")
        if content == "b":
            _age(lakehouse, MONTHLY, days=40)
    folder = Path(lakehouse.uri(MONTHLY).removeprefix("file://")) / "extract_month=2025-01"
    for name, days in (("killed.parquet", 40), ("under-way.parquet", 0)):
        (folder / name).write_bytes(b"...")
        os.utime(folder / name, (time.time() - 86400 * days,) * 2)
    written = lakehouse.committed_at(MONTHLY)
    before = {file.name for file in folder.glob("*.parquet")}
    assert lakehouse.vacuum(MONTHLY) == 2
    after = {file.name for file in folder.glob("*.parquet")}
    assert "killed.parquet" in before - after and len(before - after) == 2
    assert "under-way.parquet" in after
    assert _content(lakehouse, MONTHLY) == [("2025-01", "c")]
    assert lakehouse.committed_at(MONTHLY) == written, "no rows were written"
    version = lakehouse.version(MONTHLY)
    if not lakehouse.uri(MONTHLY).startswith("file:"):
        assert lakehouse.vacuum(MONTHLY) == 0
        assert lakehouse.version(MONTHLY) == version, "nothing to do, nothing committed"


def _age(lakehouse: Lakehouse, table: Table, days: int) -> None:
    """As if all files removed so far had been removed some days earlier."""
    for log in Path(lakehouse.uri(table).removeprefix("file://"), "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] -= days * 86_400_000
        log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_overwrite_refuses_partitioned_tables(lakehouse: Lakehouse) -> None:
    with pytest.raises(LakehouseError, match=r"silver/things is partitioned; use replace"):
        lakehouse.overwrite(MONTHLY, _frame(lakehouse, [("2025-01", "a")]), run_id="run")
    assert not lakehouse.exists(MONTHLY)


def test_a_table_that_does_not_exist_is_named_with_the_asset_to_materialise(lakehouse: Lakehouse) -> None:
    assert lakehouse.version(MONTHLY) is None
    for access in (lakehouse.read, lakehouse.arrow, lakehouse.count, lakehouse.require):
        with pytest.raises(
            LakehouseError, match=r"silver/things does not exist in .*Materialise the asset silver/things"
        ):
            access(MONTHLY)


def test_small_reads_need_no_jvm(spark: "SparkSession", tmp_path: Path) -> None:
    lakehouse = Lakehouse(settings_for(tmp_path))
    lakehouse.append(PLAIN, _frame(lakehouse, [("2025-01", "a"), ("2025-02", "b")]), run_id="run")
    code = f"""
import sys
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.settings import Settings
lakehouse = Lakehouse(Settings(home={str(lakehouse.settings.home_path)!r}))
table = Table("gold", "things", "one row")
found = lakehouse.arrow(table, ["secret"], [("extract_month", "=", "2025-02")]).to_pylist()
assert found == [dict(secret="b")], found
assert lakehouse.count(table) == 2 and lakehouse.version(table) == 0
assert "pyspark" not in sys.modules, "pyspark was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_predicates_of_months() -> None:
    assert (
        between(["2025-01", "2025-02", "2025-03"])
        == "extract_month >= '2025-01' AND extract_month <= '2025-03'"
    )
    assert between(["2025-01"], "month") == "month >= '2025-01' AND month <= '2025-01'"
    assert (
        as_of_between(["2025-01", "2025-02"]) == "as_of_date >= '2025-01-01' AND as_of_date <= '2025-02-28'"
    )


def test_appending_nothing_reports_no_rows(lakehouse: Lakehouse) -> None:
    lakehouse.append(PLAIN, _frame(lakehouse, [("2025-01", "a")]), run_id="run")
    assert lakehouse.append(PLAIN, _frame(lakehouse, []), run_id="run").rows == 0


def test_a_draft_can_be_audited_before_anybody_sees_it(lakehouse: Lakehouse) -> None:
    rows = [("2025-01", "a", 1.0, 1), ("2025-01", "a", 3.0, 2), ("2025-02", "b", None, 3)]
    columns = "extract_month string, secret string, x double, n int"
    frame = lakehouse.spark.createDataFrame(rows, columns).withColumn("on", F.expr("date'2025-01-31' + n"))
    more = (LakeColumn("x", "double", "-"), LakeColumn("n", "integer", "-"), LakeColumn("on", "date", "-"))
    with lakehouse.draft(replace(MONTHLY, columns=THINGS + more), frame) as draft:
        assert not lakehouse.exists(MONTHLY)
        assert draft.content.count() == 3
        assert draft.content.distinct(["extract_month", "secret"]) == 2
        assert draft.content.distinct(["n"]) == 3
        functions = [("x", name) for name in ("count", "min", "max", "mean")]
        found = draft.content.aggregate(["extract_month", "on"], [("x", "count"), ("on", "max")])
        assert min(found.to_pylist(), key=str) == {
            "extract_month": "2025-01",
            "on": date(2025, 2, 1),
            "x_count": 1,
            "on_max": date(2025, 2, 1),
        }
        found = draft.content.aggregate(["extract_month"], functions).sort_by("extract_month")
        assert [list(row.values()) for row in found.to_pylist()] == [
            ["2025-01", 2, 1.0, 3.0, 2.0],
            ["2025-02", 0, None, None, None],
        ]
        commit = draft.replace(between(["2025-01", "2025-02"]), run_id="run")
    assert (commit.version, commit.rows, lakehouse.count(MONTHLY)) == (0, 3, 3)
    month = pc.field("extract_month") == "2025-02"
    assert lakehouse.count(MONTHLY, month) == 1


def test_a_draft_that_is_not_published_leaves_nothing(lakehouse: Lakehouse) -> None:
    with pytest.raises(ZeroDivisionError), lakehouse.draft(PLAIN, _frame(lakehouse, [("2025-01", "a")])):
        raise ZeroDivisionError
    assert not lakehouse.exists(PLAIN)
    assert not list(lakehouse.settings.home_path.rglob("*.parquet"))


def test_a_part_of_a_draft_can_be_published_alone(lakehouse: Lakehouse) -> None:
    lakehouse.replace(MONTHLY, _frame(lakehouse, [("2025-02", "kept")]), between(["2025-02"]), run_id="run")
    rows = [("2025-01", "a"), ("2025-02", "refused"), ("2025-03", "b")]
    passed = one_of(["2025-01", "2025-03"])
    with lakehouse.draft(MONTHLY, _frame(lakehouse, rows)) as draft:
        assert draft.content.count() == 3
        assert draft.within(passed).replace(passed, run_id="run").rows == 2
    found = sorted(row["secret"] for row in lakehouse.arrow(MONTHLY).to_pylist())
    assert found == ["a", "b", "kept"]


def test_an_empty_draft_can_be_audited(lakehouse: Lakehouse) -> None:
    with lakehouse.draft(MONTHLY, _frame(lakehouse, [])) as draft:
        assert (draft.content.count(), draft.content.distinct(["secret"])) == (0, 0)
        assert draft.content.aggregate(["extract_month"], [("secret", "count")]).num_rows == 0
        assert draft.replace(JANUARY, run_id="run").rows == 0
    assert lakehouse.exists(MONTHLY)


def test_what_was_replaced_since_a_day_can_be_read_until_it_is_vacuumed(lakehouse: Lakehouse) -> None:
    def write(month: str, *secrets: str) -> None:
        frame = _frame(lakehouse, [(month, secret) for secret in secrets])
        lakehouse.replace(MONTHLY, frame, between([month]), run_id="run")
        time.sleep(0.01)  # commits tell milliseconds

    write("2025-01", "a", "b")
    before = lakehouse.committed_at(MONTHLY)
    write("2025-02", "c")
    assert lakehouse.replaced(MONTHLY, before) is None, "what is new replaces nothing"
    write("2025-02", "d")
    assert lakehouse.replaced(MONTHLY, before) is None, "what was not there then was not replaced"
    write("2025-01", "b")
    lost = lakehouse.replaced(MONTHLY, before)
    assert lost is not None
    assert sorted((r["extract_month"], r["secret"]) for r in lost.collect()) == [
        ("2025-01", "a"),
        ("2025-01", "b"),
    ]
    assert lakehouse.replaced(MONTHLY, before.replace(year=2020)) is None, "younger than that"
    for file in Path(lakehouse.uri(MONTHLY).removeprefix("file://")).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakehouseError, match=r"silver/things: files of its version 0 are gone"):
        lakehouse.replaced(MONTHLY, before)
