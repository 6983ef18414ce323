"""silver/reconciliation: counts accepted, duplicate and quarantined rows again from the tables in the lake."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import is_whole, rows_by_extract, rows_by_month
from churn_assets.silver.load import delivered_files
from churn_assets.silver.reconciliation_rows import (
    OF_THE_LOAD,
    ReconciledMonth,
    has_passed,
    is_partial,
    recorded,
)


class SilverIncomplete(RuntimeError):
    """A month that is needed has not passed silver; the message names sources and months.

    Attributes:
        found: what is missing.
        remedy: what to do.
        missing: source -> months that have not passed; no months when none of the source has.
    """

    def __init__(self, found: str, remedy: str, missing: Mapping[str, Sequence[str]]) -> None:
        self.found, self.remedy, self.missing = found, remedy, missing
        super().__init__(f"{found} {remedy}")


def reconcile(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> list[ReconciledMonth]:
    """One balance per source and month with extracts, counted in bronze, silver and quarantine without Spark.

    A month that silver refused stays refused: the rows of an earlier delivery do not speak for the present one.
    """
    import pyarrow.compute as pc

    month = pc.field("extract_month")
    wanted = (month >= months[0]) & (month <= months[-1])
    accepted_rows = wanted & ~pc.field("refused")
    quarantined = Counter[tuple[str, str]]()
    if lakehouse.exists(tables.QUARANTINE):
        by = ["source", "extract_month"]
        for row in lakehouse.aggregate(tables.QUARANTINE, by, [("row_number", "count")], wanted).to_pylist():
            quarantined[row["source"], row["extract_month"]] = row["row_number_count"]
    before = {(row["source"], row["extract_month"]): row for row in recorded(lakehouse, months)}
    refused = {
        key: ReconciledMonth._make(row.get(name) for name in ReconciledMonth._fields)
        for key, row in before.items()
        if row.get("refused_by")
    }
    balances = list(refused.values())
    for source in business.sources:
        accepted = lakehouse.aggregate(
            tables.silver(source), ["extract_month"], [("copies", "count"), ("copies", "sum")], accepted_rows
        )
        kept = {
            row["extract_month"]: (row["copies_count"], row["copies_sum"]) for row in accepted.to_pylist()
        }
        files = delivered_files(lakehouse, source, months)
        volumes = rows_by_month(files)
        extracts = rows_by_extract(files)
        for name in sorted({file.month for file in files} & set(months)):
            if (source.name, name) in refused:
                continue
            rows, copies = kept.get(name, (0, 0))
            balances.append(
                ReconciledMonth(
                    source.name,
                    name,
                    volumes[name],
                    rows,
                    copies - rows,
                    quarantined[source.name, name],
                    sorted({file.extract_date for file in files if file.month == name}),
                    is_whole(source, name, volumes, extracts),
                    **{kept: before.get((source.name, name), {}).get(kept) for kept in OF_THE_LOAD},
                )
            )
    return balances


def passed_months(lakehouse: Lakehouse) -> set[tuple[str, str]]:
    """(source, month) of all months that have passed silver: their rows balance and they are whole."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {(row["source"], row["extract_month"]) for row in rows if has_passed(row)}


def refused_months(lakehouse: Lakehouse) -> set[tuple[str, str]]:
    """(source, month) of all months that silver refused when it judged them last."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {(row["source"], row["extract_month"]) for row in rows if row.get("refused_by")}


def partial_months(lakehouse: Lakehouse, source: Source) -> set[str]:
    """Months of the source that went through silver while open, and are not whole yet."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {row["extract_month"] for row in rows if row["source"] == source.name and is_partial(row)}


def first_extracts(lakehouse: Lakehouse) -> dict[str, list[date]]:
    """Source -> the first extract_date of each month that has passed silver, ascending; see `history.presence`."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return {}
    first: dict[str, list[date]] = {}
    for row in lakehouse.arrow(tables.RECONCILIATION).to_pylist():
        if has_passed(row) and row["extract_dates"]:
            first.setdefault(row["source"], []).append(min(row["extract_dates"]))
    return {source: sorted(days) for source, days in first.items()}


def passed_extracts(lakehouse: Lakehouse, source: Source) -> list[date]:
    """Dates of the source's extracts that passed silver, ascending; the lake has no data after the last."""
    return passed_extracts_of_all(lakehouse).get(source.name, [])


def passed_extracts_of_all(lakehouse: Lakehouse) -> dict[str, list[date]]:
    """Source -> `passed_extracts`, for the sources that have some."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return {}
    days: dict[str, set[date]] = {}
    rows = lakehouse.arrow(tables.RECONCILIATION, ["source", "balances", "extract_dates"]).to_pylist()
    for row in rows:
        if row["balances"]:
            days.setdefault(row["source"], set()).update(row["extract_dates"])
    return {source: sorted(some) for source, some in days.items()}


def extract_dates(lakehouse: Lakehouse, source: Source) -> list[date]:
    """`passed_extracts`, of which there must be some.

    Raises:
        SilverIncomplete: no extract of the source has passed yet.
    """
    days = passed_extracts(lakehouse, source)
    if not days:
        raise SilverIncomplete(
            f"No extract of {source.name} has passed silver.",
            "Materialise bronze and silver first.",
            {source.name: []},
        )
    return days
