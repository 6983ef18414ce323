"""Guesses type, format and notation of one column from its values."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.contracts.odcs import FileFormat, LogicalType
from churn_assets.counts import counted, form
from churn_assets.drafting.date_formats import Evidence, Moments, moments, row_mask
from churn_assets.drafting.names import ID, names_customer
from churn_assets.drafting.never import NEVER, means_none
from churn_assets.drafting.personal_columns import why_personal
from churn_assets.drafting.sample import as_text
from churn_assets.inference.days import placeholders
from churn_assets.inference.numerals import Numbers, is_blank, is_code, numbers

# Texts that Spark reads as true and false; digits alone stay numbers.
TRUTHS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n"})
ONE_SIGN = frozenset({".", ",", "'", "\u2019", " ", "\u00a0", "\u202f"})


@dataclass(frozen=True)
class DraftColumn:
    """A column with what was guessed about it.

    Attributes:
        physical, name: delivered name, name in the lake.
        type, formats, decimal, thousands, transform, physical_type, means_none: as the contract declares them.
        personal: what kind of personal data it seems to hold; "" for none.
        codes: per row, the number of its value among `texts`; -1 for none.
        texts: distinct values, without blanks.
        is_float: Parquet holds floats, as pandas makes of whole numbers when one is missing.
        numbers: per row, of a number; None for other types.
        days: per row, of a date or timestamp; None for other types.
        notes: comments for the contract.
        doubts: (rank, sentence) of what to review.
    """

    physical: str
    name: str
    type: LogicalType
    texts: pa.Array
    codes: NDArray[np.int64]
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    transform: str | None = None
    physical_type: str | None = None
    means_none: tuple[str, ...] = ()
    personal: str = ""
    is_float: bool = False
    numbers: NDArray[np.float64] | None = None
    days: pd.DatetimeIndex | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[tuple[int, str], ...] = field(default=())

    @property
    def filled(self) -> float:
        """Share of the rows with a value."""
        return float((self.codes >= 0).mean()) if len(self.codes) else 0.0

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(self.texts)

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers alone, however they are written."""
        return self.numbers is not None and _whole(self.numbers)

    @property
    def is_measure(self) -> bool:
        """Whether its numbers can be summed."""
        return self.type in ("number", "integer") and not self.personal

    @property
    def is_time(self) -> bool:
        """Whether it holds days or moments."""
        return self.type in ("date", "timestamp")

    def with_note(self, *notes: str, **changes: Any) -> "DraftColumn":
        """Returns a copy with further comments and other fields."""
        return replace(self, notes=(*self.notes, *notes), **changes)


@dataclass(frozen=True)
class Habits:
    """What is known about the files of a source before a column is looked at.

    Attributes:
        format, delimiter: of the files.
        places: per row, the number of its file; names of the files.
        rows: per row, its number in its file, from 1.
        extract_days: per row, the day of its extract; NaT if unknown.
        day_first: see `Evidence`.
    """

    format: FileFormat
    delimiter: str
    files: tuple[str, ...]
    places: NDArray[np.int64]
    rows: NDArray[np.int64]
    extract_days: pd.DatetimeIndex
    day_first: bool | None = None


def guess_column(physical: str, name: str, column: pa.ChunkedArray, habits: Habits) -> DraftColumn:
    """Returns what a column of a source seems to be."""
    texts = as_text(column)
    encoded = pc.dictionary_encode(texts).combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)
    values = encoded.dictionary
    blank = is_blank(values)
    spellings = [str(text) for text in values.filter(pa.array(blank)).to_pylist()]
    base = DraftColumn(physical, name, "string", values, codes)
    filled, present = _without(values, codes, blank)
    if not len(filled):
        return base.with_note(
            "no row of the sample has a value, so its type is unknown", doubts=((3, "it is empty"),)
        )
    native = _native(column.type, base, filled, present)
    found = native or _of_text(base, filled, present, spellings, habits)
    why = why_personal(name, found.texts, int((found.codes >= 0).sum()))
    if not _may_hold(found.type, why):
        why = ""
    return found.with_note(*([f"personal: {why}"] if why else []), personal=why) if why else found


def _may_hold(kind: LogicalType, why: str) -> bool:
    """Whether values of a type can be these personal data: a day is no phone number, and a cancellation no name."""
    if kind == "string":
        return True
    if why.endswith("by its values") or kind == "boolean":
        return False
    if kind in ("date", "timestamp"):
        return why.startswith("a birth date")
    return kind == "integer" or why.startswith("an address")


def as_id(column: DraftColumn) -> DraftColumn:
    """Returns the column as text, without the point of a float."""
    text = replace(column, type="string", numbers=None, decimal=".", thousands=None)
    if not column.is_float:
        return text
    return replace(text, transform=f"cast(try_cast(`{column.physical}` as bigint) as string)")


def _without(
    values: pa.Array, codes: NDArray[np.int64], blank: NDArray[np.bool_]
) -> tuple[pa.Array, NDArray[np.int64]]:
    position = np.append(np.where(blank, -1, np.cumsum(~blank) - 1), -1)
    return values.filter(pa.array(~blank)), position[codes]


def _native(
    kind: pa.DataType, base: DraftColumn, texts: pa.Array, codes: NDArray[np.int64]
) -> DraftColumn | None:
    """Returns a column whose Parquet type tells what it is; None for text."""
    base = replace(base, texts=texts, codes=codes, is_float=pa.types.is_floating(kind))
    if pa.types.is_boolean(kind):
        return replace(base, type="boolean")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        days = pd.DatetimeIndex(
            pd.to_datetime(pd.Series(texts.to_pylist()), format="ISO8601", errors="coerce", utc=True)
        )
        known = days[days.notna()]
        midnight = bool((known == known.normalize()).all())
        return replace(base, type="date" if midnight else "timestamp", days=row_mask(days, codes))
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    values = np.append(np.asarray(pc.cast(texts, pa.float64())), np.nan)[codes]
    if _is_id(base.name, texts):
        return as_id(base).with_note("a number that names something, so text")
    if pa.types.is_decimal(kind) and kind.scale:
        return replace(
            base, type="number", physical_type=f"decimal({kind.precision},{kind.scale})", numbers=values
        )
    return replace(base, type="integer" if _whole(values) else "number", numbers=values)


def _of_text(
    base: DraftColumn, texts: pa.Array, codes: NDArray[np.int64], spellings: list[str], habits: Habits
) -> DraftColumn:
    found = replace(base, texts=texts, codes=codes)
    if is_code(texts):
        return found.with_note("digits with leading zeros, so text") if not ID.search(base.name) else found
    never = np.asarray(pc.match_substring_regex(texts, NEVER), dtype=bool)
    days, of_days = _without(texts, codes, never)
    if (times := moments(days, _evidence(base.name, of_days, len(days), habits))) is not None:
        no_days = [str(text) for text in texts.filter(pa.array(never)).to_pylist()]
        return _times(replace(base, texts=days, codes=of_days), times, spellings, no_days)
    if (read := numbers(texts, habits.delimiter)) is not None:
        values = np.append(read.values, np.nan)[codes]
        if _whole(values) and _is_id(base.name, texts):
            return found.with_note("a number that names something, so text")
        return _number(found, read, values, spellings, habits)
    lower = {str(text).lower() for text in texts.slice(0, 10).to_pylist()}
    if len(texts) <= 4 and lower <= TRUTHS and len(lower) > 1:
        if spellings:
            return found.with_note(
                f"true and false, and {_quoted(spellings)} for none",
                transform=_nullif(base.physical, spellings),
                type="boolean",
            )
        return replace(found, type="boolean")
    # Of a text, `none` may be a value (no second line); the lake reads it as one.
    return found


def _evidence(name: str, codes: NDArray[np.int64], distinct: int, habits: Habits) -> Evidence:
    first = np.full(distinct, len(codes), dtype=np.int64)
    known = codes >= 0
    np.minimum.at(first, codes[known], np.flatnonzero(known))
    newest = np.full(distinct, pd.NaT.value)
    np.maximum.at(newest, codes[known], habits.extract_days[known].as_unit("ns").asi8)

    def place_of(at: int) -> str:
        row = int(first[at])
        return f"row {habits.rows[row]:,} of {habits.files[habits.places[row]]}"

    return Evidence(
        place_of,
        pd.DatetimeIndex(newest, tz="UTC"),
        past=not re.search(r"end|expir|until|due|bis|next|valid|ablauf|renew", name),
        day_first=habits.day_first,
    )


def _times(found: DraftColumn, times: Moments, spellings: list[str], no_days: list[str]) -> DraftColumn:
    """Returns a column of days or moments, in which words (`spellings`) and some days (`no_days`) stand for none."""
    notes = [times.note] if times.note else []
    doubts = [(1, f"day and month may be exchanged: {times.note}")] if times.ambiguous else []
    rows = np.bincount(found.codes[found.codes >= 0], minlength=len(times.days))
    for_nothing = placeholders(times.days, rows)
    no_days = no_days + [str(text) for text in found.texts.filter(pa.array(for_nothing)).to_pylist()]
    none = spellings + no_days
    texts, codes = _without(found.texts, found.codes, for_nothing)
    if unread := int(rows[np.asarray(times.days.isna())].sum()):
        doubts.append((2, _refused(unread, "day")))
        notes.append(f"in the sample {_wrong(unread, 'day')}")
    transform, formats = None, times.formats
    kind: LogicalType = "timestamp" if times.has_times else "date"
    declared = () if spellings or times.is_month else means_none(no_days, formats)
    if (none and not declared) or times.is_month:
        text = _nullif(found.physical, none) if none else f"`{found.physical}`"
        transform = f"concat('01 ', {text})" if times.is_month else text
        formats = tuple(f"dd {form}" for form in formats) if times.is_month else formats
        if kind == "date":  # text in any other form would be read, too
            formats = formats or ("yyyy-MM-dd",)
    if times.is_month:
        notes.append("months, taken for their first days")
    if none:
        notes.append(f"{_quoted(none)} stands for no day")
        doubts.append((2, f"{_quoted(none)} is taken for no day"))
    if len(formats) > 1:
        doubts.append((2, notes[0] if notes else "several notations"))
    return found.with_note(
        *notes,
        type=kind,
        texts=texts,
        codes=codes,
        formats=formats,
        transform=transform,
        means_none=declared,
        days=row_mask(times.days[~for_nothing], codes),
        doubts=tuple(doubts),
    )


def _wrong(count: int, kind: str) -> str:
    return counted(count, f"value is no {kind}", f"values are no {kind}s")


def _refused(count: int, kind: str) -> str:
    return f"{_wrong(count, kind)}; a run would refuse {form(count, 'its row', 'their rows')}"


def _number(
    found: DraftColumn, read: Numbers, values: NDArray[np.float64], spellings: list[str], habits: Habits
) -> DraftColumn:
    notes, doubts = [], []
    if read.decimal == "," or read.thousands:
        signs = [f"thousands {_named(sign)}" for sign in read.thousands]
        notes.append("; ".join(["decimal comma" if read.decimal == "," else "decimal point", *signs]))
    for note in read.notes:
        if "was taken for" in note:
            notes.append(note)
            doubts.append((1, f"{note}: no value shows which"))
    lost = int(np.isnan(values).sum() - (found.codes < 0).sum())
    if lost:
        notes.append(f"in the sample {_wrong(lost, 'number')}")
        doubts.append((2, _refused(lost, "number")))
    transform, decimal, thousands = None, read.decimal, read.thousands[0] if read.thousands else None
    fits = len(read.thousands) <= 1 and (thousands is None or thousands in ONE_SIGN)
    plain_text = habits.format == "parquet" and (decimal != "." or thousands)
    if spellings or read.dressed or not fits or plain_text or (read.exponents and decimal == ","):
        transform, decimal, thousands = _number_transform(found.physical, read, spellings), ".", None
        said = [f"{_quoted(spellings)} stands for none"] if spellings else []
        said += ["currency or percent signs are cut off"] if read.dressed else []
        notes += said
        doubts += [(2, sentence) for sentence in said]
    # a run reads `517.0`, as pandas writes whole numbers if one is missing, only as a number
    pointless = not read.exponents and not pc.any(pc.match_substring(found.texts, read.decimal)).as_py()
    whole = _whole(values) and pointless and not transform
    kind: LogicalType = "integer" if whole and (decimal == "." or thousands) else "number"
    return found.with_note(
        *notes,
        type=kind,
        decimal=decimal,
        thousands=thousands,
        transform=transform,
        numbers=values,
        doubts=tuple(doubts),
    )


def _number_transform(physical: str, read: Numbers, spellings: list[str]) -> str:
    text = _nullif(physical, spellings) if spellings else f"`{physical}`"
    if read.dressed or read.thousands:
        exponent = "eE" if read.exponents else ""
        text = f"regexp_replace({text}, '[^0-9{exponent}{read.decimal}+-]', '')"
    if read.decimal == ",":
        text = f"replace({text}, ',', '.')"
    return text


def _nullif(physical: str, spellings: list[str]) -> str:
    listed = ", ".join(_sql(text) for text in spellings)
    return f"case when trim(`{physical}`) in ({listed}) then null else trim(`{physical}`) end"


def _sql(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(texts: list[str]) -> str:
    return ", ".join(repr(text) for text in texts)


def _named(sign: str) -> str:
    return {" ": "blank", "\u00a0": "no-break blank", "\u202f": "narrow blank"}.get(sign, sign)


def _whole(values: NDArray[np.float64]) -> bool:
    present = values[~np.isnan(values)]
    return bool(len(present) and (present == np.round(present)).all() and (np.abs(present) < 2**53).all())


def _is_id(name: str, texts: pa.Array) -> bool:
    """Whether whole numbers name something, by the name of their column."""
    return len(texts) > 2 and bool(ID.search(name) or names_customer(name))
