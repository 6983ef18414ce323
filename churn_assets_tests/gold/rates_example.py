"""Hand-written silver: the example of docs/churn-rates.md, and what is counted of it."""

from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.gold.month_states import month_states
from churn_assets.gold.stays import stays
from churn_assets.history.presence import NO_EXTRACTS, Extracts
from churn_assets.months import add_months, month_index
from churn_assets_tests.gold.versions import REFUSED, Version, spell_row, versions_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

UNTIL = date(2025, 4, 30)
MONTHS = ["2025-02", "2025-03"]
SETTLED = {"2025-02": date(2025, 3, 7), "2025-03": date(2025, 4, 7)}
START = ("2025-01-31", {"region": "north", "status": "active"})
# at the end of January: a, b, e and i on basic for 10, c and d on plus for 20
EXAMPLE: list[Version] = [
    *((who, "2025-01-31", spell_row(n, "2024-06-01")) for n, who in enumerate("abei")),
    *(
        (who, "2025-01-31", spell_row(n, "2024-06-01", plan="plus", monthly_price=20))
        for n, who in ((4, "c"), (5, "d"))
    ),
    ("a", "2025-02-14", spell_row(0, "2024-06-01", plan="plus", monthly_price=20)),
    ("b", "2025-03-07", spell_row(1, "2024-06-01", ended_on="2025-02-10", end_reason="price")),
    ("e", "2025-02-14", {**spell_row(2, "2024-06-01"), REFUSED: True}),
    ("i", "2025-03-07", spell_row(3, "2024-06-01", ended_on="2025-02-27", end_reason="price")),
    ("i", "2025-03-07", spell_row(6, "2025-03-02")),
    ("c", "2025-02-14", spell_row(4, "2024-06-01", plan="plus", monthly_price=25)),
    (
        "d",
        "2025-02-28",
        spell_row(5, "2024-06-01", plan="plus", monthly_price=20, ended_on="2025-02-20", end_reason="died"),
    ),
    ("f", "2025-03-07", spell_row(7, "2025-02-05", plan="plus", monthly_price=20)),
    ("g", "2025-01-31", spell_row(8, "2024-03-01", ended_on="2024-12-15", end_reason="moved")),
    ("g", "2025-02-14", spell_row(9, "2025-02-12")),
    ("h", "2025-02-28", spell_row(10, "2025-02-03", ended_on="2025-02-20", end_reason="price")),
]


def frames(spark: "SparkSession", business: Business, **told: list[Version]) -> "dict[str, DataFrame]":
    """Silver of each source: these versions, or none."""
    return {s.name: versions_of(spark, s, told.get(s.name, [])) for s in business.sources}


def counted(
    silver: "dict[str, DataFrame]", business: Business, extracts: Extracts = NO_EXTRACTS, **options: Any
) -> "tuple[DataFrame, DataFrame]":
    """The stays of customers, and their states at the ends of months."""
    told = stays(silver, business, options.get("until", UNTIL), extracts)
    months = [add_months(MONTHS[0], -1), *options.get("months", MONTHS)]
    indexes = [month_index(month) for month in months]
    by = business.file.churn_rates.by
    moves = options.get("moves", True)
    states = month_states(
        told, silver, business, indexes, options.get("sums"), by if moves else (), moves=moves
    )
    return told, states
