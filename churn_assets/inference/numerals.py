"""Parses columns of numbers in the usual notations, one notation per column."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

BLANKS = frozenset(
    {
        "",
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "-",
        "--",
        "?",
        ".",
        "\\n",
        "missing",
        "(null)",
        "<na>",
    }
)
# A column with at most this share and this many spellings of other texts is read as numbers; the texts become missing,
# and the report lists them.
UNREADABLE_SHARE, UNREADABLE_SPELLINGS = 0.05, 5

_UNIT = r"(?:[$€£¥]|EUR|USD|GBP|CHF)"
_BLANK = "[\\s\u00a0\u202f]*"
_DRESS = rf"^([-+]?){_BLANK}{_UNIT}?{_BLANK}([-+]?)|{_BLANK}(?:{_UNIT}|%)$"
_GAPS = " '\u2019\u00a0\u202f"
_GAP = f"[{_GAPS}]"
_PLAIN = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_POINT = rf"[-+]?(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,3}}(?:{_GAP}\d{{3}})+)(?:\.\d+)?"
_COMMA = rf"[-+]?(?:\d{{1,3}}(?:\.\d{{3}})+|\d{{1,3}}(?:{_GAP}\d{{3}})+|\d+)(?:,\d+)?"


@dataclass(frozen=True)
class Numbers:
    """Numbers parsed from distinct texts.

    Attributes:
        values: float64, NaN where the text is not a number.
        notes: how the notation was interpreted, for the report; empty for plain numbers.
        decimal: the decimal sign.
        thousands: the signs between groups of three digits that occur.
        dressed: whether a text has a currency, a percent sign or a blank after its sign.
        exponents: whether a text has an exponent (1e3).
    """

    values: NDArray[np.float64]
    notes: tuple[str, ...]
    decimal: str = "."
    thousands: tuple[str, ...] = ()
    dressed: bool = False
    exponents: bool = False


def is_blank(texts: pa.Array) -> NDArray[np.bool_]:
    """Returns a mask of the trimmed texts that mean a missing value, see BLANKS."""
    found: NDArray[np.bool_] = pc.is_in(pc.utf8_lower(texts), pa.array(sorted(BLANKS))).to_numpy(
        zero_copy_only=False
    )
    return found


def is_code(texts: pa.Array) -> bool:
    """Returns True if all texts are digits only and one has a leading zero: postcodes or branch numbers."""
    digits = pc.match_substring_regex(texts, r"^\d+$")
    leading = pc.match_substring_regex(texts, r"^0\d+$")
    return bool(len(texts) and pc.all(digits).as_py() and pc.any(leading).as_py())


def numbers(texts: pa.Array, delimiter: str) -> Numbers | None:
    """Parses distinct trimmed texts, none blank, in the one notation that fits them; None if they are not numbers.

    Args:
        delimiter: of the file; decides about the decimal mark where `1,234` or `1.234` is ambiguous.
    """
    if not len(texts):
        return None
    bare = pc.replace_substring_regex(texts, _DRESS, r"\1\2")
    plain, point, comma = (_whole(bare, pattern) for pattern in (_PLAIN, _POINT, _COMMA))
    point |= plain
    notes: list[str] = []
    decimal = "." if plain.all() or point.sum() > comma.sum() else ","
    if delimiter == ";" and plain.all() and (example := _thousands(bare, ".")):
        decimal = ","
        notes.append(f"the point in {example} was taken for a thousands separator")
    elif not plain.all() and (point == comma).all():
        # Each text fits both notations (`1,234`, `1 234`) or neither.
        commas = bare.filter(pc.match_substring(bare, ","))
        groups = pc.all(pc.match_substring_regex(commas, _whole_groups(","))).as_py()
        parted = delimiter == "," or (delimiter in "\t|" and bool(_thousands(bare, ",")))
        decimal = "." if len(commas) == 0 or (groups and parted) else ","
        if len(commas) and groups:
            meant = "a thousands separator" if decimal == "." else "a decimal comma"
            notes.append(f"the comma in {commas[0].as_py()} was taken for {meant}")
    elif (~plain & (point if decimal == "." else comma)).any():
        notes.append("thousands separators" if decimal == "." else "decimal comma")
    fits = point if decimal == "." else comma
    unreadable = texts.filter(pa.array(~fits))
    if (~fits).mean() > UNREADABLE_SHARE or len(unreadable) > UNREADABLE_SPELLINGS:
        return None
    if len(unreadable):
        notes.append(f"not numbers, read as missing: {', '.join(map(repr, unreadable.to_pylist()))}")
    thousands = f"{_GAP}|," if decimal == "." else f"{_GAP}|[.]"
    cleaned = pc.replace_substring_regex(pc.replace_substring_regex(bare, thousands, ""), r"^\+", "")
    cleaned = pc.if_else(pa.array(fits), pc.replace_substring(cleaned, ",", "."), None)
    values = pc.cast(cleaned, pa.float64()).to_numpy(zero_copy_only=False)
    read = bare.filter(pa.array(fits))
    return Numbers(
        np.asarray(values, dtype=np.float64),
        tuple(notes),
        decimal,
        tuple(sign for sign in ("," if decimal == "." else ".") + _GAPS if _occurs(read, sign)),
        dressed=_differ(texts, bare),
        exponents=_occurs(pc.utf8_lower(read), "e"),
    )


def _occurs(texts: pa.Array, sign: str) -> bool:
    return bool(pc.any(pc.match_substring(texts, sign)).as_py())


def _differ(texts: pa.Array, others: pa.Array) -> bool:
    return bool(pc.any(pc.not_equal(texts, others)).as_py())


def _whole_groups(mark: str) -> str:
    return rf"^[-+]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+$"


def _thousands(texts: pa.Array, mark: str) -> str:
    """Returns an example of a mark that separates thousands, not decimals, else an empty text.

    At least two texts must contain the mark, each between whole groups of three digits, and no text without it may have
    more than three digits.
    """
    marked = pc.match_substring(texts, mark)
    parted, rest = texts.filter(marked), texts.filter(pc.invert(marked))
    groups = pc.all(pc.match_substring_regex(parted, _whole_groups(mark))).as_py()
    short = pc.all(pc.match_substring_regex(rest, r"^[-+]?\d{1,3}$")).as_py()
    return str(parted[0].as_py()) if len(parted) > 1 and groups and short is not False else ""


def _whole(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.match_substring_regex(texts, f"^(?:{pattern})$").to_numpy(
        zero_copy_only=False
    )
    return found
