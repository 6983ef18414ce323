"""A range of months of one source from bronze to silver: write, audit, publish."""

import json
from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.delta.draft import Draft
from churn_assets.lakehouse.engine import frames
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse, TableDraft
from churn_assets.lakehouse.tables import between, one_of
from churn_assets.months import add_months
from churn_assets.silver.audit import (
    USUAL_MONTHS,
    DeliveredFile,
    MonthAudit,
    Problem,
    is_whole,
    judge,
    rows_by_extract,
    rows_by_month,
    volume_not_judged,
)
from churn_assets.silver.conform import conform, refused_rows
from churn_assets.silver.customer_identity import draft_identity
from churn_assets.silver.customer_keys import MERGED_INTO, with_customer_key
from churn_assets.silver.fill import emptied_columns, fill_counts, filled_of
from churn_assets.silver.findings import record
from churn_assets.silver.known_ids import without_keys
from churn_assets.silver.reconciliation_rows import ReconciledMonth, record_months, rules_digest
from churn_assets.silver.row_rules import is_invalid
from churn_assets.silver.versions import (
    bookkeeping,
    repeated_keys,
    set_apart,
    to_versions,
    to_versions_sparing,
    with_known_keys,
)
from churn_assets.sources.arrivals import digest
from churn_assets.sources.delivered_columns import extracts_without_rows
from churn_assets.sources.landing import ExtractFile, RefusedFile, list_everything
from churn_assets.sources.readers.staging import stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class SilverLoad:
    """What a load did: an audit per month, what was noticed, and the commits of the months that passed."""

    audits: list[MonthAudit]
    problems: list[Problem]
    commits: list[Commit]

    @property
    def blocking(self) -> list[Problem]:
        """Problems that refuse their month."""
        return [p for p in self.problems if p.severity == "block"]

    @property
    def passed(self) -> list[str]:
        """Months without a blocking problem."""
        refused = {p.month for p in self.blocking}
        return [a.month for a in self.audits if a.month not in refused]


class MonthBlocked(RuntimeError):
    """Months broke a blocking rule; of these nothing was committed. `load` tells what became of the others."""

    def __init__(self, load: SilverLoad) -> None:
        self.load = load
        super().__init__("\n".join(str(p) for p in load.blocking))


def delivered_files(lakehouse: Lakehouse, source: Source, months: Sequence[str]) -> list[DeliveredFile]:
    """Row counts per file of these months and of the usual months before them, from bronze; and files without rows."""
    import pyarrow.compute as pc

    table, by = tables.bronze(source), ["extract_month", "source_file"]
    month = pc.field("extract_month")
    wanted = (month >= add_months(months[0], -USUAL_MONTHS)) & (month <= months[-1])
    counts = lakehouse.aggregate(
        table, by, [("row_number", "count"), ("rescued", "count")], wanted
    ).to_pylist()
    example = lakehouse.aggregate(
        table, by, [("rescued", "min")], wanted & pc.field("rescued").is_valid()
    ).to_pylist()
    # names only: the values may be personal
    fields = {
        row["source_file"]: tuple(sorted(set(json.loads(row["rescued_min"])) - {CORRUPT})) for row in example
    }
    told = [
        DeliveredFile(
            r["source_file"],
            r["extract_month"],
            r["row_number_count"],
            r["rescued_count"],
            fields.get(r["source_file"], ()),
        )
        for r in counts
    ]
    # the month before tells when its last extract came
    landing, reached = lakehouse.settings.landing_uri, [add_months(months[0], -1), *months]
    empty = extracts_without_rows(landing, source, reached, {file.name for file in told})
    told += [DeliveredFile(file.name, file.month, 0) for file in empty]
    return sorted(told, key=lambda file: (file.month, file.name))


@dataclass(frozen=True)
class Delivery:
    """What the landing zone and bronze hold of some months of a source.

    Attributes:
        files: those that bronze holds, those of the usual months before and those without rows included.
        lying: those that lie in the landing zone.
        unread: of these, those that bronze should hold but does not, and why.
        refused: those that cannot be used, of these months.
    """

    files: Sequence[DeliveredFile]
    lying: Sequence[ExtractFile]
    unread: Mapping[ExtractFile, str]
    refused: Sequence[RefusedFile]

    @cached_property
    def by_month(self) -> Mapping[str, int]:
        """Month -> delivered rows."""
        return rows_by_month(self.files)

    @cached_property
    def by_extract(self) -> Mapping[date, int]:
        """Day of the extract -> delivered rows."""
        return rows_by_extract(self.files)

    @property
    def marks(self) -> dict[str, str]:
        """Month -> digest of the files that are judged; files that came after bronze was written are not."""
        names = {file.name for file in self.files} | {file.name for file in self.unread}
        looked_at = [f for f in self.lying if f.name in names]
        months = {f.month for f in looked_at} | {f.month for f in self.refused if f.month}
        return {
            month: digest(
                (f for f in looked_at if f.month == month), (f for f in self.refused if f.month == month)
            )
            for month in months
        }


def delivery(lakehouse: Lakehouse, source: Source, months: Sequence[str], run_id: str) -> Delivery:
    """What came of these months, compared between bronze and the landing zone."""
    files = delivered_files(lakehouse, source, months)
    listing = list_everything(lakehouse.settings.landing_uri, source, months)
    held = {file.name for file in files}
    unread = _unread_files(lakehouse, source, listing.files, held, run_id)
    return Delivery(files, listing.files, unread, listing.refused)


def _unread_files(
    lakehouse: Lakehouse, source: Source, lying: Sequence[ExtractFile], held: Set[str], run_id: str
) -> dict[ExtractFile, str]:
    """File -> why bronze does not hold it, of the files `lying` in the landing zone when bronze was written."""
    table, lacking = tables.bronze(source), [f for f in lying if f.name not in held]
    if not lacking:
        return {}
    written = lakehouse.committed_at(table).timestamp() * 1e9
    unread = [f for f in lacking if f.modified_ns < written]
    with lakehouse.staging(table, run_id=run_id) as folder:
        why = {name: str(error) for name, _, error in stage(source, unread, folder).refused}
    never = "It arrived after bronze was written, although its time of change is earlier."
    return {f: why.get(f.name, f"{f.name}: {never}") for f in unread}


def audit_months(
    source: Source,
    months: Sequence[str],
    files: Sequence[DeliveredFile],
    accepted: Draft,
    identity: Draft | None,
    refused: Draft,
) -> list[MonthAudit]:
    """One audit per month. What was delivered is counted in bronze, what was accepted or refused in what shall be
    published, each for itself, so that a lost row shows.

    Args:
        source: whose rows.
        months: which of them.
        files: what was delivered, from `delivered_files`.
        accepted: versions on their way into silver.
        identity: their personal columns; None when the source has none.
        refused: rows on their way into the quarantine.
    """
    audits = {m: MonthAudit(source.name, m) for m in months}
    for file in files:
        if file.month in audits:
            audits[file.month].files.append(file)
            audits[file.month].delivered += file.rows
    filled = fill_counts(source)
    counts = accepted.aggregate(
        ["extract_month", "refused"], [("copies", "count"), ("copies", "sum"), *filled]
    )
    for row in counts.to_pylist():
        audit = audits[row["extract_month"]]
        if row["refused"]:  # versions of a key that is unknown; their rows are counted in the quarantine
            audit.unknown = row["copies_count"]
            continue
        audit.accepted = row["copies_count"]
        audit.duplicates = row["copies_sum"] - row["copies_count"]
        audit.filled |= filled_of(row, filled)
    if identity and (filled := fill_counts(source, personal=True)):
        for row in identity.aggregate(["extract_month"], filled).to_pylist():
            audits[row["extract_month"]].filled |= filled_of(row, filled)
    for column in source.columns:
        if column.valid_values and column.valid_severity in ("warn", "block"):
            draft = identity if column.personal and identity else accepted
            values = draft.aggregate(["extract_month", column.name], [("sequence", "count")])
            for row in values.to_pylist():
                if is_invalid(row[column.name], column):
                    audits[row["extract_month"]].warned[f"valid:{column.name}"] += row["sequence_count"]
    for row in accepted.aggregate(["extract_month", "remarks"], [("copies", "count")]).to_pylist():
        for rule in row["remarks"].split(",") if row["remarks"] else ():
            audits[row["extract_month"]].remarks[rule] += row["copies_count"]
    for row in refused.aggregate(["extract_month", "rule"], [("row_number", "count")]).to_pylist():
        audits[row["extract_month"]].refused[row["rule"]] = row["row_number_count"]
    return [audits[m] for m in months]


def unless_without_keys(load: SilverLoad, withheld: Sequence[Problem]) -> SilverLoad:
    """The load with the problems of ids without keys, which are why the rows of such a month do not balance."""
    months = {p.month for p in withheld}
    others = [p for p in load.problems if p.rule != "balance" or p.month not in months]
    return replace(load, problems=[*others, *withheld])


def silver_columns(source: Source) -> list[str]:
    """The columns of silver/<source>, in their order."""
    merged = [MERGED_INTO] if source.merged_into else []
    return ["customer_key", *(c.name for c in source.attributes), *merged, *bookkeeping(source)]


def load_silver(
    lakehouse: Lakehouse, business: Business, source: Source, months: Sequence[str], run_id: str, today: date
) -> SilverLoad:
    """Brings `months` (contiguous) of `source` from bronze into silver, identity and quarantine, as judged `today`.

    A month that breaks a blocking rule is left out; the others are committed. silver/reconciliation tells of each month
    whether it passed.

    Raises:
        MonthBlocked: a blocking rule is broken in some of the months; the others were committed.
    """
    bronze = lakehouse.read(tables.bronze(source))
    kept: list[DataFrame] = []

    def keep(frame: "DataFrame") -> "DataFrame":
        kept.append(frames.keep(frame))
        return kept[-1]

    conformed = conform(bronze.where(between(months)), source)
    if source.format != "parquet" or any(column.transform for column in source.columns):
        # Text and expressions are dear to compute, and versions and quarantine both need them: once. Parquet is cheaper
        # read again than kept.
        conformed = keep(conformed)
    if source.format == "parquet" or frames.windows_are_dear(bronze):
        # only the few rows that take more than one look are put in order
        repeated = keep(repeated_keys(conformed, source))
        apart = keep(set_apart(conformed, source, repeated))
        accepted, refused = to_versions_sparing(conformed, source, repeated, apart), apart
    else:
        ordered = to_versions(with_known_keys(conformed, source), source)
        accepted, refused = keep(ordered) if source.personal else ordered, conformed
    versions = with_customer_key(accepted, lakehouse.read(tables.CUSTOMER_KEYS), source)
    attributes = versions.select(silver_columns(source))
    try:
        with ExitStack() as drafts:
            silver = drafts.enter_context(lakehouse.draft(tables.silver(source), attributes))
            identity = (
                drafts.enter_context(draft_identity(lakehouse, business, source, versions))
                if source.personal
                else None
            )
            quarantine = drafts.enter_context(
                lakehouse.draft(tables.QUARANTINE, refused_rows(refused, source))
            )
            came = delivery(lakehouse, source, months, run_id)
            personal = identity.content if identity else None
            audits = audit_months(source, months, came.files, silver.content, personal, quarantine.content)
            load = judged(business, source, audits, came, today)
            load.problems.extend(emptied_columns(lakehouse, source, audits))
            load = unless_without_keys(load, without_keys(lakehouse, source, months))
            if load.passed:
                kept_rows = any(a.quarantined for a in audits) or lakehouse.exists(tables.QUARANTINE)
                of_persons = [identity] if identity else []
                drafted = [silver, *of_persons, *([quarantine] if kept_rows else [])]
                load.commits.extend(_publish(source, drafted, months, load.passed, run_id))
    finally:
        for frame in reversed(kept):
            frames.release(frame)
    judged_by = rules_digest(business, source)
    record_months(lakehouse, source, verdicts(source, load, came, judged_by), months, run_id)
    # what blocks is a failed check, and stands in silver/reconciliation
    record(lakehouse, source.name, months, [p for p in load.problems if p.severity == "warn"], run_id=run_id)
    if load.blocking:
        raise MonthBlocked(load)
    return load


def _publish(
    source: Source, drafts: Sequence[TableDraft], months: Sequence[str], passed: Sequence[str], run_id: str
) -> list[Commit]:
    """Commits the rows of the months that passed; the draft of silver is the first, the others are shared tables."""
    where = between(months) if len(passed) == len(months) else one_of(passed)
    mine = f"source = '{source.name}' AND {where}"
    slices = [where, *(mine for _ in drafts[1:])]
    return [
        draft.within(part).replace(part, run_id=run_id) for draft, part in zip(drafts, slices, strict=True)
    ]


def judged(
    business: Business, source: Source, audits: list[MonthAudit], came: Delivery, today: date
) -> SilverLoad:
    """The audits with what could not be judged, and the problems of their months; no commits yet."""
    first, problems = business.first_month(source), []
    for audit in audits:
        audit.unread += [why for file, why in came.unread.items() if file.month == audit.month]
        audit.unread += [str(file.error) for file in came.refused if file.month == audit.month]
        audit.volume_not_judged = volume_not_judged(source, audit.month, came.by_month, came.by_extract)
        problems += judge(source, audit, came.by_month, came.by_extract, first, today)
    return SilverLoad(audits, problems, [])


def verdicts(source: Source, load: SilverLoad, came: Delivery, rules: str) -> list[ReconciledMonth]:
    """The rows of silver/reconciliation for the months of a load; a month without extracts that passed has none."""
    found, marks = [], came.marks
    for audit in load.audits:
        broken = sorted({p.rule for p in load.blocking if p.month == audit.month})
        if not audit.files and not broken:
            continue
        counts = (0, 0, 0) if broken else (audit.accepted, audit.duplicates, audit.quarantined)
        dates = sorted({file.extract_date for file in audit.files})
        whole = is_whole(source, audit.month, came.by_month, came.by_extract)
        refused_by, mark = ", ".join(broken) or None, marks.get(audit.month)
        filled = None if broken else json.dumps(audit.filled, sort_keys=True)
        named = (source.name, audit.month, audit.delivered)
        found.append(ReconciledMonth(*named, *counts, dates, whole, refused_by, mark, rules, filled))
    return found
