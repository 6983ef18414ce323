"""Which share of all customers left after each month end: what the alerts of a rule are compared with."""

from typing import TYPE_CHECKING

from churn_assets.alerts.quality import leaving_rates
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table

if TYPE_CHECKING:
    import pyarrow as pa

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


def rates_table(lakehouse: Lakehouse) -> "pa.Table":
    """The share of each cohort with known outcomes, the oldest first."""
    rates = leaving_rates(lakehouse)
    return LEAVING_RATES.rows([{"as_of_date": day, "rate": rates[day]} for day in sorted(rates)])
