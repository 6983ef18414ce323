"""The format of a column of days or moments, and which rows decide between day and month."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.contracts.formats import contradiction
from churn_assets.counts import counted
from churn_assets.inference.days import Notation, notations
from churn_assets.inference.notations import in_spark_letters, without_zeros

ISO = "ISO8601"
_ISO_DAY, _ISO_TIME = r"^\d{4}-\d{2}-\d{2}$", r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"
_COMPACT = r"^\d{8}$"
# A column in several notations is read if these together fit this share of its texts.
COVERED, MOST_NOTATIONS, LEAST_OF_ONE = 0.95, 3, 0.05


@dataclass(frozen=True)
class Moments:
    """A column read as days or moments.

    Attributes:
        formats: in Spark's letters; () where ISO text is read as it is.
        days: per distinct text, NaT where no format fits.
        has_times: some text tells a time of day other than midnight.
        is_month: the texts tell months, no days.
        ambiguous: no row decides between day and month.
        note: what decided, for people; it names a row by its place, never a value.
    """

    formats: tuple[str, ...]
    days: pd.DatetimeIndex
    has_times: bool
    is_month: bool = False
    ambiguous: bool = False
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """What besides the texts may decide between day and month.

    Attributes:
        place_of: returns the file and row where a distinct text stands first.
        extract_days: per distinct text, the newest day of the extracts that it stands in; NaT if unknown.
        past: the column tells what has happened, so that nothing lies after its extract.
        day_first: people who write this file put the day first, by its other signs; None: no such sign.
    """

    place_of: Callable[[int], str]
    extract_days: pd.DatetimeIndex
    past: bool = True
    day_first: bool | None = None


def moments(texts: pa.Array, evidence: Evidence) -> Moments | None:
    """Returns the formats of distinct trimmed texts, none blank; None if they are no dates."""
    fitting = notations(texts)
    if not fitting:
        return _several(texts)
    best = max(fitting, key=lambda notation: _fits(notation, texts))
    rivals = [other for other in fitting if best.swaps(other)]
    if not rivals:
        rivals = [other for other in notations(texts, 0.01) if best.swaps(other)]
    chosen, note, ambiguous = _decided(best, rivals[0], evidence) if rivals else (best, "", False)
    return _moments(texts, chosen, note, ambiguous)


def _fits(notation: Notation, texts: pa.Array) -> tuple[int, bool]:
    """Number of texts, and whether the lake reads them so: ISO8601 of pandas takes 2024/01/31, too."""
    is_loose = notation.form == ISO and _all(texts, r"^\d{4}/")
    return int(notation.read.sum()), not is_loose


def _decided(one: Notation, other: Notation, evidence: Evidence) -> tuple[Notation, str, bool]:
    """Returns the notation to take of two that exchange day and month, why, and whether that is only a guess."""
    only_one = one.read & ~other.read
    only_other = other.read & ~one.read
    if only_one.any() and only_one.sum() >= only_other.sum():
        place = evidence.place_of(int(np.flatnonzero(only_one)[0]))
        more = (
            f"; {counted(int(only_other.sum()), 'value fits', 'values fit')} only {other.words}"
            if only_other.any()
            else ""
        )
        return one, f"{one.words}: {place} decides, it has a number above 12{more}", False
    late_one, late_other = (_late(notation, evidence) for notation in (one, other))
    if evidence.past and late_one != late_other:
        chosen, rejected, late = (one, other, late_other) if late_one < late_other else (other, one, late_one)
        return (
            chosen,
            f"{chosen.words}: as {rejected.words} {counted(late, 'value')} would be after the extract",
            False,
        )
    first = one if one.words.startswith("day") else other
    second = other if first is one else one
    chosen = second if evidence.day_first is False else first
    why = "the decimal sign and the separator of the file" if evidence.day_first is not None else "custom"
    return chosen, f"{chosen.words} by {why} alone: no row has a number above 12, so none decides", True


def _late(notation: Notation, evidence: Evidence) -> int:
    limit = evidence.extract_days + pd.Timedelta(days=1)
    return int(np.asarray(notation.days >= limit).sum())


def _moments(texts: pa.Array, notation: Notation, note: str, ambiguous: bool) -> Moments:
    times = _times(notation.days)
    if notation.form != ISO:
        return Moments(
            (spark_format(notation.form, texts),), notation.days, times, notation.is_month, ambiguous, note
        )
    as_is = bool(
        pc.all(pc.match_substring_regex(texts, _ISO_TIME if _has_colon(texts) else _ISO_DAY)).as_py()
    )
    if as_is and (times or not _has_colon(texts)):
        return Moments((), notation.days, times, False, ambiguous, note)
    if pc.all(pc.match_substring_regex(texts, _COMPACT)).as_py():
        return Moments(("yyyyMMdd",), notation.days, False, False, ambiguous, note)
    if pc.all(pc.match_substring_regex(texts, r"^\d{4}-\d{2}$")).as_py():
        return Moments(("yyyy-MM",), notation.days, False, True, ambiguous, note)
    if as_is:  # every time is midnight: days
        seconds = ":ss" if _all(texts, r":\d{2}:\d{2}$") else ""
        sign = "'T'" if _all(texts, r"^\S{10}T") else " "
        if _all(texts, r"^.{10}.\d{2}:\d{2}(:\d{2})?$"):
            return Moments((f"yyyy-MM-dd{sign}HH:mm{seconds}",), notation.days, False, False, ambiguous, note)
        return Moments((), notation.days, True, False, ambiguous, note)
    # some texts are another way of writing ISO, or none: the exact ones are read, the others told
    return Moments(
        (),
        notation.days,
        times or _has_colon(texts),
        False,
        ambiguous,
        note or "some values are not year-month-day",
    )


def _several(texts: pa.Array) -> Moments | None:
    """Returns a column in up to three notations that no text contradicts."""
    found = sorted(notations(texts, LEAST_OF_ONE), key=lambda n: -int(n.read.sum()))
    days = pd.DatetimeIndex([pd.NaT] * len(texts), tz="UTC")
    formats: list[str] = []
    for notation in found:
        new = notation.read & np.asarray(days.isna(), dtype=bool)
        form = (
            "yyyy-MM-dd" if notation.form == ISO else spark_format(notation.form, texts.filter(pa.array(new)))
        )
        if notation.is_month or new.mean() < LEAST_OF_ONE or any(contradiction(f, form) for f in formats):
            continue
        formats.append(form)
        days = pd.DatetimeIndex(days.where(~new, notation.days))
        if len(formats) == MOST_NOTATIONS:
            break
    if len(formats) < 2 or float(np.mean(days.notna())) < COVERED:
        return None
    return Moments(tuple(formats), days, _times(days), note="several notations: " + ", ".join(formats))


def spark_format(form: str, texts: pa.Array) -> str:
    """Returns a format of strptime in Spark's letters; single letters where a text lacks the leading zero."""
    pattern = in_spark_letters(form)
    if not _has_colon(texts) and not pc.any(pc.match_substring_regex(texts, r"(^|\D)\d(\D|$)")).as_py():
        return pattern
    if pc.any(pc.match_substring_regex(texts, r"(^|[^\d:])\d([^\d:]|$)")).as_py():
        pattern = without_zeros(pattern)
    if pc.any(pc.match_substring_regex(texts, r"\s\d:")).as_py():
        pattern = pattern.replace("HH", "H").replace("hh", "h")
    return pattern


def _times(days: pd.DatetimeIndex) -> bool:
    known = days[days.notna()]
    return bool((known != known.normalize()).any())


def _has_colon(texts: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(texts, ":")).as_py())


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def row_mask(days: pd.DatetimeIndex, codes: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Returns the day per row for codes into distinct days; NaT for -1."""
    return pd.DatetimeIndex(days.append(pd.DatetimeIndex([pd.NaT], tz="UTC")))[codes]
