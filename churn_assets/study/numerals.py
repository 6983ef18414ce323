"""Numbers as people and programs write them, one notation per column."""

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
# A column is read as numbers although a few values are not: they become missing, and the report lists them.
UNREADABLE_SHARE, UNREADABLE_SPELLINGS = 0.05, 5

_UNIT = r"(?:[$€£¥]|EUR|USD|GBP|CHF)"
_BLANK = "[\\s\u00a0\u202f]*"
_DRESS = rf"^([-+]?){_BLANK}{_UNIT}?{_BLANK}([-+]?)|{_BLANK}(?:{_UNIT}|%)$"
_GAP = "[ '\u2019\u00a0\u202f]"
_PLAIN = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_POINT = rf"[-+]?(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,3}}(?:{_GAP}\d{{3}})+)(?:\.\d+)?"
_COMMA = rf"[-+]?(?:\d{{1,3}}(?:\.\d{{3}})+|\d{{1,3}}(?:{_GAP}\d{{3}})+|\d+)(?:,\d+)?"


@dataclass(frozen=True)
class Numbers:
    """Numbers of the distinct texts.

    Attributes:
        values: float64, NaN where the text is none.
        notes: what was decided, for a person; empty for plain numbers.
    """

    values: NDArray[np.float64]
    notes: tuple[str, ...]


def is_blank(texts: pa.Array) -> NDArray[np.bool_]:
    """True for texts (trimmed) that stand for nothing."""
    found: NDArray[np.bool_] = pc.is_in(pc.utf8_lower(texts), pa.array(sorted(BLANKS))).to_numpy(
        zero_copy_only=False
    )
    return found


def is_code(texts: pa.Array) -> bool:
    """True if all are digits only and one has a leading zero (postcodes, branch numbers): no number to count with."""
    digits = pc.match_substring_regex(texts, r"^\d+$")
    leading = pc.match_substring_regex(texts, r"^0\d+$")
    return bool(len(texts) and pc.all(digits).as_py() and pc.any(leading).as_py())


def numbers(texts: pa.Array, delimiter: str) -> Numbers | None:
    """Distinct trimmed texts, none blank, as numbers in the one notation that fits them; None if they are not numbers.

    Args:
        delimiter: of the file; tells how its country writes, where `1,234` or `1.234` could be either.
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
        # Nothing but whole groups, `1,234` or `1 234`.
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
    return Numbers(np.asarray(values, dtype=np.float64), tuple(notes))


def _whole_groups(mark: str) -> str:
    return rf"^[-+]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+$"


def _thousands(texts: pa.Array, mark: str) -> str:
    """An example of a mark that parts thousands rather than decimals, else nothing: wherever it stands it parts whole
    groups of three, in two numbers at least, and no number without it has more than three digits."""
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
