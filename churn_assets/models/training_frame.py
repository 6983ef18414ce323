"""Builds the training frame: snapshots with settled labels of some cohorts, in pandas, up to a row limit."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.ml.training.split import KNOWN_AT
from churn_assets.months import month_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEY_SPACE = 16**8


def key_bound(rows: int, limit: int) -> str | None:
    """Returns the customer_key that about `limit` of `rows` rows are below; None if no limit is needed.

    Keys are random hexadecimal digits, so this samples whole customers, and the same ones in every table and month.
    """
    return None if rows <= limit else f"{int(KEY_SPACE * limit / rows):08x}"


def mature_cohorts(
    lakehouse: Lakehouse, trained_as_of: date, labels: Table = tables.CHURN_LABELS
) -> list[date]:
    """Returns the as_of_dates, ascending, whose labels are settled and were available on or before `trained_as_of`."""
    import pyarrow.compute as pc

    columns = ["as_of_date", "label_available_at", "outcome"]
    rows = lakehouse.arrow(labels, columns, [("label_available_at", "<=", trained_as_of)])
    settled = rows.filter(pc.field("outcome") != "pending")
    return sorted(pc.unique(settled["as_of_date"]).to_pylist())


def mature_midmonth_days(lakehouse: Lakehouse, business: Business, trained_as_of: date) -> list[date]:
    """Returns those as_of_dates of `training.as_of_days` whose labels are settled, as `mature_cohorts` does."""
    if not business.file.training.as_of_days or not lakehouse.exists(tables.MIDMONTH_LABELS):
        return []
    found = mature_cohorts(lakehouse, trained_as_of, tables.MIDMONTH_LABELS)
    declared = set(business.midmonth_days({month_of(day) for day in found}))
    return [day for day in found if day in declared]


def training_frame(
    lakehouse: Lakehouse,
    features: Sequence[str],
    as_of_dates: Sequence[date],
    row_limit: int,
    midmonth: Sequence[date] = (),
) -> "pd.DataFrame":
    """Returns one row per labelled snapshot of these cohorts and midmonth days, ordered by as_of_date and customer_key.

    Columns: customer_key, as_of_date, label, known_at, tenure_days and `features`, which may be any columns of the
    snapshots. At least one date is given. Above `row_limit` rows, whole customers are sampled by their random key, the
    same ones in all cohorts.
    """
    import pyarrow as pa

    read = []
    if as_of_dates:
        read.append((tables.CUSTOMER_SNAPSHOTS, _labelled(lakehouse, tables.CHURN_LABELS, as_of_dates)))
    if midmonth:
        read.append((tables.MIDMONTH_SNAPSHOTS, _labelled(lakehouse, tables.MIDMONTH_LABELS, midmonth)))
    bound = key_bound(sum(labels.num_rows for _, labels in read), row_limit)
    columns = list(dict.fromkeys(["customer_key", "as_of_date", KNOWN_AT, "tenure_days", *features]))
    joined = pa.concat_tables(
        [_with_values(lakehouse, table, columns, labels, bound) for table, labels in read]
    )
    ordered = joined.sort_by([("as_of_date", "ascending"), ("customer_key", "ascending")])
    frame: pd.DataFrame = pa.table(ordered).to_pandas()
    return frame


def _labelled(lakehouse: Lakehouse, labels: Table, days: Sequence[date]) -> "pa.Table":
    """customer_key, as_of_date and label of the snapshots of these days that have a label."""
    import pyarrow.compute as pc

    chosen: list[tuple[str, str, object]] = [("as_of_date", "in", list(days))]
    rows = lakehouse.arrow(labels, ["customer_key", "as_of_date", "label"], chosen)
    return rows.filter(pc.field("label").is_valid())


def _with_values(
    lakehouse: Lakehouse, snapshots: Table, columns: Sequence[str], labels: "pa.Table", bound: str | None
) -> "pa.Table":
    """The labelled rows below the bound, with these columns of their snapshots."""
    import pyarrow.compute as pc

    chosen: list[tuple[str, str, object]] = [
        ("as_of_date", "in", pc.unique(labels["as_of_date"]).to_pylist())
    ]
    if bound:
        labels = labels.filter(pc.field("customer_key") < bound)
        chosen = [*chosen, ("customer_key", "<", bound)]
    values = lakehouse.arrow(snapshots, list(columns), chosen)
    return labels.join(values, ["customer_key", "as_of_date"], join_type="inner")
