"""Who was treated before the outcome window of a cohort ended, so that a treatment may have changed the outcome."""

from collections.abc import Set
from datetime import date, datetime, timedelta
from typing import NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.history.merges import merges
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of, month_range


class Treated(NamedTuple):
    """Customer keys: those who were treated, and those who may have been, since the row that would tell was refused."""

    known: Set[str]
    perhaps: Set[str] = frozenset()


NOBODY = Treated(frozenset())


def follows_merges(business: Business) -> bool:
    """Whether treatments may be of merged customers; merges are read with Spark."""
    return bool(business.file.monitoring.treated) and bool(business.tells_merges)


def treated_in(lakehouse: Lakehouse, business: Business, day: date, available: date) -> Treated:
    """Customers treated in `(day, end of the outcome window]`, by the rules under `monitoring.treated`.

    Uses rows known on or before `available`, the day of the labels. Treatments after the window do not count: they
    changed no outcome, and only customers who stayed could get them. A refused row counts on its known_at where its
    time is not known. The treatments of customers merged by then count for them and for their survivors.
    """
    known: set[str] = set()
    perhaps: set[str] = set()
    window_end = day + timedelta(days=business.file.windows.embargo_days)
    for rule in business.file.monitoring.treated:
        source = business.source(rule.source)
        if source.delivery == "as_needed" and not lakehouse.exists(tables.silver(source)):
            continue  # declared after the last ingest: nobody has used it yet
        time, key, order = str(source.event_time), list(source.silver_key), ["known_at", "sequence"]
        columns = [
            *("customer_key", time, "refused"),
            *([rule.column] if rule.column else []),
            *key,
            *order,
        ]
        # extracts up to the month in which the labels became available
        span = month_range(month_of(day), month_of(available))
        wanted: list[tuple[str, str, object]] = [("extract_month", "in", span)]
        rows = lakehouse.arrow(tables.silver(source), list(dict.fromkeys(columns)), wanted).to_pandas()
        newest = rows[rows["known_at"] <= available].sort_values(order).drop_duplicates(key, keep="last")
        # as objects: without rows, pandas would keep the timestamp type, which does not compare with dates
        times = newest[time].astype(object)
        days = times.where(times.notna(), newest["known_at"]).map(_day)
        newest = newest[days.between(day, window_end, inclusive="right")]
        refused = newest["refused"].eq(True)
        treating = newest[rule.column].isin(rule.values) if rule.column else ~refused
        known |= set(newest.loc[treating & ~refused, "customer_key"])
        perhaps |= set(newest.loc[refused, "customer_key"])
    if (known or perhaps) and follows_merges(business):
        heirs = _heirs(lakehouse, business, day, available)
        known |= {heirs[who] for who in known if who in heirs}
        perhaps |= {heirs[who] for who in perhaps if who in heirs}
    return Treated(known, perhaps - known)


def _heirs(lakehouse: Lakehouse, business: Business, day: date, available: date) -> dict[str, str]:
    """Merged customer -> survivor, as known on `available`."""
    entities = {s.name: lakehouse.read(tables.silver(s)) for s in business.tells_merges}
    merged = merges(entities, business, [(day, available)])
    if merged is None:
        return {}
    told = merged.where("survivor_key IS NOT NULL").select("customer_key", "survivor_key")
    return {row["customer_key"]: row["survivor_key"] for row in told.collect()}


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
