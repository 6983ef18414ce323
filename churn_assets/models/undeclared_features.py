"""Features that an older model needs and churn.yaml no longer declares.

Snapshots from the time when they were declared still contain them.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

if TYPE_CHECKING:
    import pandas as pd


def undeclared(needed: Iterable[str], declared: Iterable[Feature]) -> list[str]:
    """Returns the needed features of a model that the business does not declare, or no longer declares."""
    names = {f.name for f in declared}
    return [name for name in needed if name not in names]


def without_values(lakehouse: Lakehouse, names: Sequence[str], days: Collection[date]) -> list[str]:
    """Returns the features that have no value at all in the snapshots of at least one of these as_of_dates."""
    import pyarrow.compute as pc

    columns = set(lakehouse.columns(tables.CUSTOMER_SNAPSHOTS))
    kept = [name for name in names if name in columns]
    where = pc.field("as_of_date").isin(list(days))
    counts = [(name, "count") for name in kept]
    found = lakehouse.aggregate(tables.CUSTOMER_SNAPSHOTS, ["as_of_date"], counts, where).to_pylist()
    return [name for name in names if name not in kept or any(row[f"{name}_count"] == 0 for row in found)]


def with_undeclared(
    lakehouse: Lakehouse, frame: "pd.DataFrame", names: Sequence[str], day: date
) -> "pd.DataFrame":
    """Returns `frame` (customer_key, snapshots of one as_of_date) with these features as additional columns."""
    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    more = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, ["customer_key", *names], chosen).to_pandas()
    return frame.merge(more, on="customer_key", how="left", validate="one_to_one")
