"""Blocking checks: a rule that does not hold is a failed check with its evidence, and nothing is committed.

An asset judges its draft and raises `CheckFailed` before the commit. `table_asset` turns that into a failed check of
the asset and fails the step, so that nothing downstream runs and no materialisation is recorded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from churn_assets.graph.metadata import table_metadata
from churn_assets.lakehouse.lakehouse import TableDraft

SHOWN_KEYS = 10
NOT_COMMITTED = "Nothing was committed."


class CheckFailed(Exception):
    """A blocking check does not hold; the message says what was found and what to do.

    Attributes:
        check: its name, as declared by the asset.
        evidence: counts, months, file names and customer keys; never a natural id or a personal value, since Dagster
            keeps it.
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
        """The failed check of the asset."""
        return dg.AssetCheckResult(
            asset_key=asset_key,
            check_name=self.check,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=str(self),
            metadata=self.evidence,
        )


def passed(check: str, evidence: Mapping[str, Any]) -> dg.AssetCheckResult:
    """A check that holds, with what was counted."""
    return dg.AssetCheckResult(check_name=check, passed=True, metadata=dict(evidence))


def not_judged(check: str, why: str) -> dg.AssetCheckResult:
    """A check that could not be judged: a warning, which blocks nothing and is not taken for a passed check."""
    return dg.AssetCheckResult(
        check_name=check,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Not judged: {why}",
        metadata={"not judged": why},
    )


def require_unique(draft: TableDraft, key: Sequence[str], check: str) -> dict[str, int]:
    """Number of rows of a draft in which each key stands once; the key must hold nothing personal.

    Raises:
        CheckFailed: a key stands there twice; shows some of them.
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


def _repeated(draft: TableDraft, key: Sequence[str]) -> dg.MarkdownMetadataValue:
    """Some keys that stand in a draft more than once."""
    import pyarrow.compute as pc

    count = f"{key[0]}_count"
    counted = draft.content.aggregate(key, [(key[0], "count")])
    several = counted.filter(pc.field(count) > 1).sort_by([(name, "ascending") for name in key])
    shown = several.slice(0, SHOWN_KEYS).to_pylist()
    return table_metadata([*key, "rows"], [[*(row[name] for name in key), row[count]] for row in shown])
