"""gold/*: what people read."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.gold.churn_events import churn_events
from churn_assets.gold.customer_months import customer_months, sources_by_month, touched_months
from churn_assets.gold.customers import customers
from churn_assets.gold.known import KNOWN, KNOWN_EVER, LOADED, known_until_of, require_known
from churn_assets.gold.rate_assets import churn_rates_asset, retention_cohorts_asset
from churn_assets.graph.checks import passed, require_unique
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import (
    known,
    missing_history,
)
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, LakehouseError
from churn_assets.lakehouse.tables import one_of
from churn_assets.months import month_range
from churn_assets.silver.completeness import (
    EVERY_SOURCE_COMPLETE,
    LABEL_SOURCE_LOADED,
)
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ONE_ROW = "one_row_per_customer"
ONE_ROW_A_MONTH = "one_row_per_customer_and_month"


def _silver(lakehouse: Lakehouse, business: Business) -> "dict[str, DataFrame]":
    return {s.name: lakehouse.read(tables.silver(s)) for s in business.sources}


def _left_out(lakehouse: Lakehouse, business: Business, written: Collection[str]) -> list[str]:
    """Months of which everything has passed silver, but that are not written: a run failed between the two."""
    now = known(lakehouse, business)
    newest = max((month for _, month in now.passed), default=now.begin)
    months = (m for m in month_range(now.begin, newest) if m not in written)
    return [m for m in months if not missing_history(business, now, m, m, back=False)]


def _written(lakehouse: Lakehouse) -> list[str]:
    """Months that gold/customer_months holds."""
    return (
        lakehouse.slices(tables.CUSTOMER_MONTHS, "month") if lakehouse.exists(tables.CUSTOMER_MONTHS) else []
    )


def _replaced(lakehouse: Lakehouse, business: Business) -> "dict[str, DataFrame]":
    """Rows of silver that counted when gold/customer_months was last written, and may count no more, by source."""
    if not lakehouse.exists(tables.CUSTOMER_MONTHS):
        return {}
    since = lakehouse.committed_at(tables.CUSTOMER_MONTHS)
    rows = {
        name: lakehouse.replaced(tables.silver(business.source(name)), since)
        for name in sources_by_month(business)
    }
    return {name: frame for name, frame in rows.items() if frame is not None}


def _silver_keys(business: Business) -> list[list[str]]:
    return [tables.silver(source).key for source in business.sources]


def _customers(business: Business) -> dg.AssetsDefinition:
    table = tables.customers(business)

    @table_asset(
        table,
        business,
        description="Everything known today about each customer.",
        deps=[*_silver_keys(business), tables.RECONCILIATION.key],
        checks={ONE_ROW: "Each customer has exactly one row."} | KNOWN_EVER | LOADED,
    )
    def current_customers(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        known_until = known_until_of(lakehouse, business)
        evidence = require_known(lakehouse, business, ever=business.of_role("event", "treatment"))
        frame = customers(_silver(lakehouse, business), business, known_until, first_extracts(lakehouse))
        with lakehouse.draft(table, frame) as draft:
            counts = require_unique(draft, ["customer_key"], ONE_ROW)
            commit = draft.overwrite(run_id=context.run.run_id)
        # ids that no source of customers names; each id of any source has a key
        strangers = {"ids without a customer": lakehouse.count(tables.CUSTOMER_KEYS) - counts["rows"]}
        held = [
            passed(ONE_ROW, counts),
            passed(EVERY_SOURCE_COMPLETE, evidence),
            passed(LABEL_SOURCE_LOADED, {"known until": str(known_until)}),
        ]
        return materialized(lakehouse, table, commit, strangers, held)

    return current_customers


def _customer_months(business: Business) -> dg.AssetsDefinition:
    table = tables.customer_months(business)

    @table_asset(
        table,
        business,
        description="Each customer and month: sums of revenue, usage and service with today's corrections; the plan "
        "and other attributes as they were known at the month's end; ends of contracts in their month.",
        deps=[*_silver_keys(business), tables.RECONCILIATION.key],
        partitions=ingest_months(business),
        checks={ONE_ROW_A_MONTH: "Each customer has at most one row per month."} | KNOWN,
    )
    def months_of_customers(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        asked, written = partition_range(context), _written(lakehouse)
        evidence = require_known(lakehouse, business, asked)
        silver = _silver(lakehouse, business)
        try:
            replaced = _replaced(lakehouse, business)
        except LakehouseError as error:
            context.log.warning(f"{error} So every month is written again, whatever changed.")
            months = sorted({*written, *asked})
        else:
            months = touched_months(silver, business, asked, written, replaced)
        months = sorted({*months, *_left_out(lakehouse, business, written)})
        frame = customer_months(silver, business, months, first_extracts(lakehouse))
        with lakehouse.draft(table, frame) as draft:
            counts = require_unique(draft, ["customer_key", "month"], ONE_ROW_A_MONTH)
            commit = draft.replace(one_of(months, "month"), run_id=context.run.run_id)
        return materialized(
            lakehouse,
            table,
            commit,
            {"months written": ", ".join(months)},
            [passed(ONE_ROW_A_MONTH, counts), passed(EVERY_SOURCE_COMPLETE, evidence)],
        )

    return months_of_customers


def _churn_events(business: Business) -> dg.AssetsDefinition:
    table = tables.CHURN_EVENTS
    sources = [business.label_source, *business.tells_merges]

    @table_asset(
        table,
        business,
        description="Every ending: voluntary, involuntary, lapsed or silent.",
        deps=[*(tables.silver(s).key for s in sources), tables.RECONCILIATION.key],
        checks=KNOWN | LOADED,
    )
    def endings(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        known_until = known_until_of(lakehouse, business)
        evidence = require_known(lakehouse, business)
        silver = {s.name: lakehouse.read(tables.silver(s)) for s in sources}
        frame = churn_events(silver, business, known_until)
        commit = lakehouse.overwrite(table, frame, run_id=context.run.run_id)
        held = [
            passed(EVERY_SOURCE_COMPLETE, evidence),
            passed(LABEL_SOURCE_LOADED, {"known until": str(known_until)}),
        ]
        return materialized(lakehouse, table, commit, checks=held)

    return endings


def gold_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The current view, the months, the endings, and the rates and cohorts that are counted from them."""
    return [
        _customers(business),
        _customer_months(business),
        _churn_events(business),
        churn_rates_asset(business),
        retention_cohorts_asset(business),
    ]
