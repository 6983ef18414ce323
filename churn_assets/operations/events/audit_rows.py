"""Takes the records of this home's audit into operations/audit, each once."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.operations.audit.verification import stored


def new_acts(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """Rows of the records that the table does not have."""
    known = _known(lakehouse)
    found = []
    for _, content in stored(lakehouse.settings):
        if content is None:
            continue
        entry, digest, _seal = content
        if (entry.chain, entry.sequence) not in known:
            row = asdict(entry) | {"at": datetime.fromisoformat(entry.at), "hash": digest}
            found.append(row | {"facts": json.dumps(entry.facts, ensure_ascii=False, sort_keys=True)})
            known.add((entry.chain, entry.sequence))
    return found


def add_acts(lakehouse: Lakehouse, rows: list[dict[str, Any]], run_id: str) -> Commit:
    """Commits the rows."""
    return lakehouse.append_rows(tables.AUDIT_ACTS, tables.AUDIT_ACTS.rows(rows), run_id=run_id)


def _known(lakehouse: Lakehouse) -> set[tuple[str, int]]:
    if not lakehouse.exists(tables.AUDIT_ACTS):
        return set()
    found = lakehouse.arrow(tables.AUDIT_ACTS, ["chain", "sequence"])
    return set(zip(found["chain"].to_pylist(), found["sequence"].to_pylist(), strict=True))
