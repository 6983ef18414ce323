"""The purchases of each customer as known on a day, for businesses without contracts."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.history.knowledge import latest
from churn_assets.history.people import survivors
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.lifetime_value.purchases import Floats, PurchaseHistory

if TYPE_CHECKING:
    import pandas as pd

KEY = "customer_key"
UNITS = 10_000  # sums of whole ten-thousandths are exact, whatever the order of the rows


@dataclass(frozen=True)
class Purchases:
    """What customers bought; one entry per customer who has bought.

    Attributes:
        keys: customer_key.
        history: repeat purchases, in weeks.
        purchases: days with a purchase.
        mean: mean spend of such a day.
        kept_share: revenue of all rows, refunds included, per spend of the purchases: 1 where nothing is returned.
    """

    keys: "pd.Index"
    history: PurchaseHistory
    purchases: Floats
    mean: Floats
    kept_share: float


def purchases_known(lakehouse: Lakehouse, business: Business, revenue: Feature, day: date) -> Purchases:
    """Returns the purchases until a day, by what was known then. A purchase is a day with a row that the label counts.

    The purchases of merged customers count for their survivors.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.label
    versions = lakehouse.read(tables.silver(source)).where(F.col("known_at") <= F.lit(day))
    bought = F.expr(rule.where) if rule.where else F.lit(True)
    counts = F.expr(revenue.where) if revenue.where else F.lit(True)
    units = F.round(F.col(str(revenue.measure)) * UNITS).cast("long")
    amount = F.coalesce(F.when(counts, units), F.lit(0).cast("long"))
    rows = (
        latest(versions, source)
        .where("NOT refused")
        .select(
            KEY,
            F.to_date(str(source.event_time)).alias("day"),
            amount.alias("amount"),
            bought.alias("bought"),
        )
        .where(F.col("day") <= F.lit(day))
    )
    by_day = rows.groupBy(KEY, "day").agg(
        F.max(F.coalesce("bought", F.lit(False))).alias("bought"),
        F.sum(F.when(F.col("bought"), F.col("amount")).otherwise(F.lit(0).cast("long"))).alias("spent"),
        F.sum("amount").alias("net"),
    )
    table = by_day.groupBy(KEY).agg(
        F.min(F.when(F.col("bought"), F.col("day"))).alias("first"),
        F.max(F.when(F.col("bought"), F.col("day"))).alias("last"),
        F.count_if(F.col("bought")).alias("days"),
        F.sum("spent").alias("spent"),
        F.sum("net").alias("net"),
    )
    heirs = survivors(lakehouse, business, (day, day))
    found = table.toArrow().to_pandas()
    found = found.assign(**{KEY: found[KEY].map(lambda key: heirs.get(key, key))})
    totals = found.groupby(KEY)[["days", "spent", "net"]].sum()
    ends = found.dropna(subset="first").groupby(KEY).agg(first=("first", "min"), last=("last", "max"))
    return _purchases(ends.join(totals).sort_index(), day)


def _purchases(table: "pd.DataFrame", day: date) -> Purchases:
    import pandas as pd

    first, last = pd.to_datetime(table["first"]), pd.to_datetime(table["last"])
    days, spent = table["days"].to_numpy(dtype=np.float64), table["spent"].to_numpy(dtype=np.float64) / UNITS
    history = PurchaseHistory(
        days - 1,
        np.asarray((last - first).dt.days / 7, dtype=np.float64),
        np.asarray((pd.Timestamp(day) - first).dt.days / 7, dtype=np.float64),
    )
    total = float(spent.sum())
    kept = float(np.clip(table["net"].sum() / UNITS / total, 0.0, 1.0)) if total > 0 else 1.0
    return Purchases(table.index, history, days, spent / np.maximum(days, 1), kept)
