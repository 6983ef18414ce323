"""Months as Dagster partitions. Ingest months include the open month; snapshot months are closed ones only."""

import warnings
from collections.abc import Mapping, Sequence

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.calendar import Calendar
from churn_assets.months import add_months

FORMAT = "%Y-%m"
# Dagster's tags of a run over a range of partitions, and over one.
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
ONE_PARTITION = "dagster/partition"


def _months(first: str, calendar: Calendar, open_month: bool) -> dg.MonthlyPartitionsDefinition:
    return dg.MonthlyPartitionsDefinition(
        start_date=first,
        end_date=add_months(calendar.end, 1) if calendar.end else None,
        fmt=FORMAT,
        timezone="UTC",
        end_offset=1 if open_month else 0,  # never beyond the end
    )


def ingest_months(business: Business) -> dg.MonthlyPartitionsDefinition:
    """Returns the months by extract_date, from the start of the calendar to the open month or the calendar's end."""
    return _months(business.file.calendar.start, business.file.calendar, open_month=True)


def last_ingest_month(business: Business) -> str:
    """Returns the open month, or the last month of a calendar that is over.

    Raises:
        ValueError: the calendar starts in the future.
    """
    last = ingest_months(business).get_last_partition_key()
    if last is None:
        raise ValueError(
            f"The calendar of {business.name} starts in {business.file.calendar.start}, in the future."
        )
    return last


def snapshot_months(business: Business) -> dg.MonthlyPartitionsDefinition:
    """Returns the months whose last day is an as_of_date: closed months with a whole observation window."""
    return _months(business.first_snapshot_month, business.file.calendar, open_month=False)


def observed_months(business: Business, earlier_months: int) -> dg.TimeWindowPartitionMapping:
    """Returns the mapping from a snapshot month to its ingest month and that many before it."""
    with warnings.catch_warnings():
        # the parameter is marked beta; it is needed because the first window may start before a source's first extract
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(
            start_offset=-earlier_months,
            allow_nonexistent_upstream_partitions=True,
        )


def partition_range(context: dg.AssetExecutionContext) -> Sequence[str]:
    """Returns the months of this run in order: one for a single partition, all for a range."""
    return sorted(context.partition_keys)


def range_tags(months: Sequence[str]) -> dict[str, str]:
    """Returns the tags of one run over `months`, which must be contiguous and in order."""
    return {RANGE_START: months[0], RANGE_END: months[-1]}


def months_of_tags(tags: Mapping[str, str]) -> tuple[str, str]:
    """Returns the first and the last month of a run by its tags; empty for a run without months."""
    one = tags.get(ONE_PARTITION, "")
    return tags.get(RANGE_START) or one, tags.get(RANGE_END) or one
