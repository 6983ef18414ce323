"""silver/findings: what checks found in a month and did not refuse it for, in one place.

`record` is the one writer. Each check has a name and replaces its own findings of the months that it judged.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from churn_assets.contracts.source import Source
from churn_assets.graph.metadata import table_metadata
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.silver.audit import Problem

SHOWN_EXAMPLES = 5  # customer_keys of a finding


def record(
    lakehouse: Lakehouse, found_by: str, months: Sequence[str], problems: Iterable[Problem], *, run_id: str
) -> Commit | None:
    """Replaces what `found_by` (a source or a check) has found in `months`; no commit if it is the same nothing.

    Raises:
        LakehouseError: a problem lies outside the months; nothing was committed.
    """
    table = tables.FINDINGS
    rows = [_row(found_by, problem) for problem in problems]
    if not rows and lakehouse.exists(table) and not _known(lakehouse, found_by, months):
        return None
    within = {"found_by": found_by}
    found = table.rows(rows)
    return lakehouse.replace_rows(table, found, "extract_month", months, run_id=run_id, within=within)


def findings(lakehouse: Lakehouse, months: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Rows of silver/findings of these months (all when None): newest month first, what blocks before what warns."""
    if not lakehouse.exists(tables.FINDINGS):
        return []
    wanted: list[tuple[str, str, object]] | None = None
    if months is not None:
        wanted = [("extract_month", "in", list(months))]
    rows: list[dict[str, Any]] = lakehouse.arrow(tables.FINDINGS, filters=wanted).to_pylist()
    by_place = sorted(rows, key=lambda r: (r["severity"], r["source"], r["rule"], r["subject"]))
    return sorted(by_place, key=lambda r: r["extract_month"], reverse=True)


def blocking(lakehouse: Lakehouse, found_by: str, source: Source, months: Sequence[str]) -> list[Problem]:
    """What a check found in these months of a source that refuses them."""
    return [
        Problem(
            row["source"],
            row["extract_month"],
            ":".join(filter(None, (row["rule"], row["subject"]))),
            "block",
            row["what"],
            row["remedy"],
            row["count"],
            row["of"],
            tuple(row["examples"]),
            tuple(row["files"]),
        )
        for row in findings(lakehouse, months)
        if (row["found_by"], row["source"], row["severity"]) == (found_by, source.name, "block")
    ]


def told(row: dict[str, Any]) -> str:
    """One finding as a line of text, with its remedy."""
    about = f"{row['rule']} {row['subject']}" if row["subject"] else row["rule"]
    return f"{row['source']} {row['extract_month']}: {about}: {row['what']} {row['remedy']}"


def in_words(problems: Iterable[Problem]) -> str:
    """A line per problem, without the remedies."""
    return "\n".join(f"{p.source} {p.month}: {p.rule}: {p.evidence}" for p in problems)


def as_metadata(problems: Sequence[Problem]) -> dict[str, Any]:
    """The problems as metadata of an asset or a check; empty without any."""
    if not problems:
        return {}
    header = ["month", "rule", "severity", "what", "remedy"]
    rows = [(p.month, p.rule, p.severity, p.evidence, p.remedy) for p in problems]
    return {"noticed": table_metadata(header, rows)}


def _row(found_by: str, problem: Problem) -> dict[str, Any]:
    rule, _, subject = problem.rule.partition(":")
    return {
        "found_by": found_by,
        "source": problem.source,
        "extract_month": problem.month,
        "rule": rule,
        "subject": subject,
        "severity": problem.severity,
        "what": problem.evidence,
        "count": problem.count,
        "of": problem.of,
        "examples": list(problem.examples[:SHOWN_EXAMPLES]),
        "files": list(problem.files),
        "remedy": problem.remedy,
    }


def _known(lakehouse: Lakehouse, found_by: str, months: Sequence[str]) -> bool:
    import pyarrow.compute as pc

    mine = (pc.field("found_by") == found_by) & pc.field("extract_month").isin(list(months))
    return bool(lakehouse.count(tables.FINDINGS, mine))
