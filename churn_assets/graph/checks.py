"""Blocking checks: a violated rule gives a failed check with evidence, and nothing is committed.

An asset checks its draft and raises `CheckFailed` before the commit. `table_asset` turns the exception into a failed
check of the asset and fails the step, so that nothing downstream runs and no materialisation is recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from churn_assets.graph.metadata import table_metadata
from churn_assets.lakehouse.lakehouse import TableDraft
from churn_assets.months import spans

SHOWN_KEYS = 10
NOT_COMMITTED = "Nothing was committed."


def ingest_commands(months: Iterable[str]) -> str:
    """Returns the commands that ingest exactly these months."""
    commands = (
        f"`churn-assets run ingest --from {first}{'' if first == last else f' --to {last}'}`"
        for first, last in spans(set(months))
    )
    return " and ".join(commands)


class CheckFailed(Exception):
    """A blocking check failed; the message says what was found and what to do.

    Attributes:
        check: name of the check, as declared by the asset.
        evidence: counts, months, file names and customer keys; never a natural id or a personal value, because Dagster
            stores it.
    """

    def __init__(
        self,
        check: str,
        found: str,
        remedy: str,
        evidence: Mapping[str, Any],
        consequence: str = NOT_COMMITTED,
    ) -> None:
        self.check = check
        self.evidence = {**evidence, "remedy": remedy}
        super().__init__(f"{found} {consequence} {remedy}")

    def result(self, asset_key: Sequence[str]) -> dg.AssetCheckResult:
        """Returns the failed check of the asset."""
        return dg.AssetCheckResult(
            asset_key=asset_key,
            check_name=self.check,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=str(self),
            metadata=self.evidence,
        )


def passed(check: str, evidence: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Returns a passed check with its evidence."""
    return dg.AssetCheckResult(check_name=check, passed=True, metadata=dict(evidence))


def failed(check: str, found: str, evidence: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Returns a failed check of severity ERROR, of what has been done already; to stop a step, raise `CheckFailed`."""
    return _not_passed(check, dg.AssetCheckSeverity.ERROR, found, evidence)


def warned(check: str, found: str, evidence: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Returns a failed check of severity WARN, which blocks nothing."""
    return _not_passed(check, dg.AssetCheckSeverity.WARN, found, evidence)


def _not_passed(
    check: str, severity: dg.AssetCheckSeverity, found: str, evidence: Mapping[str, Any]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check, passed=False, severity=severity, description=found, metadata=dict(evidence)
    )


def not_judged(check: str, why: str) -> dg.AssetCheckResult:
    """Returns a check that could not be evaluated: a failed check of severity WARN, which blocks nothing."""
    return warned(check, f"Not judged: {why}", {"not judged": why})


def require_unique(draft: TableDraft, key: Sequence[str], check: str) -> dict[str, int]:
    """Checks that no key is repeated in a draft; returns {"rows": number of rows}.

    The key must contain no personal data, because the error shows some of the repeated keys.

    Raises:
        CheckFailed: a key is repeated.
    """
    rows, keys = draft.content.count(), draft.content.distinct(key)
    if rows != keys:
        raise CheckFailed(
            check,
            f"{draft.table.path} would hold {rows:,} rows for {keys:,} keys ({', '.join(key)}).",
            "Look for a source whose key does not identify a row.",
            {"rows": rows, "keys": keys, "repeated keys": _repeated(draft, key)},
        )
    return {"rows": rows}


def require_one_each(
    check: str, what: str, counts: Sequence[tuple[str, int, int, int, int]], remedy: str
) -> dg.AssetCheckResult:
    """Checks that each cohort has one row for each of its customers, and that no row is impossible.

    Args:
        check: its name.
        what: the rows, in the plural, such as "lifetimes".
        counts: of each cohort the as_of_date, the snapshots, the rows, the customers of the rows, and what of them is
            out of order.
        remedy: what to do.

    Raises:
        CheckFailed: a cohort has other customers than snapshots, or something is out of order.
    """
    if any(not snapshots == rows == keys or wrong for _, snapshots, rows, keys, wrong in counts):
        head = ["as_of_date", "snapshots", what, "customers", f"{what} out of order"]
        found = f"The {what} do not match the snapshots."
        raise CheckFailed(check, found, remedy, {what: table_metadata(head, counts)})
    return passed(check, {"rows": sum(rows for _, _, rows, _, _ in counts)})


def _repeated(draft: TableDraft, key: Sequence[str]) -> dg.MarkdownMetadataValue:
    """Returns a table of some repeated keys of a draft, with their number of rows."""
    import pyarrow.compute as pc

    count = f"{key[0]}_count"
    counted = draft.content.aggregate(key, [(key[0], "count")])
    several = counted.filter(pc.field(count) > 1).sort_by([(name, "ascending") for name in key])
    shown = several.slice(0, SHOWN_KEYS).to_pylist()
    return table_metadata([*key, "rows"], [[*(row[name] for name in key), row[count]] for row in shown])
