"""Checks that several assets make of a draft before it is committed."""

import dagster as dg

from churn_assets.lakehouse.lakehouse import TableDraft


def require_unique(draft: TableDraft, key: list[str]) -> dict[str, int]:
    """Number of rows; raises dg.Failure when a key stands in the draft twice. Nothing was committed yet."""
    rows, keys = draft.content.count(), draft.content.distinct(key)
    if rows != keys:
        raise dg.Failure(
            f"{draft.table.path} would hold {rows:,} rows for {keys:,} keys ({', '.join(key)}); "
            "nothing was written. Look for a source whose key does not identify a row."
        )
    return {"rows": rows}
