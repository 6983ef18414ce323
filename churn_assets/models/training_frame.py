"""Builds the training frame: snapshots with settled labels of some cohorts, in pandas, up to a row limit."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.training.split import KNOWN_AT

if TYPE_CHECKING:
    import pandas as pd

KEY_SPACE = 16**8


def key_bound(rows: int, limit: int) -> str | None:
    """Returns the customer_key that about `limit` of `rows` rows are below; None if no limit is needed.

    Keys are random hexadecimal digits, so this samples whole customers, and the same ones in every table and month.
    """
    return None if rows <= limit else f"{int(KEY_SPACE * limit / rows):08x}"


def mature_cohorts(lakehouse: Lakehouse, trained_as_of: date) -> list[date]:
    """Returns the as_of_dates, ascending, whose labels are settled and were available on or before `trained_as_of`."""
    import pyarrow.compute as pc

    columns = ["as_of_date", "label_available_at", "outcome"]
    labels = lakehouse.arrow(tables.CHURN_LABELS, columns, [("label_available_at", "<=", trained_as_of)])
    settled = labels.filter(pc.field("outcome") != "pending")
    return sorted(pc.unique(settled["as_of_date"]).to_pylist())


def training_frame(
    lakehouse: Lakehouse, features: Sequence[str], as_of_dates: Sequence[date], row_limit: int
) -> "pd.DataFrame":
    """Returns one row per labelled snapshot of these cohorts, ordered by as_of_date and customer_key.

    Columns: customer_key, as_of_date, label, known_at, tenure_days and `features`, which may be any columns of the
    snapshots. Above `row_limit` rows, whole customers are sampled by their random key, the same ones in all cohorts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen: list[tuple[str, str, object]] = [("as_of_date", "in", list(as_of_dates))]
    labels = lakehouse.arrow(tables.CHURN_LABELS, ["customer_key", "as_of_date", "label"], chosen)
    labels = labels.filter(pc.field("label").is_valid())
    if bound := key_bound(labels.num_rows, row_limit):
        labels = labels.filter(pc.field("customer_key") < bound)
        chosen = [*chosen, ("customer_key", "<", bound)]
    columns = list(dict.fromkeys(["customer_key", "as_of_date", KNOWN_AT, "tenure_days", *features]))
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, columns, chosen)
    joined = labels.join(snapshots, ["customer_key", "as_of_date"], join_type="inner")
    ordered = joined.sort_by([("as_of_date", "ascending"), ("customer_key", "ascending")])
    frame: pd.DataFrame = pa.table(ordered).to_pandas()
    return frame
