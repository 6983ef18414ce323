"""The checksum of a table: the same for the same rows, another for other ones, whoever reads them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from churn_assets.backup.contents import digest_of
from churn_assets.lakehouse import pinned

ROWS = pa.table(
    {
        "text": ["a", "", None, "ä"],
        "whole": pa.array([1, None, 0, -(2**62)], pa.int64()),
        "small": pa.array([1, 2, None, 3], pa.int32()),
        "number": [0.1, None, 0.0, float("nan")],
        "truth": [True, False, None, True],
        "day": [date(2025, 1, 31), None, date(1970, 1, 1), date(2030, 1, 1)],
        "time": pa.array(
            [datetime(2025, 1, 1, 12, 0, 0, 7, UTC), None, None, None], pa.timestamp("us", "UTC")
        ),
        "amount": pa.array([Decimal("1.50"), None, Decimal("0.00"), Decimal("-3.10")], pa.decimal128(10, 2)),
        "days": pa.array([[date(2025, 1, 31)], [], None, [None]], pa.list_(pa.date32())),
        "month": ["2025-01", "2025-01", "2025-02", "2025-02"],
    }
)


def _digest(table: pa.Table, size: int = 100) -> str:
    return digest_of(table.to_batches(size), table.column_names).checksum


def test_order_batches_and_the_order_of_columns_do_not_matter() -> None:
    turned = ROWS.take([3, 1, 0, 2]).select(ROWS.column_names[::-1])
    assert _digest(ROWS) == _digest(ROWS, 1) == _digest(turned, 3)
    assert digest_of(ROWS.to_batches(), ROWS.column_names).rows == 4


@pytest.mark.parametrize("column", ROWS.column_names)
def test_one_other_value_is_another_checksum(column: str) -> None:
    """Also where a null takes the place of a zero or of an empty text."""
    place = ROWS.column_names.index(column)
    values = ROWS.column(column).combine_chunks()
    another = next(at for at in range(1, 4) if not values[at].equals(values[0]))
    changed = ROWS.set_column(place, ROWS.schema.field(column), values.take(pa.array([another, 1, 2, 3])))
    assert _digest(changed) != _digest(ROWS)
    nulls = ROWS.set_column(place, ROWS.schema.field(column), pa.nulls(4, ROWS.schema.field(column).type))
    assert _digest(nulls) != _digest(ROWS)


def test_values_cannot_swap_their_columns_or_rows() -> None:
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    assert _digest(table) != _digest(pa.table({"a": [2, 2], "b": [1, 1]}))
    assert _digest(table) != _digest(pa.table({"a": [1, 1], "b": [2, 2]}))
    twice = pa.concat_tables([table, table])
    assert _digest(twice) != _digest(table)


def test_both_readers_see_the_same(tmp_path: Path) -> None:
    write_deltalake(tmp_path, ROWS, partition_by=["month"])
    columns = list(pinned.types(tmp_path, 0))
    assert sorted(columns) == sorted(ROWS.column_names)
    by_arrow = digest_of(pinned.by_arrow(tmp_path, 0), columns)
    assert by_arrow == digest_of(pinned.by_datafusion(tmp_path, 0), columns)
    assert by_arrow.checksum == _digest(ROWS)


def test_a_missing_column_is_told() -> None:
    with pytest.raises(KeyError):
        digest_of(ROWS.to_batches(), ["nothing"])
