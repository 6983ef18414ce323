"""What became of the customers that alerts were about, as soon as it can be known, by the rule of the labels."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.alerts.store import Row
from churn_assets.contracts.business import Business
from churn_assets.features.labels import Cohort, churn_labels, cohorts
from churn_assets.history.known_until import known, missing_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets.silver.reconciliation import first_extracts, passed_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_outcomes(lakehouse: Lakehouse, business: Business, rows: Sequence[Row]) -> list[Row]:
    """The rows whose outcome is known by now, with outcome and outcome_known_at; the others are not returned.

    An outcome is known when an extract of the label's source has settled it, and no month of the sources that tell who
    left is missing between the as_of_date and that extract. It is settled once.
    """
    untold = [row for row in rows if row["outcome"] is None]
    settled = settled_days(lakehouse, business, {row["as_of_date"] for row in untold})
    asked = [row for row in untold if row["as_of_date"] in settled]
    if not asked:
        return []
    found = _outcomes(lakehouse, business, asked, list(settled.values()))
    return [
        row | {"outcome": outcome, "outcome_known_at": settled[row["as_of_date"]].label_available_at}
        for row in asked
        if (outcome := found.get((row["customer_key"], row["as_of_date"])))
    ]


def settled_days(lakehouse: Lakehouse, business: Business, days: set[date]) -> Mapping[date, Cohort]:
    """Those of the as_of_dates whose outcomes are known by now, with their windows."""
    extracts = passed_extracts(lakehouse, business.label_source)
    mature = [c for c in cohorts(sorted(days), business.file.windows, extracts) if c.mature]
    if not mature:
        return {}
    now = known(lakehouse, business)
    telling = {business.label_source.name, *(source.name for source in business.tells_who_is_gone)}
    found = {}
    for cohort in mature:
        first, last = month_of(cohort.as_of_date), month_of(cohort.label_available_at)
        if not telling & missing_history(business, now, first, last, back=False).keys():
            found[cohort.as_of_date] = cohort
    return found


def _outcomes(
    lakehouse: Lakehouse, business: Business, rows: Sequence[Row], dates: Sequence[Cohort]
) -> dict[tuple[str, date], str]:
    """(customer_key, as_of_date) -> outcome, as in features/churn_labels."""
    import pyarrow as pa

    pairs = sorted({(row["customer_key"], row["as_of_date"]) for row in rows})
    schema = pa.schema([("customer_key", pa.string()), ("as_of_date", pa.date32())])
    asked: DataFrame = lakehouse.spark.createDataFrame(
        pa.Table.from_arrays([[key for key, _ in pairs], [day for _, day in pairs]], schema=schema)
    )
    told = churn_labels(
        asked,
        lakehouse.read(tables.silver(business.label_source)),
        business,
        dates,
        None,
        {source.name: lakehouse.read(tables.silver(source)) for source in business.tells_who_is_gone},
        first_extracts(lakehouse),
        few=True,
    )
    found = told.select("customer_key", "as_of_date", "outcome").toArrow().to_pylist()
    return {(row["customer_key"], row["as_of_date"]): row["outcome"] for row in found}
