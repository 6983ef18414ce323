"""Who was treated before the outcome window of a cohort ended, so that a treatment may have changed the outcome."""

from collections.abc import Set
from datetime import date, timedelta
from typing import NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.history.people import survivors
from churn_assets.history.treatments import DAY, newest_rows
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
        # extracts up to the month in which the labels became available
        span = month_range(month_of(day), month_of(available))
        names = [rule.column] if rule.column else []
        newest = newest_rows(lakehouse, source, names, span, available)
        newest = newest[newest[DAY].between(day, window_end, inclusive="right")]
        refused = newest["refused"].eq(True)
        treating = newest[rule.column].isin(rule.values) if rule.column else ~refused
        known |= set(newest.loc[treating & ~refused, "customer_key"])
        perhaps |= set(newest.loc[refused, "customer_key"])
    if (known or perhaps) and follows_merges(business):
        heirs = survivors(lakehouse, business, (day, available))
        known |= {heirs[who] for who in known if who in heirs}
        perhaps |= {heirs[who] for who in perhaps if who in heirs}
    return Treated(known, perhaps - known)
