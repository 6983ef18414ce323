"""Parquet files as Arrow tables: every row once and under its number, with types that an engine reads."""

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.readers import parquet
from churn_assets.sources.readers.parquet import read_parquet


def _file(path: Path) -> ExtractFile:
    return ExtractFile(str(path), "usage/a.parquet", date(2025, 1, 31), 0)


def test_rows_are_numbered_over_row_groups_and_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 7)
    pq.write_table(pa.table({"a b": range(50)}), tmp_path / "a.parquet", row_group_size=20)
    rows = pa.concat_tables(read_parquet(_file(tmp_path / "a.parquet")))
    assert rows.to_pydict() == {"1": [*range(50)], "row_number": [*range(1, 51)]}


def test_types_that_spark_does_not_read_become_others(tmp_path: Path) -> None:
    nothing, half = pa.nulls(2), pa.array(np.array([0.5, 2], np.float16))
    pq.write_table(pa.table({"nothing": nothing, "half": half}), tmp_path / "a.parquet")
    [rows] = read_parquet(_file(tmp_path / "a.parquet"))
    assert rows.schema.types == [pa.string(), pa.float32(), pa.int64()]
    assert rows.to_pydict() == {"1": [None, None], "2": [0.5, 2], "row_number": [1, 2]}


def test_types_that_no_engine_reads_become_text(tmp_path: Path) -> None:
    columns = {
        "at": pa.array([time(1, 2, 3), None], pa.time64("ns")),
        "at_ms": pa.array([time(1, 2, 3), None], pa.time32("ms")),
        "long": pa.array([Decimal("1.50"), None], pa.decimal256(50, 2)),
        "id": pa.array([bytes(15) + b"\x01", None], pa.uuid()),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    [rows] = read_parquet(_file(tmp_path / "a.parquet"))
    values = ["01:02:03.000000000", "01:02:03.000", "1.50", "00000000-0000-0000-0000-000000000001"]
    assert [rows[str(place)].to_pylist() for place in range(1, 5)] == [[value, None] for value in values]


def test_a_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"a": [str(n) for n in range(10_000)]}), tmp_path / "a.parquet", use_dictionary=False
    )
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[100:20_000] = bytes(19_900)
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(
        LandingError, match=r"^usage/a\.parquet is not a readable Parquet file.*Deliver it again"
    ):
        [*read_parquet(_file(tmp_path / "a.parquet"))]
