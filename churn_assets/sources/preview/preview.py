"""Looks at every source of a business: what a run would find, from a sample of its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from churn_assets.contracts.source import Source
from churn_assets.months import month_of
from churn_assets.sources.delivered_columns import delivered_columns, require_columns
from churn_assets.sources.landing import ExtractFile, LandingError, Listing, list_everything
from churn_assets.sources.preview.extracts import about_extracts, newest_month
from churn_assets.sources.preview.headers import about_headers
from churn_assets.sources.preview.ids import about_ids, all_ids, entity_of
from churn_assets.sources.preview.remark import Remark, some
from churn_assets.sources.preview.sampling import FirstRows, sample_file, spread
from churn_assets.sources.preview.values import JudgedFile, about_fill, about_values
from churn_assets.sources.preview.verdicts import delivered_name, judge_rows

MOST_HEADERS, MOST_FILES = 100, 5
SAMPLED_FILES, SAMPLED_ROWS = 3, 2000
FIRST_VALUES = 3
ORDER = {"block": 0, "warn": 1, "note": 2}


@dataclass(frozen=True)
class ColumnPreview:
    """A column of the contract.

    Attributes:
        delivered: its name in the newest file, of JSON lines its path; None if the file lacks it.
        filled: share of the sampled rows with a value; None for a column that transformLogic computes.
        first: its first values as they are delivered.
    """

    name: str
    delivered: str | None
    type: str
    filled: float | None
    first: tuple[str, ...]


@dataclass(frozen=True)
class SourcePreview:
    """What a run would find in one source.

    Attributes:
        source: its name.
        days: of its extracts, ascending.
        files, size: number and bytes of all its files.
        sampled_files, sampled_rows: how much of them was read.
        columns: those of the contract.
        remarks: the worst first.
    """

    source: str
    days: tuple[date, ...]
    files: int
    size: int
    sampled_files: int
    sampled_rows: int
    columns: tuple[ColumnPreview, ...]
    remarks: tuple[Remark, ...]

    @property
    def blocks(self) -> bool:
        """Whether something would stop a run."""
        return any(remark.severity == "block" for remark in self.remarks)


@dataclass(frozen=True)
class Scope:
    """What to look at.

    Attributes:
        landing: root of the landing zone.
        calendar: its first and last month, None if it is open; None altogether if it is not known.
        files, rows: how many files of a source, and how many rows of each, are sampled.
    """

    landing: str
    calendar: tuple[str, str | None] | None
    files: int = SAMPLED_FILES
    rows: int = SAMPLED_ROWS
    today: date | None = None


def preview_sources(
    sources: Sequence[Source], scope: Scope, tell: Callable[[str], None] = lambda _: None
) -> list[SourcePreview]:
    """Looks at each source; `tell` is called with the name of the one that is read now."""
    today = scope.today or datetime.now(UTC).date()
    listed = {source.name: list_everything(scope.landing, source) for source in sources}
    every_file = [f for listing in listed.values() for f in listing.files]
    newest = newest_month([f for f in every_file if f.month <= month_of(today)], today)
    entity, known = entity_of(sources), None
    if entity is not None and listed[entity.name].files:
        tell(f"ids of {entity.name}")
        try:
            known = all_ids(entity, listed[entity.name].files)
        except LandingError:
            known = None  # the entity's own preview says why
    found = []
    for source in sources:
        tell(source.name)
        listing = listed[source.name]
        remarks = [
            *_not_read(listing),
            *about_extracts(
                source,
                listing.files,
                scope.calendar,
                source.first_month or "",
                newest,
                today,
                bool(every_file),
            ),
        ]
        found.append(_preview(source, listing.files, scope, remarks, known, entity.name if entity else ""))
    return found


def _not_read(listing: Listing) -> list[Remark]:
    """Files that stop a run, and files that no reader opens."""
    remarks = [Remark("block", "files", str(file.error)) for file in listing.refused[:MOST_FILES]]
    if len(listing.refused) > MOST_FILES:
        more = f"{len(listing.refused) - MOST_FILES:,} more files or folders cannot be used."
        remarks.append(Remark("block", "files", more))
    if listing.not_read:
        names = some([f"{name} ({reason})" for name, _, reason in listing.not_read])
        remedy = "Rename files that hold rows."
        remarks.append(Remark("warn", "files", f"not read: {names}.", remedy=remedy))
    return remarks


def _preview(
    source: Source,
    files: Sequence[ExtractFile],
    scope: Scope,
    remarks: list[Remark],
    known: set[str] | None,
    entity: str,
) -> SourcePreview:
    samples, judged = [], []
    headers, unread = _headers(source, files, scope)
    remarks = remarks + _few(unread) + about_headers(source, headers)
    for file in spread(files, scope.files):
        try:
            sample = sample_file(source, file, scope.rows)
        except LandingError as error:
            remarks.append(Remark("block", "files", str(error)))
            continue
        if not sample.rows.num_rows:
            remarks.append(Remark("note", "rows", f"{file.name} has no rows."))
            continue
        samples.append(sample)
        judged.append(JudgedFile(file, judge_rows(source, sample.names, sample.rows, file.extract_date)))
    missing = {
        c.field: any(delivered_name(c, names) is None for names in headers.values()) for c in source.columns
    }
    if judged:
        remarks += about_values(source, judged) + about_fill(source, judged, missing)
        remarks += about_ids(source, judged, known, entity)
        remarks += _unjudged(source, judged)
    return SourcePreview(
        source.name,
        tuple(sorted({f.extract_date for f in files})),
        len(files),
        sum(f.size for f in files),
        len(samples),
        sum(s.rows.num_rows for s in samples),
        _columns(source, samples, judged),
        tuple(sorted(_once(remarks), key=lambda r: ORDER[r.severity])),
    )


def _unjudged(source: Source, files: Sequence[JudgedFile]) -> list[Remark]:
    """Columns whose values only a run can judge."""
    names = sorted({name for f in files for name in f.judged.unjudged})
    computed = [name for name in names if source.column(name).transform]
    others = [name for name in names if name not in computed]
    told = (
        [f"{some(computed, 8)}: computed by transformLogic; only a run judges the result."]
        if computed
        else []
    )
    told += (
        [f"{some(others, 8)}: this check does not understand the pattern, so only a run judges it."]
        if others
        else []
    )
    return [Remark("note", "columns", words) for words in told]


def _few(refused: list[Remark]) -> list[Remark]:
    """The first refused files, and how many there are more."""
    more = len(refused) - MOST_FILES
    rest = [Remark("block", "files", f"a run refuses {more:,} more files.")] if more > 0 else []
    return refused[:MOST_FILES] + rest


def _once(remarks: Sequence[Remark]) -> list[Remark]:
    """Without repeats: a file that cannot be read is met by its header and by its rows."""
    return list(dict.fromkeys(remarks))


def _headers(
    source: Source, files: Sequence[ExtractFile], scope: Scope
) -> tuple[dict[str, tuple[str, ...]], list[Remark]]:
    """File -> its column names, and what a run refuses; JSON lines have their names in each row."""
    headers: dict[str, tuple[str, ...]] = {}
    unread: list[Remark] = []
    if source.format == "jsonl":
        return headers, unread
    for file in spread(files, MOST_HEADERS):
        try:
            columns = delivered_columns(source, file)
            headers[file.name] = tuple(name for name, _ in columns)
            require_columns(source, file, columns)
        except LandingError as error:
            unread.append(Remark("block", "files", str(error)))
    return headers, unread


def _delivered_values(sample: FirstRows, name: str | None) -> list[Any]:
    """The first values of a column as they stand in the file; none of a column that is computed from others."""
    return [] if name is None else sample.rows[str(sample.names.index(name) + 1)][:FIRST_VALUES].to_pylist()


def _columns(
    source: Source, samples: Sequence[FirstRows], files: Sequence[JudgedFile]
) -> tuple[ColumnPreview, ...]:
    if not files:
        return ()
    newest, judged = samples[-1], files[-1].judged
    columns = []
    for c in source.columns:
        name = delivered_name(c, newest.names)
        raw = [value for f in files for value in f.judged.raw[c.name]]
        filled = None if c.transform else sum(value is not None for value in raw) / len(raw)
        values = _delivered_values(newest, name) if c.transform else judged.raw[c.name][:FIRST_VALUES]
        first = tuple("" if v is None else str(v) for v in values)
        delivered = f"{name}{c.json_path.removeprefix('$')}" if name and c.json_path else name
        columns.append(ColumnPreview(c.name, delivered, c.type, filled, first))
    return tuple(columns)
