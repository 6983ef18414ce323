"""A range of months of one source from bronze to silver: write, audit, publish."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import between
from churn_assets.months import add_months
from churn_assets.silver.audit import USUAL_MONTHS, DeliveredFile, MonthAudit, Problem, judge
from churn_assets.silver.conform import conform, invalid, refused_rows
from churn_assets.silver.versions import (
    BOOKKEEPING,
    repeated_keys,
    set_apart,
    to_versions,
    to_versions_sparing,
    with_customer_key,
)
from churn_assets.sources.landing import list_extracts

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
    """Row counts per file of these months and of the usual months before them, from bronze."""
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
    return [
        DeliveredFile(
            r["source_file"],
            r["extract_month"],
            r["row_number_count"],
            r["rescued_count"],
            fields.get(r["source_file"], ()),
        )
        for r in counts
    ] + [
        # an extract without rows leaves no trace in bronze, but it was delivered
        DeliveredFile(f.name, f.month, 0)
        for f in list_extracts(lakehouse.settings.landing_uri, source, months)
        if f.name not in {r["source_file"] for r in counts}
    ]


def audit_months(
    source: Source,
    months: Sequence[str],
    files: Sequence[DeliveredFile],
    versions: "DataFrame",
    refused: "DataFrame",
) -> list[MonthAudit]:
    """One audit per month. The counts come from three frames that were computed apart, so that a lost row shows."""
    from pyspark.sql import functions as F

    audits = {m: MonthAudit(source.name, m) for m in months}
    for file in files:
        if file.month in audits:
            audits[file.month].files.append(file)
            audits[file.month].delivered += file.rows
    watched = [c for c in source.columns if c.valid_values and c.valid_severity != "quarantine"]
    counted = versions.groupBy("extract_month").agg(
        F.count("*").alias("accepted"),
        F.sum(F.col("copies") - 1).alias("duplicates"),
        *(F.count_if(invalid(c)).alias(f"valid:{c.name}") for c in watched),
    )
    for row in counted.collect():
        audit = audits[row.extract_month]
        audit.accepted, audit.duplicates = row.accepted, row.duplicates
        audit.warned = Counter({f"valid:{c.name}": row[f"valid:{c.name}"] for c in watched})
    for row in refused.groupBy("extract_month", "rule").count().collect():
        audits[row.extract_month].refused[row.rule] = row["count"]
    return [audits[m] for m in months]


def load_silver(
    lakehouse: Lakehouse, business: Business, source: Source, months: Sequence[str], run_id: str
) -> SilverLoad:
    """Brings `months` (contiguous) of `source` from bronze into silver, identity and quarantine.

    Raises:
        MonthBlocked: a blocking rule is broken in one of the months; nothing was committed.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

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
        # Text is dear to parse, and the audit, the write and the quarantine all need it: parsed once.
        conformed = keep(conformed)
        accepted, refused = keep(to_versions(conformed.where("refused_rule IS NULL"), source)), conformed
    versions = with_customer_key(accepted, lakehouse.read(tables.CUSTOMER_KEYS), source)
    refused = refused_rows(refused, source)
    try:
        files = delivered_files(lakehouse, source, months)
        audits = audit_months(source, months, files, versions, refused)
        delivered = Counter[str]()
        for file in files:
            delivered[file.month] += file.rows
        problems = [p for a in audits for p in judge(source, a, delivered, business.first_month(source))]
        blocking = [p for p in problems if p.severity == "block"]
        if blocking:
            raise MonthBlocked(blocking)
        where = between(months)
        attributes = versions.select("customer_key", *(c.name for c in source.attributes), *BOOKKEEPING)
        commits = [lakehouse.replace(tables.silver(source), attributes, where, run_id=run_id)]
        mine = f"source = '{source.name}' AND {where}"
        if source.personal:
            identity = versions.select(
                F.lit(source.name).alias("source"),
                "customer_key",
                *(c.name for c in source.personal),
                "known_at",
                "sequence",
                "extract_month",
            )
            commits.append(
                lakehouse.replace(tables.customer_identity(business), identity, mine, run_id=run_id)
            )
        if any(a.quarantined for a in audits) or lakehouse.exists(tables.QUARANTINE):
            commits.append(lakehouse.replace(tables.QUARANTINE, refused, mine, run_id=run_id))
        return SilverLoad(audits, problems, commits)
    finally:
        for frame in reversed(kept):
            frame.unpersist()
