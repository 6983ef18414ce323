"""Rows of silver/reconciliation: of each source and month whether it passed silver, with its counts.

The silver assets write them for the months that they judge; the asset silver/reconciliation counts them again.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2s
from typing import Any, NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.row_balance import rows_balance, rows_found

OF_THE_LOAD = ("files", "rules", "filled")  # what only the load of the month can tell


class ReconciledMonth(NamedTuple):
    """Row counts of a source's month.

    `whole` is False while more extracts must arrive, see `is_whole`. `refused_by` names the blocking rules that refused
    the month; of such a month nothing counts as accepted. `files` is the digest of the files that were judged, `rules`
    that of what they were judged by. `filled` says how many accepted versions have a value, by optional column (JSON).
    """

    source: str
    extract_month: str
    delivered: int
    accepted: int
    duplicate: int
    quarantined: int
    extract_dates: list[date]
    whole: bool
    refused_by: str | None = None
    files: str | None = None
    rules: str | None = None
    filled: str | None = None

    @property
    def balances(self) -> bool:
        """True when the month was not refused and every delivered row is accounted for."""
        counts = (self.accepted, self.duplicate, self.quarantined)
        return self.refused_by is None and rows_balance(self.delivered, *counts)

    @property
    def fault(self) -> str:
        """What is wrong with a month that does not balance, in words."""
        if self.refused_by:
            return f"silver refused it by {self.refused_by}"
        found = rows_found(self.accepted, self.duplicate, self.quarantined)
        return f"{self.delivered:,} delivered, {found:,} found"

    def as_dict(self) -> dict[str, Any]:
        """The row of silver/reconciliation."""
        return self._asdict() | {"balances": self.balances}


def rules_digest(business: Business, source: Source) -> str:
    """Digest of what the months of a source are judged by; it changes when one of these is edited."""
    file = business.file
    return blake2s(repr((source, file.contradictions, file.merges)).encode(), digest_size=8).hexdigest()


def recorded(lakehouse: Lakehouse, months: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these months; empty when the table does not exist yet."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return []
    rows = lakehouse.arrow(tables.RECONCILIATION, None, [("extract_month", "in", list(months))])
    return list(rows.to_pylist())


def record_months(
    lakehouse: Lakehouse,
    source: Source,
    balances: Sequence[ReconciledMonth],
    months: Sequence[str],
    run_id: str,
) -> None:
    """Replaces the rows of one source and these months."""
    table = tables.RECONCILIATION
    with lakehouse.alone_with(table):
        others = [row for row in recorded(lakehouse, months) if row["source"] != source.name]
        rows = table.rows([*others, *(balance.as_dict() for balance in balances)])
        if rows.num_rows or lakehouse.exists(table):
            lakehouse.replace_rows(table, rows, "extract_month", months, run_id=run_id)


def is_partial(row: Mapping[str, Any]) -> bool:
    """Whether a row tells of a month that went through silver while open, and is not whole yet."""
    return row.get("whole") is False  # earlier releases refused such months and stored no `whole`


def has_passed(row: Mapping[str, Any]) -> bool:
    """Whether a row tells of a month that has passed silver: its rows balance and it is whole."""
    return bool(row["balances"]) and not is_partial(row)


def passed_before(lakehouse: Lakehouse, month: str) -> set[str]:
    """Earlier months in which a source has passed."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return set()
    rows = lakehouse.arrow(tables.RECONCILIATION, None, [("extract_month", "<", month)]).to_pylist()
    return {row["extract_month"] for row in rows if has_passed(row)}


def refuse_months(lakehouse: Lakehouse, broken: Sequence[tuple[str, str, str]], run_id: str) -> None:
    """Marks months as refused, beside what refused them before; `broken` names source, month and rule of each."""
    table, months = tables.RECONCILIATION, sorted({month for _, month, _ in broken})
    rules: dict[tuple[str, str], set[str]] = {}
    for source, month, rule in broken:
        rules.setdefault((source, month), set()).add(rule)
    nothing = {"accepted": 0, "duplicate": 0, "quarantined": 0, "balances": False}
    with lakehouse.alone_with(table):
        rows = recorded(lakehouse, months)
        for row in rows:
            if names := rules.get((row["source"], row["extract_month"])):
                before = row["refused_by"].split(", ") if row["refused_by"] else []
                row |= nothing | {"refused_by": ", ".join(sorted({*before, *names}))}
        lakehouse.replace_rows(table, table.rows(rows), "extract_month", months, run_id=run_id)
