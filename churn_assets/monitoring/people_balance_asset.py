"""monitoring/people_balance: nobody is lost from one month to the next, and nobody is asked after the end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.people import People
from churn_assets.contracts.source import Source
from churn_assets.graph.checks import CheckFailed, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.monitoring.people_balance import ALL, PeopleBalance, balances
from churn_assets.months import month_end
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, incomplete_fails
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    import pandas as pd

EVERYBODY = "everybody_accounted_for"
NOBODY_AFTER = "nobody_asked_after_the_end"
WITHIN_LIMITS = "few_disappear_or_are_unknown"
COUNTS = ("former", "new", "now", "ended", "merged", "disappeared", "unknown")
SHOWN_PEOPLE = 100


def people_asset(business: Business) -> dg.AssetsDefinition:
    """The asset monitoring/people_balance."""
    table, limits = tables.PEOPLE_BALANCE, business.file.people
    sources = {s.name: s for s in (*business.of_role("entity", "spell"), business.label_source)}

    @table_asset(
        table,
        business,
        description=(
            "former + new = now + ended + merged + disappeared + unknown: people from one month end to the next, per "
            "source and in all, counted from silver by other code than the snapshots, and held against them."
        ),
        deps=[tables.CUSTOMER_SNAPSHOTS.key, *(tables.silver(s).key for s in sources.values())],
        partitions=snapshot_months(business),
        checks={
            EVERY_SOURCE_COMPLETE: "Every source has passed silver in the months that are counted; spells, entities "
            "that deliver changes and the source of the label in all of history.",
            EVERYBODY: "Everybody who was or became a customer is a customer, has ended, was merged, has disappeared, "
            "or is unknown.",
            NOBODY_AFTER: "Nobody has a snapshot who is not a customer at the as_of_date.",
            WITHIN_LIMITS: "The shares of people who disappeared or are unknown are within `people` of churn.yaml.",
        },
        kinds=("deltalake",),
        spark=False,
    )
    def people_balance(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        with incomplete_fails(EVERY_SOURCE_COMPLETE):
            require_history(lakehouse, business, months[0], months[-1])
        rows: list[dict[str, Any]] = []
        found: list[PeopleBalance] = []
        ghosts: list[tuple[str, str, str]] = []
        for of_month, states in balances(
            business, lambda *what: last_versions(lakehouse, *what), first_extracts(lakehouse), months
        ):
            asked = _snapshots(lakehouse, of_month[-1])
            not_now = states.reindex(asked)
            ghosts += [
                (str(of_month[-1].as_of_date), str(who), str(state))
                for who, state in not_now.items()
                if state != "now"
            ]
            found += of_month
            rows += [b.row() | {"snapshots": len(asked) if b.source == ALL else None} for b in of_month]
        _require_everybody(found)
        days = [month_end(month) for month in months]
        commit = lakehouse.replace_rows(
            table, table.rows(rows), "as_of_date", days, run_id=context.run.run_id
        )
        for b in found:
            if b.source == ALL:
                figures = {name: getattr(b, name) for name in COUNTS}
                context.add_asset_metadata(figures, partition_key=b.as_of_date.strftime("%Y-%m"))
        return materialized(
            lakehouse,
            table,
            commit,
            {"balance": _grid(found), "not told": _not_told(found)},
            [
                passed(EVERY_SOURCE_COMPLETE, {"known until": str(days[-1])}),
                passed(EVERYBODY, {"balances": len(found)}),
                _nobody_after(ghosts, sum(row["snapshots"] or 0 for row in rows)),
                _within_limits(found, limits),
            ],
        )

    return people_balance


def last_versions(lakehouse: Lakehouse, source: Source, month: str, columns: Sequence[str]) -> "pd.DataFrame":
    """The last version of each key in a month of silver; of events the last day of each customer."""
    import pyarrow.compute as pc

    table = tables.silver(source)
    if source.role in ("entity", "spell"):
        wanted: list[tuple[str, str, object]] = [
            ("extract_month", "=", month),
            ("latest_in_month", "=", True),
        ]
        versions: pd.DataFrame = lakehouse.arrow(table, list(columns), wanted).to_pandas()
        return versions
    day = str(source.event_time)
    good = (pc.field("extract_month") == month) & ~pc.field("refused")
    newest = lakehouse.aggregate(table, ["customer_key"], [(day, "max")], good)
    last: pd.DataFrame = newest.rename_columns(["customer_key", "day"]).to_pandas()
    return last


def _snapshots(lakehouse: Lakehouse, of: PeopleBalance) -> list[str]:
    """The customers with a snapshot."""
    if not lakehouse.exists(tables.CUSTOMER_SNAPSHOTS):
        return []
    asked: list[str] = lakehouse.arrow(
        tables.CUSTOMER_SNAPSHOTS, ["customer_key"], [("as_of_date", "=", of.as_of_date)]
    )["customer_key"].to_pylist()
    return asked


def _grid(found: Sequence[PeopleBalance]) -> dg.MarkdownMetadataValue:
    rows = [[b.source, str(b.as_of_date), *(getattr(b, name) for name in COUNTS)] for b in found]
    return table_metadata(["source", "as_of_date", *COUNTS], rows)


def _not_told(found: Sequence[PeopleBalance]) -> dg.MarkdownMetadataValue:
    """Customers of the newest month who are unknown, disappeared or merged, by key."""
    newest = max(b.as_of_date for b in found)
    rows = [
        (b.source, state, who)
        for b in found
        if b.as_of_date == newest
        for state, people in b.keys.items()
        for who in people
    ]
    return table_metadata(["source", "state", "customer_key"], rows[:SHOWN_PEOPLE])


def _require_everybody(found: Sequence[PeopleBalance]) -> None:
    """Raises CheckFailed when a balance does not balance."""
    lost = [b for b in found if not b.balances]
    if lost:
        raise CheckFailed(
            EVERYBODY,
            f"{len(lost)} balances of people do not balance, first {lost[0].source} on {lost[0].as_of_date}.",
            "This is a defect of this software; please report it.",
            {"balance": _grid(lost)},
        )


def _nobody_after(ghosts: Sequence[tuple[str, str, str]], snapshots: int) -> dg.AssetCheckResult:
    if not ghosts:
        return passed(NOBODY_AFTER, {"snapshots": snapshots})
    return warned(
        NOBODY_AFTER,
        f"{len(ghosts):,} of {snapshots:,} snapshots are of people who are no customers, as silver now stands. "
        "Materialise the snapshots of these months again, then their scores.",
        {"no customers": table_metadata(["as_of_date", "customer_key", "state"], ghosts[:SHOWN_PEOPLE])},
    )


def _within_limits(found: Sequence[PeopleBalance], limits: People) -> dg.AssetCheckResult:
    allowed = {"disappeared": limits.max_disappeared_share, "unknown": limits.max_unknown_share}
    over = [
        (b.source, str(b.as_of_date), state, getattr(b, state), b.people, share)
        for b in found
        for state, share in allowed.items()
        if getattr(b, state) > share * b.people
    ]
    if not over:
        return passed(WITHIN_LIMITS, {f"most {state}": share for state, share in allowed.items()})
    source, day, state, count, people, share = over[0]
    is_, has = ("is unknown", "has disappeared") if count == 1 else ("are unknown", "have disappeared")
    return warned(
        WITHIN_LIMITS,
        f"{source}, {day}: {count:,} of {people:,} people {is_ if state == 'unknown' else has}; churn.yaml allows "
        f"{share * 100:g}%. Look for customers who were purged, or for refused rows; or raise "
        f"people.max_{state}_share.",
        {"over the limit": table_metadata(["source", "as_of_date", "what", "people", "of", "limit"], over)},
    )
