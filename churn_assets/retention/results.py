"""What campaigns brought, by what was known at the end of each month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.contacts import contacts_known
from churn_assets.retention.measure import CUSTOMER_COLUMNS, Measured, measure
from churn_assets.retention.measure_words import told
from churn_assets.retention.measured_customers import (
    FromPlan,
    carried_out,
    not_approved,
    plan_customers,
    read_plans,
    source_customers,
    with_scores,
)
from churn_assets.retention.outcomes import horizons, last_known, outcomes, with_outcomes_known
from churn_assets.retention.results_told import ALL, CAMPAIGN, PLAN

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Results:
    """What was known at the end of a month.

    Attributes:
        day: the end of the month.
        known_until: the last day whose outcomes are known; None before the first extract.
        measured: what every campaign brought.
        not_approved: campaign -> contacts that name it although nobody had approved it by then; it is not measured.
    """

    day: date
    known_until: date | None
    measured: Sequence[Measured]
    not_approved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Chosen:
    """The customers of campaigns as known at the end of a month."""

    day: date
    plan: FromPlan
    rows: pd.DataFrame
    not_approved: Mapping[str, int]


def results(lakehouse: Lakehouse, business: Business, days: Sequence[date]) -> list[Results]:
    """What campaigns brought as known on each of these days, ascending; nothing that became known later counts.

    Raises:
        SilverIncomplete: no extract of the label source has passed yet.
    """
    chosen = [_chosen(lakehouse, business, day) for day in days]
    people = pd.concat([one.rows[["customer_key", "started_on"]] for one in chosen]).drop_duplicates()
    became = outcomes(lakehouse, business, people, max(days)) if len(people) else None
    found = []
    for one in chosen:
        until = last_known(lakehouse, business, one.day)
        measured: list[Measured] = []
        if became is not None and until is not None:
            rows = with_outcomes_known(one.rows, became, one.day)
            measured = measure(rows[list(CUSTOMER_COLUMNS)], until, horizons(business))
        found.append(
            Results(one.day, until, [_with_contacts(m, one.plan) for m in measured], one.not_approved)
        )
    return found


def _chosen(lakehouse: Lakehouse, business: Business, day: date) -> _Chosen:
    plans, contacts = read_plans(lakehouse, business, day), contacts_known(lakehouse, business, day)
    carried = carried_out(lakehouse, plans, day)
    plan = plan_customers(business, plans, contacts, carried, day)
    sources = source_customers(business, contacts, set(plans["campaign_id"]), day)
    parts = [with_scores(lakehouse, business, rows) for rows in (plan.customers, sources) if len(rows)]
    rows = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["customer_key", "started_on"])
    )
    return _Chosen(day, plan, rows, not_approved(plans, contacts, carried))


def _with_contacts(measured: Measured, plan: FromPlan) -> Measured:
    """With what only whole campaigns of a plan tell of contacts."""
    if measured.origin != PLAN or measured.scope != CAMPAIGN:
        return measured
    whole = measured.campaign_id == ALL
    by_time, unplanned = (
        sum(counts.values()) if whole else counts.get(measured.campaign_id, 0)
        for counts in (plan.matched_by_time, plan.unplanned)
    )
    return replace(measured, matched_by_time=by_time, unplanned=unplanned)


def result_rows(found: Sequence[Results], currency: str) -> "pa.Table":
    """Rows of retention/campaign_results as Arrow."""
    return tables.CAMPAIGN_RESULTS.rows(
        [
            one.as_row() | {"as_of_date": of.day, "told": told(one, currency)}
            for of in found
            for one in of.measured
        ]
    )
