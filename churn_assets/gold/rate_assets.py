"""The assets gold/churn_rates and gold/retention_cohorts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.churn_rates import RateGroup
from churn_assets.contracts.source import Source
from churn_assets.gold.known import KNOWN_EVER, LOADED, known_until_of, require_known
from churn_assets.gold.month_states import month_states, revenue_of_months, unknown_revenue
from churn_assets.gold.rate_checks import COHORT_CHECKS, RATE_CHECKS, judge_cohorts, judge_rates
from churn_assets.gold.stays import stays
from churn_assets.graph.checks import CheckFailed, ingest_commands, passed
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import known
from churn_assets.history.merges import merges
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import add_months, month_end, month_index, month_of, month_range, month_start, spoken
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE
from churn_assets.silver.reconciliation import first_extracts, passed_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NEEDED = KNOWN_EVER | LOADED


@dataclass(frozen=True)
class Counted:
    """What is counted: the months, and the frames of stays and states of which they are made.

    Attributes:
        settled: month -> the day on which it settled, ascending.
        waiting: months that are over but not settled.
        known_until: the newest extract_date of the label source.
        told, states: see `stays` and `month_states`; None when no month has settled.
    """

    settled: dict[str, date]
    waiting: list[str]
    known_until: date
    told: "DataFrame | None"
    states: "DataFrame | None"

    @property
    def indexes(self) -> list[int]:
        """The settled months as numbers."""
        return [month_index(month) for month in self.settled]


def settled_months(
    business: Business, begin: str, extracts: Sequence[date]
) -> tuple[dict[str, date], list[str]]:
    """month -> the day on which it settled, and the months that are over but not settled.

    A month settles with the first extract of the label source taken at least `settlement_days` after its end. The first
    month is the one after the first whose end is known: by inactivity nobody can tell at a month's end who is a
    customer before the lake holds a whole outcome window.
    """
    windows, first = business.file.windows, begin
    if business.label_source.spell is None:
        while month_end(first) - timedelta(days=windows.outcome_days - 1) < month_start(begin):
            first = add_months(first, 1)
    settled: dict[str, date] = {}
    waiting = []
    for month in month_range(add_months(first, 1), month_of(extracts[-1])):
        due = month_end(month) + timedelta(days=windows.settlement_days)
        day = min((day for day in extracts if day >= due), default=None)
        if day is not None:
            settled[month] = day
        elif month_end(month) <= extracts[-1]:
            waiting.append(month)
    return settled, waiting


def _count(lakehouse: Lakehouse, business: Business, by: Sequence[RateGroup] = (), *, moves: bool) -> Counted:
    """Reads silver and lays out the months, with the groups in `by`; `moves`: see `month_states`.

    Raises:
        CheckFailed: a month that is needed has not passed.
    """
    known_until_of(lakehouse, business)
    groups = {group.source for group in business.file.churn_rates.by}
    require_known(lakehouse, business, ever=[s for s in business.of_role("entity") if s.name in groups])
    extracts = passed_extracts(lakehouse, business.label_source)
    # one export tells all of the past, others only what they saw
    once = business.label_source.delivery == "once"
    begin = business.file.calendar.start if once else known(lakehouse, business).begin
    settled, waiting = settled_months(business, begin, extracts)
    if not settled:
        return Counted(settled, waiting, extracts[-1], None, None)
    first, last = min(settled), max(settled)
    silver = {s.name: lakehouse.read(tables.silver(s)) for s in _sources(business)}
    told = stays(silver, business, extracts[-1], first_extracts(lakehouse))
    months = month_range(add_months(first, -1), last)
    sums = _sums(lakehouse, business, silver, months, extracts[-1])
    indexes = [month_index(month) for month in months]
    states = month_states(told, silver, business, indexes, sums, by, moves=moves)
    return Counted(settled, waiting, extracts[-1], told, states)


def _sums(
    lakehouse: Lakehouse,
    business: Business,
    silver: "dict[str, DataFrame]",
    months: Sequence[str],
    until: date,
) -> "DataFrame | None":
    """The revenue in gold/customer_months; None where it is not there that the business declares it.

    Raises:
        CheckFailed: gold/customer_months lacks a month.
    """
    line = business.file.churn_rates.revenue_line(business.file.customer_months)
    if line is None:
        return None
    table = tables.CUSTOMER_MONTHS
    written = lakehouse.slices(table, "month") if lakehouse.exists(table) else []
    if lacking := [month for month in months if month not in written]:
        raise CheckFailed(
            EVERY_SOURCE_COMPLETE,
            f"{table.path} lacks {spoken(lacking)}, so the revenue of these months is not known.",
            f"Run {ingest_commands(lacking)}, and this again.",
            {"months": ", ".join(lacking)},
        )
    merged = merges(silver, business, [(until, date.max)])
    unknown = unknown_revenue(silver[line.source], business.source(line.source), line, merged)
    return revenue_of_months(lakehouse.read(table), line.name, merged, unknown)


def _sources(business: Business) -> list[Source]:
    """The sources that are read: of the label, of the groups and of the revenue, and those that tell who is gone or
    was merged."""
    rates = business.file.churn_rates
    named = {business.label_source.name, *(group.source for group in rates.by)}
    if (line := rates.revenue_line(business.file.customer_months)) is not None:
        named.add(line.source)
    named |= {s.name for s in (*business.tells_who_is_gone, *business.tells_merges)}
    return [s for s in business.sources if s.name in named]


def _deps(business: Business) -> list[list[str]]:
    line = business.file.churn_rates.revenue_line(business.file.customer_months)
    months = [tables.CUSTOMER_MONTHS.key] if line else []
    return [*(tables.silver(s).key for s in _sources(business)), tables.RECONCILIATION.key, *months]


def _replace_all(lakehouse: Lakehouse, table: Table, rows: list[dict[str, Any]], run_id: str) -> Commit:
    """Replaces the whole table: a late row may change any month."""
    months = {row["month"] for row in rows}
    if not months and not lakehouse.exists(table):
        return lakehouse.append_rows(table, table.rows([]), run_id=run_id)
    if lakehouse.exists(table):
        months |= set(lakehouse.arrow(table, ["month"])["month"].to_pylist())
    return lakehouse.replace_rows(table, table.rows(rows), "month", sorted(months), run_id=run_id)


def _told(counted: Counted) -> dict[str, Any]:
    settled = list(counted.settled)
    return {
        "settled months": f"{settled[0]} to {settled[-1]}" if settled else "none yet",
        "not settled yet": spoken(counted.waiting) or "none",
    }


def _held(counted: Counted) -> list[dg.AssetCheckResult]:
    evidence = {"known until": str(counted.known_until)}
    return [passed(check, evidence) for check in NEEDED]


def churn_rates_asset(business: Business) -> dg.AssetsDefinition:
    """The asset gold/churn_rates."""
    table = tables.CHURN_RATES

    @table_asset(
        table,
        business,
        description=(
            "Churn by definitions that finance accepts: customers and revenue at the start of each month, new, "
            "returned, lost by choice, lost otherwise, unknown, and at its end; churn rate and net revenue retention; "
            "of all, by the declared groups and by tenure. A month is here once it has settled, with what is known "
            "today; late rows restate it. docs/churn-rates.md has each formula."
        ),
        deps=_deps(business),
        checks=NEEDED | RATE_CHECKS,
    )
    def churn_rates(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.gold.churn_rates import month_cells, movements, rate_rows
        from churn_assets.gold.rate_figures import rates_report

        counted = _count(lakehouse, business, business.file.churn_rates.by, moves=True)
        cells = []
        if counted.states is not None and counted.told is not None:
            cells = month_cells(counted.states, counted.told, business, counted.indexes).toArrow().to_pylist()
        found = movements(cells, business, list(counted.settled))
        held = judge_rates(found, list(counted.settled))
        rows = rate_rows(found, counted.settled, business.file.churn_rates.revenue is not None)
        commit = _replace_all(lakehouse, table, rows, context.run.run_id)
        return materialized(
            lakehouse, table, commit, _told(counted) | rates_report(rows), [*_held(counted), *held]
        )

    return churn_rates


def retention_cohorts_asset(business: Business) -> dg.AssetsDefinition:
    """The asset gold/retention_cohorts."""
    table = tables.RETENTION_COHORTS

    @table_asset(
        table,
        business,
        description=(
            "The triangle by month of joining: of those who joined in a month, the customers and the revenue still "
            "there at the end of each settled month after it, by what is known today. docs/churn-rates.md has the "
            "formulas."
        ),
        deps=_deps(business),
        checks=NEEDED | COHORT_CHECKS,
    )
    def retention_cohorts(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.gold.rate_figures import cohorts_report
        from churn_assets.gold.retention_cohorts import cohort_rows, joined_customers

        counted = _count(lakehouse, business, moves=False)
        rows = []
        if counted.states is not None and counted.told is not None:
            sizes, cells = (
                frame.toArrow().to_pylist()
                for frame in joined_customers(counted.states, counted.told, counted.indexes)
            )
            has_revenue = business.file.churn_rates.revenue is not None
            rows = cohort_rows(sizes, cells, counted.settled, has_revenue)
        held = judge_cohorts(rows)
        commit = _replace_all(lakehouse, table, rows, context.run.run_id)
        return materialized(
            lakehouse, table, commit, _told(counted) | cohorts_report(rows), [*_held(counted), *held]
        )

    return retention_cohorts
