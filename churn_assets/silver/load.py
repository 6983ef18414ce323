"""A range of months of one source from bronze to silver: write, audit, publish."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.delta.place import Draft
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import between
from churn_assets.months import add_months
from churn_assets.silver.audit import USUAL_MONTHS, DeliveredFile, MonthAudit, Problem, judge, rows_by_month
from churn_assets.silver.conform import conform, is_invalid, refused_rows
from churn_assets.silver.versions import (
    BOOKKEEPING,
    repeated_keys,
    set_apart,
    to_versions,
    to_versions_sparing,
    with_customer_key,
    with_known_keys,
)
from churn_assets.sources.content import extracts_without_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class MonthBlocked(RuntimeError):
    """A month broke a blocking rule: nothing of the load was committed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(p) for p in problems))


@dataclass(frozen=True)
class SilverLoad:
    """What a load did: an audit per month, what was noticed, and its commits."""

    audits: list[MonthAudit]
    problems: list[Problem]
    commits: list[Commit]


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
        table, by, [("rescued", "one")], wanted & pc.field("rescued").is_valid()
    ).to_pylist()
    # names only: the values may be personal
    fields = {
        row["source_file"]: tuple(sorted(set(json.loads(row["rescued_one"])) - {CORRUPT})) for row in example
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
    return told + [DeliveredFile(file.name, file.month, 0) for file in empty]


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
    counts = accepted.aggregate(["extract_month", "refused"], [("copies", "count"), ("copies", "sum")])
    for row in counts.to_pylist():
        audit = audits[row["extract_month"]]
        if row["refused"]:  # versions of a key that is unknown; their rows are counted in the quarantine
            audit.unknown = row["copies_count"]
            continue
        audit.accepted = row["copies_count"]
        audit.duplicates = row["copies_sum"] - row["copies_count"]
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


def load_silver(
    lakehouse: Lakehouse, business: Business, source: Source, months: Sequence[str], run_id: str, today: date
) -> SilverLoad:
    """Brings `months` (contiguous) of `source` from bronze into silver, identity and quarantine, as judged `today`.

    Raises:
        MonthBlocked: a blocking rule is broken in one of the months; nothing was committed.
    """
    from pyspark import StorageLevel

    bronze = lakehouse.read(tables.bronze(source))
    kept: list[DataFrame] = []

    def keep(frame: "DataFrame") -> "DataFrame":
        kept.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return frame

    conformed = conform(bronze.where(between(months)), source)
    if source.format == "parquet":
        # Parquet is cheaper read again than kept: only the few rows that take more than one look are.
        repeated = keep(repeated_keys(conformed, source))
        apart = keep(set_apart(conformed, source, repeated))
        accepted, refused = to_versions_sparing(conformed, source, repeated, apart), apart
    else:
        # Text is dear to parse, and versions and quarantine both need it: parsed once, and put in order once.
        conformed = keep(conformed)
        ordered = to_versions(with_known_keys(conformed, source), source)
        accepted, refused = keep(ordered) if source.personal else ordered, conformed
    versions = with_customer_key(accepted, lakehouse.read(tables.CUSTOMER_KEYS), source)
    attributes = versions.select("customer_key", *(c.name for c in source.attributes), *BOOKKEEPING)
    identity_table = tables.customer_identity(business)
    where = between(months)
    mine = f"source = '{source.name}' AND {where}"
    try:
        with ExitStack() as drafts:
            silver = drafts.enter_context(lakehouse.draft(tables.silver(source), attributes))
            identity = (
                drafts.enter_context(
                    lakehouse.draft(identity_table, _identity(versions, source, identity_table))
                )
                if source.personal
                else None
            )
            quarantine = drafts.enter_context(
                lakehouse.draft(tables.QUARANTINE, refused_rows(refused, source))
            )
            files = delivered_files(lakehouse, source, months)
            personal = identity.content if identity else None
            audits = audit_months(source, months, files, silver.content, personal, quarantine.content)
            delivered, first = rows_by_month(files), business.first_month(source)
            days = {file.extract_date for file in files}
            problems = [p for a in audits for p in judge(source, a, delivered, days, first, today)]
            blocking = [p for p in problems if p.severity == "block"]
            if blocking:
                raise MonthBlocked(blocking)
            commits = [silver.replace(where, run_id=run_id)]
            if identity:
                commits.append(identity.replace(mine, run_id=run_id))
            if any(a.quarantined for a in audits) or lakehouse.exists(tables.QUARANTINE):
                commits.append(quarantine.replace(mine, run_id=run_id))
            return SilverLoad(audits, problems, commits)
    finally:
        for frame in reversed(kept):
            frame.unpersist()


def _identity(versions: "DataFrame", source: Source, table: tables.Table) -> "DataFrame":
    """silver/customer_identity rows: the personal columns of accepted versions; those of other sources are null."""
    from pyspark.sql import functions as F

    own = {c.name for c in source.personal} | {"customer_key", "known_at", "sequence", "extract_month"}
    given = {"source": F.lit(source.name)} | {name: F.col(name) for name in own}
    return versions.where("NOT refused").select(
        *(given.get(c.name, F.lit(None).cast(c.type)).alias(c.name) for c in table.columns)
    )
