"""When each file was extracted, how often a source delivers, and whether an extract holds all rows or changes."""

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from statistics import median

import numpy as np
import pandas as pd

from churn_assets.contracts.custom_properties import Delivery
from churn_assets.counts import counted
from churn_assets.drafting.cut_by_month import months_of
from churn_assets.drafting.names import END, EXPIRY
from churn_assets.drafting.source import DraftSource
from churn_assets.months import month_of

# A file holds later events than its name states if more than this share of its rows do.
LATER_SHARE = 0.01
FULL_SHARE = 0.9
FULL_KEYS = 20


def with_days(sources: list[DraftSource], told: date | None, today: date) -> list[DraftSource]:
    """Returns the sources with the extract day of each file where it can be known.

    A folder extract_date=YYYY-MM-DD states it. The day, or the last day of the week, month or year, in a file's name
    is it, unless the file holds later events: then it is the newest of these. Files without a day in their names get
    `told`; without it, a source's only file gets the newest day of all such files, and of several files each the newest
    day of its own events.
    """
    newest = {source.name: _newest(source, today) for source in sources}
    alone = [s for s in sources if len({file.path for file in s.group.files}) == 1 and None in s.days]
    alone += [s for s in sources if any(file.is_cut for file in s.group.files)]
    exported = max((day for s in alone for day in newest[s.name] if day), default=None)
    return [_dated(s, newest[s.name], told, exported if s in alone else None, today) for s in sources]


def _newest(source: DraftSource, today: date) -> list[date | None]:
    """Per file, the newest day of what had happened; days after today are mistakes or plans."""
    days = _happened(source)
    limit = pd.Timestamp(today, tz="UTC")
    found: list[date | None] = []
    for number in range(len(source.samples)):
        known = days[(source.places == number)] if days is not None else pd.DatetimeIndex([], tz="UTC")
        known = known[known.notna() & (known < limit + pd.Timedelta(days=1))]
        found.append(known.max().date() if len(known) else None)
    return found


def _happened(source: DraftSource) -> pd.DatetimeIndex | None:
    if source.event_time:
        return source.column(source.event_time).days
    past = [
        c
        for c in source.columns
        if c.is_time and not c.personal and not (EXPIRY.search(c.name) or re.search(r"next|due", c.name))
    ]
    past = [c for c in past if not END.search(c.name)] or past
    frames = [pd.Series(c.days) for c in past if c.days is not None]
    return pd.DatetimeIndex(pd.concat(frames, axis=1).max(axis=1)) if frames else None


def _dated(
    source: DraftSource, newest: list[date | None], told: date | None, exported: date | None, today: date
) -> DraftSource:
    days: list[date | None] = []
    moved: list[str] = []
    for number, file in enumerate(source.group.files):
        day = source.days[number] or told or exported or newest[number]
        if day and not (file.landed or file.is_cut) and _holds_later(source, number, day, today):
            moved.append(file.name)
            day = newest[number] if source.group.origin is None else day
        days.append(day)
    guessed = [file.name for file in source.group.files if file.day is None]
    unknown = [file.name for file, day in zip(source.group.files, days, strict=True) if day is None]
    said = []
    if moved:
        said.append(
            f"{counted(len(moved), 'file holds', 'files hold')} events after the day in the name, such as {moved[0]}; "
            + (
                "the day of the newest event is taken"
                if source.group.origin is None
                else "a run refuses these rows: have the files named after their last day"
            )
        )
    if unknown:
        said.append(f"nothing tells when {unknown[0]} was extracted: state it with --extract-date YYYY-MM-DD")
    elif guessed and not told:
        said.append(
            f"the name of {guessed[0]} states no day, so the newest in the data is taken; or use --extract-date"
        )
    months = months_of(source)
    if len(months) > 1 and (source.group.origin is None or not source.group.origin.is_asked):
        whole = source.group.files[0].name
        said.append(
            f"{whole} holds events of {len(months)} months that all become known on one day, so no model can learn "
            "from earlier months"
            + (
                "; if its rows never change, --cut-by-month makes an extract of each month"
                if source.group.origin is None
                else ""
            )
        )
    doubts = [source.doubt(1, "extract dates", words) for words in said]
    return replace(source, days=tuple(days), doubts=(*source.doubts, *doubts))


def _holds_later(source: DraftSource, number: int, day: date, today: date) -> bool:
    """Whether more than a few events of a file lie after a day; those after today are mistakes."""
    if source.event_time is None or (times := source.column(source.event_time).days) is None:
        return False
    of_file = times[source.places == number]
    if not len(of_file):
        return False
    later = (of_file >= _next(day)) & (of_file < _next(today))
    return float(np.mean(later)) > LATER_SHARE


def _next(day: date) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)


def with_delivery(source: DraftSource) -> DraftSource:
    """Returns the source with how it delivers: `full` if an extract holds nearly all keys of the one before."""
    order = sorted({day for day in source.days if day})
    if len(order) < 2:
        delivery: Delivery = "once" if source.role == "entity" else "changes"
        doubt = source.doubt(
            2,
            "delivery",
            f"{delivery} is a guess, as one extract shows no habit; full: all rows each time, changes: what is new, "
            "once: no other extract will come",
        )
        return replace(
            source,
            delivery=delivery,
            doubts=(*source.doubts, doubt),
            notes=source.notes | {"delivery": "guess: one extract shows no habit"},
        )
    codes, of_file = source.codes(source.key), np.array([order.index(d) if d else -1 for d in source.days])
    extracts = of_file[source.places]
    keys = [np.unique(codes[extracts == number]) for number in range(len(order))]
    shares = [float(np.isin(a, b).mean()) for a, b in pairwise(keys) if len(a) >= FULL_KEYS]
    share = median(shares) if shares else 0.0
    delivery = "full" if share >= FULL_SHARE else "changes"
    words = f"an extract holds {share:.0%} of the keys of the one before" + (
        "" if source.complete else ", in the sample"
    )
    rank = 3 if share >= 0.98 or share <= 0.5 else 1
    doubts = (*source.doubts, source.doubt(rank, "delivery", f"{delivery}: {words}"))
    return replace(
        source, delivery=delivery, doubts=doubts, notes=source.notes | {"delivery": f"guess: {words}"}
    )


def with_absence(source: DraftSource, months: list[str]) -> DraftSource:
    """Returns the source with its first day, if it is younger than the calendar, and a doubt about missing months.

    Args:
        months: of the calendar.
    """
    days = sorted(day for day in source.days if day)
    there = {month_of(day) for day in days}
    missing = [month for month in months if month not in there]
    if not days or not missing:
        return source
    notes = source.notes
    if months[0] < month_of(days[0]):
        notes = notes | {"available": str(days[0])}
    if source.delivery == "once":
        said = f"one export, which holds from {days[0]} on; nothing is known before, nor what changed since"
        return replace(source, notes=notes, doubts=(*source.doubts, source.doubt(1, "extracts", said)))
    later = [month for month in missing if month > month_of(days[0])]
    said = f"there are extracts of {len(there)} of {len(months)} months of the calendar"
    said += (
        f"; a run stops at {later[0]}, which has none" if later else f"; it is taken to begin on {days[0]}"
    )
    doubt = source.doubt(1 if later else 2, "extracts", said)
    return replace(source, notes=notes, doubts=(*source.doubts, doubt))


def frequency(source: DraftSource) -> tuple[int, str]:
    """Returns the usual time between two extracts, as a number and a unit of the contract."""
    order = sorted({day for day in source.days if day})
    days = [(b - a).days for a, b in pairwise(order)]
    usual = median(days) if days else 31
    return (1, "month") if 27 <= usual <= 31 else (max(1, round(usual)), "d")


def volume_limits(source: DraftSource) -> tuple[float, float] | None:
    """Returns the least and the most rows of a month as a share of the usual, with room around what the files show.

    None where they cannot show it: a sample without all rows, or fewer than five months.
    """
    months = pd.Series([f"{day:%Y-%m}" if day else "" for day in source.days])[source.places]
    sizes = months.value_counts().sort_index()
    if not source.complete or len(sizes) < 5:
        return None
    usual = sizes.shift().rolling(6, min_periods=3).median()
    shares = (sizes / usual).dropna()
    return max(0.05, round(float(shares.min()) / 2, 2)), max(2.0, round(float(shares.max()) * 2, 1))
