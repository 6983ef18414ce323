"""Rows in memory by customer."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.live.rows import (
    ByCustomer,
    added,
    components,
    nullable,
    other_keys,
    same_keys,
    where_in,
    where_not_in,
)
from churn_assets.live.source_rows import SourceRows

ROWS = pa.table({"customer_key": ["b", "a", "c", "a"], "n": [1, 2, 3, 4]})


def test_rows_are_found_by_customer() -> None:
    held = ByCustomer(ROWS)
    assert held.of({"a", "c", "x"}).to_pydict() == {"customer_key": ["a", "a", "c"], "n": [2, 4, 3]}
    assert held.of(()).schema == ROWS.schema and held.of({"x"}).num_rows == 0
    assert ByCustomer(ROWS.schema.empty_table()).of({"a"}).num_rows == 0


def test_rows_are_divided_by_a_column() -> None:
    assert where_in(ROWS, "customer_key", {"a"})["n"].to_pylist() == [2, 4]
    missing = added(ROWS, pa.table({"n": [5], "customer_key": pa.array([None], pa.string())}))
    assert where_not_in(missing, "customer_key", {"a"})["n"].to_pylist() == [1, 3, 5]
    assert where_not_in(missing, "customer_key", ())["n"].to_pylist() == [1, 2, 3, 4, 5]


def test_added_rows_take_the_types_that_are_there() -> None:
    more = pa.table({"n": pa.array([7], pa.int32()), "customer_key": pa.array(["d"], pa.large_string())})
    assert added(ROWS, more).schema == ROWS.schema
    with pytest.raises(pa.ArrowInvalid):
        added(ROWS, pa.table({"customer_key": ["d"], "n": ["no number"]}))
    never = pa.table([pa.array([1])], pa.schema([pa.field("n", pa.int64(), nullable=False)]))
    assert nullable(never).schema.field("n").nullable


def test_rows_with_the_key_of_others_are_found() -> None:
    few = pa.table({"customer_key": ["z", "z"], "n": [3, 3]})
    assert same_keys(ROWS, few, ["n"])["customer_key"].to_pylist() == ["c"]
    assert same_keys(ROWS, few, ["customer_key", "n"]).num_rows == 0
    assert other_keys(ROWS, few, ["n"])["customer_key"].to_pylist() == ["b", "a", "a"], "in their order"
    assert other_keys(ROWS, few, ["customer_key", "n"]).equals(ROWS)
    missing = pa.table({"n": pa.array([None, 2], pa.int64()), "customer_key": ["b", "a"]})
    assert same_keys(missing, missing, ["n"])["customer_key"].to_pylist() == ["a"]
    assert other_keys(missing, missing, ["n"])["customer_key"].to_pylist() == ["b"], "it is of no key"


def test_whoever_had_a_ticket_belongs_with_whom_it_moved_to() -> None:
    opened = pa.table({"ticket_id": ["t", "t", "u", "t"], "customer_key": ["b", "a", "a", "b"]})
    conformed = pa.table({"source_file": pa.array([], pa.string())})

    def held(key: str) -> SourceRows:
        source: Any = SimpleNamespace(silver_key=(key,), merged_into=None)
        return SourceRows(source, opened.slice(0, 0), opened, conformed)

    assert held("ticket_id").connected() == [("a", "b")]
    assert held("customer_key").connected() == []


def test_whoever_was_merged_belongs_together() -> None:
    found = components([("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")])
    assert found["a"] == found["d"] == {"a", "b", "c", "d"} and found["x"] == {"x", "y"}
    assert components([]) == {}
