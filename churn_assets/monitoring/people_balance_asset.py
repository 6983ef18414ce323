"""monitoring/people_balance: everybody is accounted for from month to month, and only customers have snapshots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.people import People
from churn_assets.contracts.source import Source
from churn_assets.counts import form
from churn_assets.graph.checks import CheckFailed, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.monitoring.people_balance import ALL, PeopleBalance, balances
from churn_assets.months import month_end, spans
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, incomplete_fails
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    import pandas as pd

EVERYBODY = "everybody_accounted_for"
NOBODY_AFTER = "nobody_asked_after_the_end"
WITHIN_LIMITS = "few_disappear_or_are_unknown"
COUNTS = ("former", "new", "now", "ended", "merged", "disappeared", "unknown")
SHOWN_PEOPLE = 100


@dataclass
class _Counted:
    """Balances, their rows in the table, snapshots of people who are no customers, and customers without a snapshot."""

    balances: list[PeopleBalance] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    ghosts: list[tuple[str, str, str]] = field(default_factory=list)
    not_asked: list[tuple[str, str]] = field(default_factory=list)


def people_asset(business: Business) -> dg.AssetsDefinition:
    """The asset monitoring/people_balance."""
    table, limits = tables.PEOPLE_BALANCE, business.file.people
    sources = {s.name: s for s in (*business.of_role("entity", "spell"), business.label_source)}
    within = {
        WITHIN_LIMITS: "The shares of people who disappeared or are unknown are within `people` of churn.yaml."
    }
    blocks = limits.severity == "block"

    @table_asset(
        table,
        business,
        description=(
            "former + new = now + ended + merged + disappeared + unknown: people from one month end to the next, per "
            "source and in all. They are counted from silver by other code than the snapshots, and compared with them."
        ),
        deps=[tables.CUSTOMER_SNAPSHOTS.key, *(tables.silver(s).key for s in sources.values())],
        partitions=snapshot_months(business),
        checks={
            EVERY_SOURCE_COMPLETE: "Every source has passed silver in the months that are counted; spells, entities "
            "that deliver changes and the source of the label in all of history.",
            EVERYBODY: "Everybody who was or became a customer is a customer, has ended, was merged, has disappeared, "
            "or is unknown. Every eligible customer has a snapshot.",
        }
        | (within if blocks else {}),
        reports={NOBODY_AFTER: "Nobody has a snapshot who is not a customer at the as_of_date."}
        | ({} if blocks else within),
        kinds=("deltalake",),
        spark=counting_where(business) is not None,
    )
    def people_balance(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        with incomplete_fails(EVERY_SOURCE_COMPLETE):
            require_history(lakehouse, business, months[0], months[-1])
        counted = _count(lakehouse, business, months)
        found, rows = counted.balances, counted.rows
        _require_balanced(found)
        everybody = _everybody_asked(business, counted)
        within_limits = _within_limits(found, limits)
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
                everybody,
                _nobody_after(counted.ghosts, sum(row["snapshots"] or 0 for row in rows)),
                within_limits,
            ],
        )

    return people_balance


def _count(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> _Counted:
    counted = _Counted()
    read = reader(lakehouse, business, months[-1])
    for of_month, people in balances(business, read, first_extracts(lakehouse), months):
        day = str(of_month[-1].as_of_date)
        asked = _snapshots(lakehouse, of_month[-1])
        states = people["state"].reindex(asked)
        counted.ghosts += [(day, str(who), str(state)) for who, state in states.items() if state != "now"]
        eligible = people.index[people["eligible"]]
        counted.not_asked += [(day, who) for who in sorted(eligible.difference(asked))]
        counted.balances += of_month
        counted.rows += [b.row() | {"snapshots": len(asked) if b.source == ALL else None} for b in of_month]
    return counted


def counting_where(business: Business) -> str | None:
    """What an event must meet to count for the label; None if all do, or the label comes from spells."""
    return None if business.label_source.spell else business.file.label.where


def reader(
    lakehouse: Lakehouse, business: Business, last_month: str
) -> "Callable[[Source, str, Sequence[str]], pd.DataFrame]":
    """The function by which `people_states` reads silver. With `label.where`, which is SQL, the engine reads events."""
    where, label = counting_where(business), business.label_source
    if where is None:
        return partial(last_versions, lakehouse)
    counting = _events_that_count(lakehouse, label, where, last_month)

    def read(source: Source, month: str, columns: Sequence[str]) -> "pd.DataFrame":
        if source is not label:
            return last_versions(lakehouse, source, month, columns)
        return counting[counting["extract_month"] == month]

    return read


def _events_that_count(lakehouse: Lakehouse, source: Source, where: str, last_month: str) -> "pd.DataFrame":
    """extract_month, customer_key, first and last day of the events of a source that meet `where`."""
    from pyspark.sql import functions as F

    day = F.to_date(str(source.event_time))
    known = lakehouse.read(tables.silver(source)).where(F.col("extract_month") <= last_month)
    counting = known.where("NOT refused").where(where).groupBy("extract_month", "customer_key")
    found: pd.DataFrame = (
        counting.agg(F.min(day).alias("first"), F.max(day).alias("last")).toArrow().to_pandas()
    )
    return found


def last_versions(lakehouse: Lakehouse, source: Source, month: str, columns: Sequence[str]) -> "pd.DataFrame":
    """The last version of each key in a month of silver; of events the first and the last day of each customer."""
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
    days = lakehouse.aggregate(table, ["customer_key"], [(day, "min"), (day, "max")], good)
    found: pd.DataFrame = days.rename_columns(["customer_key", "first", "last"]).to_pandas()
    return found


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


def _require_balanced(found: Sequence[PeopleBalance]) -> None:
    """Raises CheckFailed when a balance does not balance."""
    lost = [b for b in found if not b.balances]
    if lost:
        raise CheckFailed(
            EVERYBODY,
            f"{len(lost)} balances of people do not balance, first {lost[0].source} on {lost[0].as_of_date}.",
            "This is a defect of this software; please report it.",
            {"balance": _grid(lost)},
        )


def _everybody_asked(business: Business, counted: _Counted) -> dg.AssetCheckResult:
    """The check that every eligible customer has a snapshot.

    Corrections of events are not counted here. So if the label comes from events, a customer without a snapshot is only
    reported, unless nobody has a snapshot in that month.

    Raises:
        CheckFailed: customers lack a snapshot.
    """
    if not counted.not_asked:
        return passed(EVERYBODY, {"balances": len(counted.balances)})
    days = sorted({day for day, _ in counted.not_asked})
    with_snapshots = {str(row["as_of_date"]) for row in counted.rows if row["snapshots"]}
    count = len(counted.not_asked)
    found = (
        f"{count:,} {form(count, 'customer has', 'customers have')} no snapshot, though silver says that they are "
        f"eligible; first on {days[0]}."
    )
    again = " and ".join(
        f"`churn-assets run snapshot --from {first}{'' if first == last else f' --to {last}'}`"
        for first, last in spans(day[:7] for day in days)
    )
    remedy = (
        f"Run {again}, and this again. If it stays so, it is a defect of this software; please report it."
    )
    evidence = {
        "months": ", ".join(days),
        "without a snapshot": table_metadata(
            ["as_of_date", "customer_key"], counted.not_asked[:SHOWN_PEOPLE]
        ),
    }
    if business.label_source.spell is None and set(days) <= with_snapshots:
        return warned(EVERYBODY, f"{found} {remedy}", evidence)
    raise CheckFailed(EVERYBODY, found, remedy, evidence)


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
    """The check of the limits in churn.yaml.

    Raises:
        CheckFailed: a share is above its limit, and `people.severity` is block.
    """
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
    is_so = (
        f"{form(count, 'is', 'are')} unknown"
        if state == "unknown"
        else f"{form(count, 'has', 'have')} disappeared"
    )
    told = f"{source}, {day}: {count:,} of {people:,} people {is_so}; churn.yaml allows {share * 100:g}%."
    remedy = f"Look for customers who were purged, or for refused rows; or raise people.max_{state}_share."
    evidence = {
        "over the limit": table_metadata(["source", "as_of_date", "what", "people", "of", "limit"], over)
    }
    if limits.severity == "block":
        raise CheckFailed(WITHIN_LIMITS, told, remedy, evidence)
    return warned(WITHIN_LIMITS, f"{told} {remedy}", evidence)
