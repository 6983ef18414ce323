"""Which share of all customers left after each month end: what the alerts of a rule are compared with."""

from typing import TYPE_CHECKING

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table

if TYPE_CHECKING:
    import pyarrow as pa

LEFT = frozenset({"churned", "ended_in_gap"})
COUNTED = LEFT | {"stayed"}
LEAVING_RATES = Table(
    "serving",
    "leaving_rates",
    "one row per cohort of which outcomes are known",
    columns=(
        AS_OF_DATE,
        LakeColumn(
            "rate",
            "double",
            "Share of its customers who left within gap and outcome window, of those who left or stayed.",
            "share, 0 to 1",
        ),
    ),
)


def leaving_rates(lakehouse: Lakehouse) -> "pa.Table | None":
    """The share of each cohort with known outcomes; None where there are no labels."""
    if not lakehouse.exists(tables.CHURN_LABELS):
        return None
    found = lakehouse.aggregate(tables.CHURN_LABELS, ["as_of_date", "outcome"], [("customer_key", "count")])
    counts = found.to_pandas()
    known = counts[counts["outcome"].isin(COUNTED)]
    left = known["customer_key_count"].where(known["outcome"].isin(LEFT), 0)
    sums = known.assign(left=left).groupby("as_of_date")[["left", "customer_key_count"]].sum()
    rates = sums["left"] / sums["customer_key_count"]
    return LEAVING_RATES.rows([{"as_of_date": day, "rate": float(rate)} for day, rate in rates.items()])
