"""The training frame: snapshots with settled labels of some cohorts, as pandas, under a row limit."""

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
    """The customer_key below which about `limit` of `rows` rows lie; None where all of them may be read.

    Keys are random hexadecimal digits, so that whole customers are drawn, the same ones from every table and month.
    """
    return None if rows <= limit else f"{int(KEY_SPACE * limit / rows):08x}"


def mature_cohorts(lakehouse: Lakehouse, trained_as_of: date) -> list[date]:
    """as_of dates whose labels are settled and were available on or before `trained_as_of`."""
    import pyarrow.compute as pc

    columns = ["as_of_date", "label_available_at", "outcome"]
    labels = lakehouse.arrow(tables.CHURN_LABELS, columns, [("label_available_at", "<=", trained_as_of)])
    settled = labels.filter(pc.field("outcome") != "pending")
    return sorted(pc.unique(settled["as_of_date"]).to_pylist())


def training_frame(
    lakehouse: Lakehouse, features: Sequence[str], as_of_dates: Sequence[date], row_limit: int
) -> "pd.DataFrame":
    """customer_key, as_of_date, label, known_at, tenure_days and features of every labelled snapshot of these cohorts.

    `features` may name any other column of the snapshots, too.

    Beyond `row_limit` rows whole customers are drawn by their random key, so that all cohorts keep the same people.
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
