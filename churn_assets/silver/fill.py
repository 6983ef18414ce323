"""How many rows of a month fill each optional column, and which columns are no longer filled."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churn_assets.contracts.source import Column, MonthRule, Source
from churn_assets.contracts.words import closest
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_range
from churn_assets.silver.audit import USUAL_MONTHS, MonthAudit, Problem
from churn_assets.silver.reconciliation_rows import recorded

COLLAPSE = MonthRule("fill", 0.1, 1.0, "warn")  # where the contract declares none
OFTEN = 0.5  # a column that was filled less is not missed


@dataclass(frozen=True)
class Fill:
    """Accepted versions of a month, and how many of them have a value, by column."""

    rows: int
    filled: Mapping[str, int]

    def share(self, column: str) -> float | None:
        """Share of versions with a value; None without versions, or where the column is not known."""
        return self.filled[column] / self.rows if self.rows and column in self.filled else None


def fill_counts(source: Source, *, personal: bool = False) -> list[tuple[str, str]]:
    """Aggregates (column, count) over versions that tell how the optional columns are filled."""
    return [(c.name, "count") for c in _optional(source) if c.personal is personal]


def filled_of(row: Mapping[str, int], counts: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Column -> versions with a value, from a row of these aggregates."""
    return {name: row[f"{name}_{function}"] for name, function in counts}


def former_fill(lakehouse: Lakehouse, source: Source, first_month: str) -> dict[str, Fill]:
    """Fill of the usual months before `first_month`, as silver/reconciliation keeps it; without refused months."""
    before = month_range(add_months(first_month, -USUAL_MONTHS), add_months(first_month, -1))
    return {
        row["extract_month"]: Fill(row["accepted"], json.loads(row["filled"]))
        for row in recorded(lakehouse, before)
        if row["source"] == source.name and row.get("filled") and row["balances"]
    }


def emptied_columns(lakehouse: Lakehouse, source: Source, audits: Sequence[MonthAudit]) -> list[Problem]:
    """`no_longer_filled` of contiguous months, each compared with those before it."""
    former = former_fill(lakehouse, source, audits[0].month)
    former |= {audit.month: Fill(audit.accepted, audit.filled) for audit in audits}
    return [problem for audit in audits for problem in no_longer_filled(source, audit, former)]


def no_longer_filled(source: Source, audit: MonthAudit, former: Mapping[str, Fill]) -> list[Problem]:
    """Columns of the month that are hardly filled although they were, or although the files carry a similar one.

    Args:
        source: whose month.
        audit: of the month.
        former: fill of the months before it.
    """
    rule, now = source.month_rule("fill") or COLLAPSE, Fill(audit.accepted, audit.filled)
    first = add_months(audit.month, -USUAL_MONTHS)
    before = [fill for month, fill in former.items() if first <= month < audit.month]
    carried = sorted({name for file in audit.files for name in file.rescued_fields})
    problems = []
    for column in _optional(source):
        share = now.share(column.name)
        usual = max((s for f in before if (s := f.share(column.name)) is not None), default=None)
        fell = (
            share is not None
            and usual is not None
            and usual >= OFTEN
            and share < usual * (rule.min_share or 0)
        )
        candidate = closest(column.field, carried) if carried else ""
        if share is None or not (fell or (share == 0 and candidate)):
            continue
        problems.append(_problem(source, audit, column, now, usual if fell else None, candidate, rule))
    return problems


def _problem(
    source: Source,
    audit: MonthAudit,
    column: Column,
    now: Fill,
    usual: float | None,
    candidate: str,
    rule: MonthRule,
) -> Problem:
    filled = now.filled[column.name]
    was = f"was filled in {usual:.0%} of the rows, now" if usual is not None else "is filled"
    renamed = f" Renamed? The files carry an undeclared column `{candidate}`." if candidate else ""
    remedy = (
        f"Name `{candidate}` in `aliases` of {column.name}, if it is the same."
        if candidate
        else f"Ask the source why {column.name} is empty."
    )
    files = tuple(f.name for f in audit.files if not candidate or candidate in f.rescued_fields)
    return Problem(
        source.name,
        audit.month,
        f"fill:{column.name}",
        rule.severity,
        f"{column.name} {was} in {filled / now.rows:.0%}.{renamed}",
        remedy,
        now.rows - filled,
        now.rows,
        files=files,
    )


def _optional(source: Source) -> Sequence[Column]:
    return [c for c in source.columns if not c.required and c.name != source.customer]
