"""silver/reconciliation: what became of every delivered row, counted again from the tables as they lie."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import Any, NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import is_whole, rows_by_month
from churn_assets.silver.load import delivered_files


class Balance(NamedTuple):
    """What became of a source's month; `whole` is false while more must come, see `is_whole`."""

    source: str
    extract_month: str
    delivered: int
    accepted: int
    duplicate: int
    quarantined: int
    extract_dates: list[date]
    whole: bool

    @property
    def balances(self) -> bool:
        """True when every delivered row is accounted for."""
        return self.delivered == self.accepted + self.duplicate + self.quarantined

    def as_dict(self) -> dict[str, Any]:
        """The row of silver/reconciliation."""
        return self._asdict() | {"balances": self.balances}


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


def reconcile(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> list[Balance]:
    """One row per source and month with extracts; read back from bronze, silver and quarantine, without Spark."""
    import pyarrow.compute as pc

    month = pc.field("extract_month")
    wanted = (month >= months[0]) & (month <= months[-1])
    accepted_rows = wanted & ~pc.field("refused")
    quarantined = Counter[tuple[str, str]]()
    if lakehouse.exists(tables.QUARANTINE):
        by = ["source", "extract_month"]
        for row in lakehouse.aggregate(tables.QUARANTINE, by, [("row_number", "count")], wanted).to_pylist():
            quarantined[row["source"], row["extract_month"]] = row["row_number_count"]
    balances = []
    for source in business.sources:
        accepted = lakehouse.aggregate(
            tables.silver(source), ["extract_month"], [("copies", "count"), ("copies", "sum")], accepted_rows
        )
        kept = {
            row["extract_month"]: (row["copies_count"], row["copies_sum"]) for row in accepted.to_pylist()
        }
        files = delivered_files(lakehouse, source, months)
        volumes = rows_by_month(files)
        days = {file.extract_date for file in files}
        for name in sorted({file.month for file in files} & set(months)):
            rows, copies = kept.get(name, (0, 0))
            balances.append(
                Balance(
                    source.name,
                    name,
                    volumes[name],
                    rows,
                    copies - rows,
                    quarantined[source.name, name],
                    sorted({file.extract_date for file in files if file.month == name}),
                    is_whole(source, name, volumes, days),
                )
            )
    return balances


def passed_months(lakehouse: Lakehouse) -> set[tuple[str, str]]:
    """Source and month of everything that has passed silver, balances and is whole."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {(row["source"], row["extract_month"]) for row in rows if row["balances"] and not _partial(row)}


def partial_months(lakehouse: Lakehouse, source: Source) -> set[str]:
    """Months of the source that passed silver while they were open, with too little until then."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {row["extract_month"] for row in rows if row["source"] == source.name and _partial(row)}


def _partial(row: Mapping[str, Any]) -> bool:
    return row.get("whole") is False  # earlier releases refused such months, and kept no `whole`


def missing_months(
    business: Business, passed: Set[tuple[str, str]], months: Sequence[str]
) -> dict[str, list[str]]:
    """Source -> which of these months it should have delivered but has not passed; empty when all is there."""
    missing = {
        source.name: [
            m for m in months if m >= business.first_month(source) and (source.name, m) not in passed
        ]
        for source in business.sources
    }
    return {name: gaps for name, gaps in missing.items() if gaps}


def require_complete(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> None:
    """Feed loss is not churn: refuses to go on unless every source passed silver in every one of these months.

    Raises:
        SilverIncomplete: names each source with its missing months and the remedy.
    """
    broken = missing_months(business, passed_months(lakehouse), months)
    if broken:
        listed = "; ".join(f"{name}: {', '.join(gaps)}" for name, gaps in broken.items())
        raise SilverIncomplete(
            f"Not every source has passed silver ({listed}). An extract that is missing or was refused is not churn.",
            "Mend it, materialise bronze and silver of those months, then this.",
            broken,
        )


def extract_dates(lakehouse: Lakehouse, source: Source) -> list[date]:
    """Dates of the extracts of the source that passed silver, in order; the lake knows nothing after the last.

    Raises:
        SilverIncomplete: no extract of the source passed yet.
    """
    rows = lakehouse.arrow(tables.RECONCILIATION, ["source", "extract_dates"]).to_pylist()
    days = {day for row in rows if row["source"] == source.name for day in row["extract_dates"]}
    if not days:
        raise SilverIncomplete(
            f"No extract of {source.name} has passed silver.",
            "Materialise bronze and silver first.",
            {source.name: []},
        )
    return sorted(days)
