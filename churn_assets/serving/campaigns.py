"""What a release tells of campaigns: the plan of the newest one, what may be offered, and what its holdout can show."""

from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.retention.planning import plan_of, totals_of

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of a plan that a release holds; the tables of scores and segments tell the others.
OF_A_PLAN = (
    *("customer_key", "as_of_date", "campaign_id", "arm", "offer", "channel", "reason"),
    *("expected_effect", "expected_acceptance", "expected_cost", "expected_profit"),
)
PLAN = replace(
    tables.CAMPAIGN_PLAN,
    grain="one row per scored customer, of the newest campaign",
    columns=tuple(c for c in tables.CAMPAIGN_PLAN.columns if c.name in OF_A_PLAN),
)
_CAMPAIGN_ID = next(c for c in PLAN.columns if c.name == "campaign_id")
HOLDOUT = Table(
    "serving",
    "campaign_holdout",
    "one row per number of months, of the newest campaign",
    columns=(
        AS_OF_DATE,
        _CAMPAIGN_ID,
        LakeColumn("months", "long", "Months with as many customers each as in the plan.", "months"),
        LakeColumn(
            "prevented",
            "double",
            "Smallest share of prevented churn that the holdout shows by then (two-sided 5 %, power 80 %). Above 1: "
            "none; null where an arm is empty.",
            "share",
        ),
        LakeColumn(
            "holdout_needed",
            "double",
            "Share of the customers that would have to be in the holdout to show the expected effect; null: none is "
            "enough.",
            "0 to 1",
        ),
        LakeColumn("compared", "long", "Customers of the holdout who would have been planned.", "customers"),
        LakeColumn("saved", "double", "Customers who are expected to stay because of the plan.", "customers"),
    ),
)
OF_UPLIFT = (tables.OFFER_UPLIFT, tables.EFFECT_GROUPS)
OF_THE_NEWEST = (PLAN, tables.BUDGET_CURVE, tables.OFFER_EFFECTS)


def campaign_tables(lakehouse: Lakehouse) -> "dict[str, pa.Table] | str":
    """The tables of the newest campaign that was planned; or why there are none."""
    for table in OF_THE_NEWEST:
        if not lakehouse.exists(table):
            return f"{table.path} was never materialised"
    day = max(lakehouse.slices(tables.CAMPAIGN_PLAN, "as_of_date"), default=None)
    if day is None:
        return f"{tables.CAMPAIGN_PLAN.path} holds no plan"
    return {table.name: _of_day(lakehouse, table, day) for table in OF_THE_NEWEST} | {
        HOLDOUT.name: _holdout(lakehouse, day)
    }


def results_table(lakehouse: Lakehouse) -> "pa.Table | str":
    """What campaigns brought, by the newest knowledge; or why nothing is known."""
    table = tables.CAMPAIGN_RESULTS
    if not lakehouse.exists(table):
        return f"{table.path} was never materialised"
    day = max(lakehouse.slices(table, "as_of_date"), default=None)
    return f"{table.path} holds no result" if day is None else _of_day(lakehouse, table, day)


def measured_tables(lakehouse: Lakehouse) -> "dict[str, pa.Table | str]":
    """`results_table` and `uplift_tables` by name."""
    return {tables.CAMPAIGN_RESULTS.name: results_table(lakehouse), **uplift_tables(lakehouse)}


def uplift_tables(lakehouse: Lakehouse) -> "dict[str, pa.Table | str]":
    """What is known of effects by customer, by the newest knowledge; or why nothing is."""
    table = tables.OFFER_UPLIFT
    day = max(lakehouse.slices(table, "as_of_date"), default=None) if lakehouse.exists(table) else None
    if day is None:
        return dict.fromkeys((one.name for one in OF_UPLIFT), f"{table.path} was never materialised")
    found: dict[str, pa.Table | str] = {}
    for one in OF_UPLIFT:
        there = lakehouse.exists(one)
        found[one.name] = _of_day(lakehouse, one, day) if there else f"{one.path} was never materialised"
    return found


def _of_day(lakehouse: Lakehouse, table: Table, day: date) -> "pa.Table":
    """The rows of a day; a table that an earlier version wrote may lack columns until it is written again."""
    known = set(lakehouse.columns(table))
    names = [column.name for column in table.columns if column.name in known]
    return lakehouse.arrow(table, names, [("as_of_date", "=", day)])


def _holdout(lakehouse: Lakehouse, day: date) -> "pa.Table":
    rows = plan_of(lakehouse, day)
    totals = totals_of(rows)
    own = {"as_of_date": day, "campaign_id": None if rows.empty else rows["campaign_id"].iloc[0]}
    own |= {"compared": totals.compared, "saved": totals.saved}
    return HOLDOUT.rows([asdict(one) | own for one in totals.detectable])
