"""Rows as a database gives them, as Arrow tables: types come from the values, so that no value is bent to a type."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

LARGEST = 2**63
# Digits before and behind the point of an exact number; with more, a column is text.
DIGITS = 19
MOMENT, LOCAL = pa.timestamp("us", "UTC"), pa.timestamp("us")


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Returns rows as a table; values of several types in a column, and those without an Arrow type, become text."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pa.table([_array([*column]) for column in columns], [*names])


def _array(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    match [*kinds]:
        case []:
            return pa.nulls(len(values))
        case [one] if one in (bool, str, float, date):
            return pa.array(values)
        case [one] if one is int and all(-LARGEST <= v < LARGEST for v in values if v is not None):
            return pa.array(values, pa.int64())
        case [one] if one is Decimal and (scale := _scale(values)) is not None:
            return pa.array(values, pa.decimal128(38, scale))
        case [one] if one is datetime:
            zones = {value.tzinfo is not None for value in values if value is not None}
            if len(zones) == 1:
                return pa.array(values, MOMENT if zones.pop() else LOCAL)
    return pa.array([as_text(value) for value in values], pa.string())


def _scale(values: Sequence[Decimal | None]) -> int | None:
    """The most digits behind the point; None if a value is no number or has too many digits."""
    most = 0
    for value in values:
        if value is None:
            continue
        if not value.is_finite():
            return None
        behind = max(-int(value.as_tuple().exponent), 0)
        if behind > DIGITS or value.adjusted() >= DIGITS:
            return None
        most = max(most, behind)
    return most


def as_text(value: Any) -> str | None:
    """Returns a value as text: documents and lists as JSON, bytes in hexadecimal digits, times as ISO 8601."""
    match value:
        case None | str():
            return value
        case bool():
            return str(value).lower()
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case dict() | list() | tuple():
            return json.dumps(value, default=as_text, ensure_ascii=False)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
    return str(value)


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Returns the type that holds the values of both exactly; text if there is no other."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    exact = {one, other} - {pa.int64()}
    if all(pa.types.is_decimal(kind) for kind in exact):
        return pa.decimal128(38, max(kind.scale for kind in exact))
    return pa.string()


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Returns a column in a type of `common_type`."""
    if column.type == kind:
        return column
    if pa.types.is_string(kind):
        return pa.chunked_array([pa.array(map(as_text, column.to_pylist()), pa.string())])
    return column.cast(kind)


def kind_of(kind: pa.DataType) -> str:
    """Returns what values of a type are, in a word."""
    words = {
        pa.null(): "nothing",
        pa.bool_(): "yes or no",
        pa.int64(): "an integer",
        pa.float64(): "a floating point number",
        pa.date32(): "a day",
        MOMENT: "a moment",
        LOCAL: "a time without a zone",
        pa.string(): "text",
    }
    return words.get(kind, "a decimal number")
