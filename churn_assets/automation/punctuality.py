"""Asset checks, one per source, that the source has delivered what its contract promises up to now.

`history.punctuality` says when that is so.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted, form
from churn_assets.history.punctuality import passed_extracts, punctuality
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets.silver.reconciliation import partial_months
from churn_assets.silver.today import today_of

ON_TIME = "delivered_on_time"


def _days(count: int) -> str:
    return form(count, "day", f"{count} days")


def _promise(source: Source) -> str:
    if source.delivery == "as_needed":
        return "Extracts come when there is something to tell, so none is ever late."
    return (
        f"An extract comes every {_days(source.frequency_days)}, at most {counted(source.latency_days, 'day')} "
        "after its date. Every month has been delivered and has passed silver."
    )


def _check(business: Business, source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=ON_TIME,
        asset=dg.AssetKey(tables.bronze(source).key),
        blocking=False,
        # An ingest runs this check too, after silver: the UI ignores results older than the newest bronze write.
        additional_deps=[dg.AssetKey(tables.RECONCILIATION.key)],
        description=_promise(source),
    )
    def delivered_on_time(lakehouse: dg.ResourceParam[Lakehouse]) -> dg.AssetCheckResult:
        today, passed = today_of(lakehouse, business), passed_extracts(lakehouse)
        extracts = passed.get(source.name, [])
        partial = partial_months(lakehouse, source) if extracts else ()
        begun = min((month_of(day) for days in passed.values() for day in days), default=None)
        found = punctuality(business, source, extracts, today, partial, begun)
        remedy = (
            " Deliver it. If it is in the landing zone, see why silver refused it: missing data is not churn."
        )
        metadata: dict[str, dg.MetadataValue | int | str] = {"days_late": found.days_late}
        if found.newest_extract is not None and found.newest_month is not None:
            moment = datetime.combine(found.newest_extract, datetime.min.time(), UTC)
            metadata |= {
                "newest loaded month": found.newest_month,
                "newest extract_date": dg.MetadataValue.timestamp(moment),
            }
        return dg.AssetCheckResult(
            passed=not found.days_late,
            severity=dg.AssetCheckSeverity.ERROR,
            description=found.why + (remedy if found.days_late else ""),
            metadata=metadata,
        )

    return delivered_on_time


def punctuality_checks(business: Business) -> Sequence[dg.AssetChecksDefinition]:
    """One check per source, on its bronze table."""
    return [_check(business, source) for source in business.sources]
