"""How a living source delivers: by a cursor, whole, or as its messages come; and from when on it can be asked."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from churn_assets.contracts.custom_properties import Delivery
from churn_assets.drafting.doubt import Doubt
from churn_assets.drafting.source import DraftSource
from churn_assets.months import month_of

MISTAKES = 0.005  # of the events, so many may lie before all others
CHANGED = re.compile(r"updat|modif|(^|_)chang|last_write|geaendert|aktualisiert|(^|_)mtime")
SINCE = "a guess that no answer can confirm; if the service can be asked for what is new, name its parameter"


def with_cursor(source: DraftSource) -> DraftSource:
    """Returns a living source with its delivery and cursor; files, and folders of files, as they are."""
    origin = source.group.origin
    if origin is None or not origin.is_asked:
        return source
    others = tuple(d for d in source.doubts if d.place != f"{source.file}, delivery")
    if origin.holds == "messages":
        return _as(source, "changes", None, "each message comes once", 3, others)
    changed = [c for c in source.columns if CHANGED.search(c.name) and _orders_rows(c.formats, c.is_time)]
    if changed:
        said = f"the cursor {changed[0].name} is a guess by its name"
        return _as(source, "changes", changed[0].physical, said, 2, others)
    if source.role in ("event", "treatment") and source.event_time:
        time = source.column(source.event_time)
        if _orders_rows(time.formats, time.is_time):
            hour = "right if a row never changes, and comes within an hour"
            said = f"the cursor is the event time, {time.physical}: {hour}"
            return _as(source, "changes", time.physical, said, 1, others)
    said = "no column tells when a row was changed, so everything is read each time"
    return _as(source, "full", None, said, 3, others)


def _orders_rows(formats: Sequence[str], is_time: bool) -> bool:
    """Whether a column of times can be a cursor; texts only if they are in ISO 8601."""
    return is_time and all(format_.startswith("yyyy-MM-dd") for format_ in formats)


def _as(
    source: DraftSource,
    delivery: Delivery,
    cursor: str | None,
    said: str,
    rank: int,
    others: tuple[Doubt, ...],
) -> DraftSource:
    group, notes = source.group, source.notes | {"delivery": f"guess: {said}"}
    if cursor is not None and (origin := group.origin) is not None:
        hints = origin.hints
        if origin.server["type"] == "api":
            hints = (*hints, ("since", {"parameter": "updated_since"}, SINCE))
        asked = replace(origin, properties=origin.properties | {"cursor": cursor}, hints=hints)
        group = replace(group, origin=asked)
    doubt = source.doubt(rank, "delivery", said)
    return replace(source, group=group, delivery=delivery, doubts=(*others, doubt), notes=notes)


def first_asked(source: DraftSource, today: date) -> str | None:
    """The month of the first events of a source that can be asked for past months; None of another source.

    A few days before all others are mistakes.
    """
    if source.group.origin is None or source.group.origin.cursor is None or source.event_time is None:
        return None
    if source.role not in ("event", "treatment") or (days := source.column(source.event_time).days) is None:
        return None
    known = days[days.notna() & (days < pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1))]
    return month_of(known.sort_values()[int(len(known) * MISTAKES)].date()) if len(known) else None
