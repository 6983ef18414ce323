"""silver/*: keys, typed and judged sources, the tables they share, and the balance over all of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted
from churn_assets.graph.checks import NOT_COMMITTED, SHOWN_KEYS, CheckFailed, ingest_commands, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import (
    PERSONAL,
    materialized,
    table_asset,
    told_of,
    where_it_lies,
)
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import keep, release
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.no_values import telling_no_values
from churn_assets.lakehouse.tables import between
from churn_assets.months import spoken
from churn_assets.progress import note
from churn_assets.silver.audit import MonthAudit, Problem
from churn_assets.silver.customer_keys import delivered_ids, new_keys
from churn_assets.silver.fill import COLLAPSE
from churn_assets.silver.findings import as_metadata, in_words, record
from churn_assets.silver.known_ids import FOUND_BY, before, judge_ids
from churn_assets.silver.load import MonthBlocked, SilverLoad, load_silver
from churn_assets.silver.reconciliation import reconcile
from churn_assets.silver.today import today_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ONE_KEY = "one_key_per_customer"
CONTRACT_RULES = "contract_rules_hold"
ROWS_ACCOUNTED_FOR = "every_row_accounted_for"
COLUMNS_FILLED = "columns_stay_filled"
WHERE_TO_LOOK = "Nothing was committed. Look at the expressions of the contract, then for the row in bronze."


def _customer_keys(business: Business) -> dg.AssetsDefinition:
    table = tables.CUSTOMER_KEYS

    @table_asset(
        table,
        business,
        description="A random customer_key for every natural id in any source; the only place that joins the two.",
        deps=[tables.bronze(s).key for s in business.sources],
        partitions=ingest_months(business),
        checks={ONE_KEY: "Every id has one key and every key one id."},
    )
    def customer_keys(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        note("looking for customers without a key")
        bronze = [(s, lakehouse.read(tables.bronze(s)).where(between(months))) for s in business.sources]
        ids = keep(delivered_ids(bronze))  # judged, then given keys
        with telling_no_values(table.path, WHERE_TO_LOOK), lakehouse.alone_with(table):
            known = lakehouse.read(table) if lakehouse.exists(table) else None
            judged = judge_ids(business, ids, known, before(lakehouse, business, months))
            # random: must not be drawn a second time
            added = keep(new_keys(ids, known, judged.withheld))
            try:
                counts = _counts(added if known is None else known.unionByName(added))
                if len(set(counts)) > 1:
                    raise _told_twice(counts, known, added)
                commit = lakehouse.append(table, added, run_id=context.run.run_id)
            finally:
                release(added)
                release(ids)
        record(lakehouse, FOUND_BY, months, judged.problems, run_id=context.run.run_id)
        numbers = {"customers": counts[0], "new": commit.rows}
        held = [passed(ONE_KEY, numbers)]
        return materialized(lakehouse, table, commit, numbers | as_metadata(judged.problems), held)

    return customer_keys


def _counts(keys: "DataFrame") -> tuple[int, int, int]:
    """Rows, different ids, different keys."""
    from pyspark.sql import functions as F

    [row] = keys.agg(
        F.count("*"), F.count_distinct("customer_id"), F.count_distinct("customer_key")
    ).collect()
    return row[0], row[1], row[2]


def _counts_told(counts: tuple[int, int, int]) -> str:
    rows, ids, keys = counts
    return f"{counted(rows, 'row')} for {counted(ids, 'id')} and {counted(keys, 'key')}"


def _told_twice(counts: tuple[int, int, int], known: "DataFrame | None", added: "DataFrame") -> CheckFailed:
    """Why one id has two keys, or one key two ids: the table holds them already, or they were drawn just now."""
    before = (0, 0, 0) if known is None else _counts(known)
    if known is not None and len(set(before)) > 1:
        found = f"silver/customer_keys holds {_counts_told(before)} already: two runs added keys at the same time."
        remedy = (
            "Restore it to a version before that (deltalake.DeltaTable(path).restore(version)), then ingest all "
            "months again."
        )
        return CheckFailed(ONE_KEY, found, remedy, _key_evidence(before, known))
    found = f"{_counts_told(counts)}: one was drawn twice."
    everything = added if known is None else known.unionByName(added)
    return CheckFailed(ONE_KEY, found, "Run it again: it draws new keys.", _key_evidence(counts, everything))


def _key_evidence(counts: tuple[int, int, int], keys: "DataFrame") -> dict[str, Any]:
    """Counts, and some of the keys that are not alone with their id; no id."""
    twice = [
        keys.groupBy(column).count().where("count > 1").join(keys, column).select("customer_key")
        for column in ("customer_id", "customer_key")
    ]
    shown = twice[0].union(twice[1]).distinct().orderBy("customer_key").limit(SHOWN_KEYS).collect()
    names = ("rows", "different ids", "different keys")
    return dict(zip(names, counts, strict=True)) | {"customer keys": ", ".join(row[0] for row in shown)}


def _report(audits: Sequence[MonthAudit], problems: Sequence[Problem]) -> dict[str, Any]:
    rows = [(a.month, a.delivered, a.accepted, a.duplicates, a.quarantined) for a in audits]
    refused: dict[str, int] = {}
    for audit in audits:
        for rule, count in audit.refused.items():
            refused[rule] = refused.get(rule, 0) + count
    report: dict[str, Any] = {
        "delivered": sum(a.delivered for a in audits),
        "duplicates": sum(a.duplicates for a in audits),
        "quarantined": sum(a.quarantined for a in audits),
        "keys that became unknown": sum(a.unknown for a in audits),
        "by month": table_metadata(["month", "delivered", "accepted", "duplicate", "quarantined"], rows),
    }
    unjudged = [(a.month, a.volume_not_judged) for a in audits if a.volume_not_judged]
    if unjudged:
        report["volume not judged"] = table_metadata(["month", "why"], unjudged)
    if refused:
        report["refused by rule"] = table_metadata(["rule", "rows"], Counter(refused).most_common())
    remarked = [
        (a.month, *reversed(rule.split(":")), count) for a in audits for rule, count in a.remarks.items()
    ]
    if remarked:
        header = ["month", "column", "rule", "rows"]
        report["remarked of accepted rows"] = table_metadata(header, sorted(remarked))
    return report | as_metadata(problems)


def _blocked(load: SilverLoad) -> CheckFailed:
    """The failed check of months that broke a blocking rule."""
    remedies = " ".join(dict.fromkeys(p.remedy for p in load.blocking))
    again = f"Then run {ingest_commands(p.month for p in load.blocking)}."
    evidence = as_metadata(load.blocking) | {"months committed": spoken(load.passed) or "none"}
    committed = f"Committed: {spoken(load.passed)}." if load.passed else NOT_COMMITTED
    return CheckFailed(CONTRACT_RULES, in_words(load.blocking), f"{remedies} {again}", evidence, committed)


def _filled(problems: Sequence[Problem]) -> dg.AssetCheckResult:
    """The check on columns that were filled and no longer are."""
    emptied = [p for p in problems if p.rule.startswith(f"{COLLAPSE.rule}:")]
    if not emptied:
        return passed(COLUMNS_FILLED, {})
    return warned(COLUMNS_FILLED, in_words(emptied), as_metadata(emptied))


def _silver_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    table = tables.silver(source)
    shared = [tables.QUARANTINE, *([tables.customer_identity(business)] if source.personal else [])]

    @table_asset(
        table,
        business,
        description=f"{source.description} Typed and checked by its contract; refused rows are in silver/quarantine.",
        deps=[tables.bronze(source).key, tables.CUSTOMER_KEYS.key],
        partitions=ingest_months(business),
        checks={
            CONTRACT_RULES: f"No blocking rule of the contract of {source.name} is broken, and every delivered row is "
            "accepted, a duplicate or in quarantine.",
        },
        reports={
            COLUMNS_FILLED: "No optional column that was filled in the months before is empty now.",
        },
        owner=source.owner,
    )
    def silver(context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]) -> Iterator[Any]:
        months, today = partition_range(context), today_of(lakehouse, business)
        try:
            with telling_no_values(table.path, WHERE_TO_LOOK):
                load = load_silver(lakehouse, business, source, months, context.run.run_id, today)
            blocked = None
        except MonthBlocked as error:
            load, blocked = error.load, error
        for commit in load.commits[1:]:
            other = next(t for t in shared if t.path == commit.table)
            written = {
                "written for": source.name,
                "months": spoken(load.passed),
                "rows": commit.rows,
                **where_it_lies(lakehouse, other, commit),
            }
            for month in load.passed:
                yield dg.AssetMaterialization(other.key, partition=month, metadata=written)
        report = _report(load.audits, load.problems)
        if blocked:
            yield from _passed_months(lakehouse, table, load, report)
            raise _blocked(load) from blocked
        yield materialized(
            lakehouse,
            table,
            load.commits[0],
            report,
            [passed(CONTRACT_RULES, {"noticed": len(load.problems)}), _filled(load.problems)],
        )

    return silver


def _passed_months(
    lakehouse: Lakehouse, table: tables.Table, load: SilverLoad, report: Mapping[str, Any]
) -> Iterator[dg.AssetMaterialization]:
    """Materialisations of the months that were committed although others of the run were refused."""
    if not load.passed:
        return
    done = materialized(lakehouse, table, load.commits[0], report)
    version = {"dagster/data_version": str(load.commits[0].version)}
    for month in load.passed:
        yield dg.AssetMaterialization(table.key, metadata=done.metadata, partition=month, tags=version)


def _shared_specs(business: Business) -> list[dg.AssetSpec]:
    """Tables that the silver assets write a slice of each; shown in the graph, materialised by them."""
    descriptions = {
        tables.QUARANTINE: (
            "Every refused row with file, row number, rule, reason and the row itself.",
            business.sources,
        ),
        tables.customer_identity(business): (
            "Personal columns by customer_key; read by nothing downstream.",
            tuple(s for s in business.sources if s.personal),
        ),
    }
    return [
        dg.AssetSpec(
            table.key,
            description=f"{text}\n\nWritten by the silver assets of the sources. Grain: {table.grain}.",
            group_name=table.layer,
            deps=[tables.silver(s).key for s in sources],
            partitions_def=ingest_months(business),
            kinds={"deltalake"},
            owners=[business.file.owner],
            tags={"layer": table.layer, "business": business.name, **PERSONAL},
            metadata={"grain": table.grain, "path": table.path} | told_of(table),
        )
        for table, (text, sources) in descriptions.items()
        if sources
    ]


def _reconciliation(business: Business) -> dg.AssetsDefinition:
    table = tables.RECONCILIATION

    @table_asset(
        table,
        business,
        description="delivered = accepted + duplicate + quarantined, counted again from the tables.",
        deps=[*(tables.silver(s).key for s in business.sources), tables.FINDINGS.key],
        partitions=ingest_months(business),
        checks={ROWS_ACCOUNTED_FOR: "Every delivered row of every source and month is accounted for."},
    )
    def reconciliation(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        rows = reconcile(lakehouse, business, months)
        lost = [r for r in rows if not r.balances]
        header = ["source", "extract_month", "delivered", "accepted", "duplicate", "quarantined"]
        if lost:
            table_of = table_metadata(header, [[getattr(r, h) for h in header] for r in lost])
            raise CheckFailed(
                ROWS_ACCOUNTED_FOR,
                f"{len(lost)} source months do not balance, first {lost[0].source} {lost[0].extract_month}: "
                f"{lost[0].fault}.",
                "Materialise silver of those months again.",
                {"unbalanced": table_of},
            )
        balance = table.rows([row.as_dict() for row in rows])
        commit = lakehouse.replace_rows(table, balance, "extract_month", months, run_id=context.run.run_id)
        totals = {h: sum(getattr(r, h) for r in rows) for h in header[2:]}
        ordered = sorted(rows, key=lambda r: (r.source, r.extract_month))
        report = {"balance": table_metadata(header, [[getattr(r, h) for h in header] for r in ordered])}
        return materialized(lakehouse, table, commit, totals | report, [passed(ROWS_ACCOUNTED_FOR, totals)])

    return reconciliation


def silver_assets(business: Business) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Keys, one asset per source, the shared tables, and the balance."""
    return [
        _customer_keys(business),
        *(_silver_asset(business, source) for source in business.sources),
        *_shared_specs(business),
        _reconciliation(business),
    ]
