"""The asset features/current_snapshot: every eligible customer as of a day, between month ends too."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.counts import form
from churn_assets.features.observed import unknown_windows
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.features.writing import ONE_ROW, population_report, write_snapshots
from churn_assets.graph.as_of_day import AskedDay, NoSuchDay, day_to_compute, newest_day
from churn_assets.graph.checks import passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_days import KnownSource, PassedExtracts, known_sources, passed_until_now
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.silver.completeness import LABEL_SOURCE_LOADED, incomplete_fails
from churn_assets.silver.reconciliation import extract_dates

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SOURCES_ON_TIME = "sources_are_on_time"


@dataclass(frozen=True)
class SourcesTold:
    """What is told of the sources beside every snapshot and score of a day.

    Attributes:
        behind: sources that are behind their promise, in words; None: every source is on time.
        known_until: day until which the oldest source is known that delivers regularly; None while one is not known.
        unknown_windows: see `features.observed`; None: every window is known.
    """

    behind: str | None
    known_until: date | None
    unknown_windows: str | None

    def beside(self, frame: "DataFrame") -> "DataFrame":
        """The frame with these three columns."""
        from pyspark.sql import functions as F

        types = {"behind": "string", "known_until": "date", "unknown_windows": "string"}
        return frame.withColumns(
            {name: F.lit(getattr(self, name)).cast(kind) for name, kind in types.items()}
        )


def current_snapshot_asset(business: Business) -> dg.AssetsDefinition:
    """features/current_snapshot of a business."""
    table = tables.current_snapshot(business)

    @table_asset(
        table,
        business,
        description=(
            f"Every eligible customer as of the last whole day that is known, with {len(business.features)} features: "
            "those of the cohorts, from rows with event time and known_at on or before that day. Another day can be "
            f"asked for (resource asked_day). Kept for {business.file.daily.keep_days} days."
        ),
        deps=[*(tables.silver(s).key for s in business.sources), tables.RECONCILIATION.key],
        checks={
            LABEL_SOURCE_LOADED: "At least one extract of the source that labels come from has passed silver.",
            ONE_ROW: "The day has exactly one row per eligible customer, and no other rows.",
        },
        reports={SOURCES_ON_TIME: "Every source has delivered what its contract promises up to the day."},
    )
    def current_snapshot(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        asked_day: dg.ResourceParam[AskedDay],
    ) -> dg.MaterializeResult[Any]:
        with incomplete_fails(LABEL_SOURCE_LOADED):
            told = extract_dates(lakehouse, business.label_source)
        now = passed_until_now(lakehouse, business)
        day = _day(business, asked_day, now)
        known = known_sources(business, now, day)
        built = customer_snapshots(lakehouse, business, [day], now)
        told_of = sources_told(business, now, day)
        built = replace(built, snapshots=told_of.beside(built.snapshots))
        where = replaced_days(lakehouse, table, day, business.file.daily.keep_days)
        commit, population, counts = write_snapshots(lakehouse, table, built, where, context.run.run_id)
        return materialized(
            lakehouse,
            table,
            commit,
            {
                "as_of_date": str(day),
                "population": population_report(population),
                "sources": table_metadata(
                    ["source", "known until", "behind"], [(s.source, str(s.until), s.behind) for s in known]
                ),
                "unknown windows": told_of.unknown_windows or "none",
            },
            [
                passed(LABEL_SOURCE_LOADED, {"known until": str(max(d for d in told))}),
                passed(ONE_ROW, counts),
                on_time(known),
            ],
        )

    return current_snapshot


def _day(business: Business, asked: AskedDay, now: PassedExtracts) -> date:
    """The day to compute; a step fails when there is no such day."""
    newest = newest_day(business.file.calendar, now.days, datetime.now(UTC).date())
    try:
        return day_to_compute(business, asked, newest or date.min)
    except NoSuchDay as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def sources_told(business: Business, now: PassedExtracts, day: date) -> SourcesTold:
    """What is told of the sources beside every snapshot and score of a day."""
    known = known_sources(business, now, day)
    return SourcesTold(*_in_short(known), unknown_windows(business, now, day))


def _in_short(known: Sequence[KnownSource]) -> tuple[str | None, date | None]:
    """`behind` and `known_until` of all sources."""
    untils = [source.until for source in known]
    oldest = min((until for until in untils if until), default=None) if None not in untils else None
    return "; ".join(source.told for source in known if source.behind) or None, oldest


def told_of_day(lakehouse: Lakehouse, day: date) -> SourcesTold | None:
    """What the snapshots of a day tell of the sources; None if they hold no such day, or were made before they did."""
    import pyarrow.compute as pc

    table, names = tables.CURRENT_SNAPSHOT, [field.name for field in fields(SourcesTold)]
    if not set(names) <= set(lakehouse.columns(table)):
        return None
    found = lakehouse.aggregate(table, names, [("customer_key", "count")], pc.field("as_of_date") == day)
    return SourcesTold(*(found[name][0].as_py() for name in names)) if found.num_rows else None


def on_time(known: Sequence[KnownSource]) -> dg.AssetCheckResult:
    """The check SOURCES_ON_TIME: it warns of sources that are behind, and blocks nothing."""
    late = [source for source in known if source.behind]
    evidence = {source.source: str(source.until or "not known yet") for source in known}
    if not late:
        return passed(SOURCES_ON_TIME, evidence)
    listed = "; ".join(source.told for source in late)
    are = form(len(late), "source is", "sources are")
    why = " ".join(source.behind for source in late)
    return warned(SOURCES_ON_TIME, f"{len(late)} {are} behind: {listed}. {why}", evidence)


def replaced_days(lakehouse: Lakehouse, table: Table, day: date, keep_days: int) -> str:
    """SQL of the rows that a day's rows replace: those of that day, and of days that are kept no longer.

    Days count back from the newest of the table and of `day`.
    """
    held = lakehouse.slices(table, "as_of_date") if lakehouse.exists(table) else []
    oldest = max([day, *held]) - timedelta(days=keep_days - 1)
    return f"as_of_date = '{day}' OR as_of_date < '{oldest}'"
