"""Reads columns of dates: in one notation, or row by row where the notations differ and a row allows only one day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.inference.days import LEAST_SHARE, Notation, notations

# A notation that fits a smaller share of the texts is a coincidence.
LEAST_OF_ONE = 0.01
# At least this share of the first texts must look like dates before their notations are tried one by one.
_LIKE_A_DATE = (
    r"(?i)^\d{1,4}[-/. ](\d{1,2}|[a-z]{3,9})[-/. ]\d{1,4}([T ]\d.*)?$|^[a-z]{3,9}[ -]\d{1,2}, \d{4}$|^\d{8}$"
    r"|^(\d{1,2}|[a-z]{3,9})[-/ ]\d{2,4}$"
)


@dataclass(frozen=True)
class DaysRead:
    """Dates read from distinct texts.

    Attributes:
        days: UTC times, NaT where a text is no date or could be two.
        words: the notations.
        either: mask of the texts that could be another day if day and month were exchanged.
        doubt: how `either` was decided; empty if nothing is in doubt.
    """

    days: pd.DatetimeIndex
    words: str
    either: NDArray[np.bool_]
    doubt: str


def dates(texts: pa.Array) -> DaysRead | None:
    """Parses distinct trimmed texts, none blank, into UTC times; None if they are no dates.

    A month becomes its first day. Where a text could be two days, the notation that other texts of the column show
    decides. If they show both, it is missing. If they show none, days that are all the first of a month win over months
    that are all January; else the first of the two notations is used, and `doubt` tells it.
    """
    found = notations(texts)
    if not found:
        return _mixed(texts)
    first, *others = found
    other = next((other for other in others if first.swaps(other)), None)
    if other is None:
        return _completed(texts, first)
    if _first_days(other.days) and not _first_days(first.days):
        words = f"{other.words} (read so because every day is then the first of a month)"
        return DaysRead(other.days, words, np.zeros(len(texts), dtype=bool), "")
    doubt = f"no day is above 12, so it could be {other.words} as well; read as {first.words}"
    words = f"{first.words} (could be the other way round: no day above 12)"
    return DaysRead(first.days, words, np.asarray(first.days != other.days), doubt)


def _first_days(days: pd.DatetimeIndex) -> bool:
    known = days[days.notna()]
    return bool(len(known) and (known.day == 1).all() and known.month.nunique() > 1)


def _completed(texts: pa.Array, first: Notation) -> DaysRead:
    """Returns the days of a notation that fits nearly all texts, and those of the rest in other notations."""
    filled, words = pd.Series(first.days), first.words
    rest = np.flatnonzero(~first.read)
    others = notations(texts.take(pa.array(rest)), LEAST_OF_ONE) if len(rest) else []
    for other in others:
        here = other.read & filled.iloc[rest].isna().to_numpy()
        if here.any() and not other.swaps(first):
            filled.iloc[rest[here]] = other.days[here]
            words += f", {other.words}"
    return DaysRead(pd.DatetimeIndex(filled), words, np.zeros(len(texts), dtype=bool), "")


def _mixed(texts: pa.Array) -> DaysRead | None:
    """Returns the days of texts in several notations; None if fewer than LEAST_SHARE are read."""
    if (
        not len(texts)
        or pc.mean(pc.match_substring_regex(texts.slice(0, 1000), _LIKE_A_DATE)).as_py() < LEAST_SHARE
    ):
        return None
    found = notations(texts, LEAST_OF_ONE)
    if len(found) < 2 or np.logical_or.reduce([n.read for n in found]).mean() < LEAST_SHARE:
        return None
    days = found[0].days
    for other in found[1:]:
        days = pd.DatetimeIndex(days.where(days.notna(), other.days))
    either, missing, used = np.zeros(len(texts), dtype=bool), np.zeros(len(texts), dtype=bool), list(found)
    doubts = []
    for at, first in enumerate(found):
        for other in found[at + 1 :]:
            both = first.read & other.read & np.asarray(first.days != other.days)
            if not first.swaps(other) or not both.any():
                continue
            shows_first, shows_other = (
                bool((n.read & ~m.read).any()) for n, m in ((first, other), (other, first))
            )
            if shows_first and shows_other:
                either, missing = either | both, missing | both
                doubts.append(f"the column holds both {first.words} and {other.words}: read as missing")
            elif shows_other:
                days = pd.DatetimeIndex(days.where(~both, other.days))
                used = [n for n in used if n is not first]
            elif not shows_first:
                either = either | both
                doubts.append(
                    f"no day is above 12, so it could be {other.words} as well; read as {first.words}"
                )
                used = [n for n in used if n is not other]
            else:
                used = [n for n in used if n is not other]
    said = ", ".join(dict.fromkeys(n.words for n in used))
    return DaysRead(
        pd.DatetimeIndex(days.where(~missing)), f"by row: {said}", either, "; ".join(dict.fromkeys(doubts))
    )
