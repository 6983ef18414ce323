"""The extracts of a source against the calendar of the business."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from churn_assets.contracts.source import Source
from churn_assets.counts import form
from churn_assets.months import month_end, month_of, month_range
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.preview.remark import Remark, some


def about_extracts(
    source: Source,
    files: Sequence[ExtractFile],
    calendar: tuple[str, str | None] | None,
    first: str,
    newest: str,
    today: date,
    begun: bool = True,
) -> list[Remark]:
    """Months without an extract, extracts that lie too far apart, and files outside of the calendar.

    Args:
        calendar: first and last month of the calendar, None if it is open; None altogether if it is not known.
        first: the first month in which extracts of the source are expected.
        newest: the newest month in which any source delivered.
        today: in a month that is not over, an extract may still come.
        begun: some source has extracts. Before that, one that this product asks has just not been asked.
    """
    if not files and source.delivery == "as_needed":
        return [Remark("note", "extracts", f"{source.path}/ holds no extract yet, and none is needed.")]
    if not files:
        if source.origin:
            found = "it has not been asked yet, so there are no rows to look at."
            remedy = f"`{first_question(calendar, today)}` asks the source."
            return [Remark("block" if begun else "note", "extracts", found, remedy=remedy)]
        found = f"there is no extract in {source.path}/."
        remedy = (
            f"Put files into {source.path}/extract_date=YYYY-MM-DD/, the day on which they were extracted."
        )
        return [Remark("block", "extracts", found, remedy=remedy)]
    if calendar is None:
        return _gaps(source, files)
    start, last = calendar
    if not source.comes_regularly:
        return _outside(files, start, last)
    expected = _expected(max(first, start), min(newest, last or newest), today)
    return [*_outside(files, start, last), *_missing(source, files, expected), *_gaps(source, files)]


def first_question(calendar: tuple[str, str | None] | None, today: date) -> str:
    """The command that asks the sources for all months of the calendar up to now; see `about_extracts`."""
    if calendar is None:
        return "churn-assets run extract --from YYYY-MM"
    start, last = calendar
    return f"churn-assets run extract --from {start} --to {min(last or '9999-12', month_of(today))}"


def _outside(files: Sequence[ExtractFile], start: str, last: str | None) -> list[Remark]:
    outside = [f for f in files if f.month < start or (last is not None and f.month > last)]
    if not outside:
        return []
    span = f"{start} to {last}" if last else f"{start} on"
    lie, them = form(len(outside), "lies", "lie"), form(len(outside), "it", "them")
    found = f"{len(outside):,} of {len(files):,} files {lie} outside of the calendar, {span}; no run reads {them}."
    return [
        Remark("warn", "extracts", found, remedy="Move `calendar.start` or `calendar.end` in churn.yaml.")
    ]


def _expected(first: str, until: str, today: date) -> list[str]:
    """The months that are over and want an extract."""
    return (
        [month for month in month_range(first, until) if month_end(month) < today] if first <= until else []
    )


def _missing(source: Source, files: Sequence[ExtractFile], expected: Sequence[str]) -> list[Remark]:
    """Months without an extract; those before the first one may be older than the source."""
    there = sorted({f.month for f in files})
    missing = [month for month in expected if month not in there]
    if not missing:
        return []
    found = f"no extract in {some(missing, 6)}; a run over these months stops."
    remedy = "Deliver them."
    if source.delivery == "changes":
        remedy = "Deliver them; a file with its header alone says that nothing changed."
    if missing[0] < there[0]:
        day = min(f.extract_date for f in files)
        remedy += f" If the source is younger than the calendar, declare `generalAvailability: {day}`."
    return [Remark("block", "extracts", found, remedy=remedy)]


def _gaps(source: Source, files: Sequence[ExtractFile]) -> list[Remark]:
    if source.gap is None or not source.comes_regularly:
        return []
    days = sorted({f.extract_date for f in files})
    wide = [f"{a} to {b}" for a, b in pairwise(days) if (b - a).days > source.gap.max_days]
    if not wide:
        return []
    found = f"no extract came for more than {source.gap.max_days} days: {some(wide)}."
    remedy = "Deliver what is missing, or widen `gap` in the contract."
    return [Remark(source.gap.severity, "extracts", found, remedy=remedy)]


def newest_month(files: Sequence[ExtractFile], today: date) -> str:
    """The newest month with an extract; that of today without any."""
    return max((f.month for f in files), default=month_of(today))
