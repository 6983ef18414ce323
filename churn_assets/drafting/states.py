"""Finds columns of an entity that may tell former or merged customers. A draft only names them, in commented lines."""

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.drafting.columns import DraftColumn, as_id
from churn_assets.drafting.source import DraftSource

FORMER = re.compile(
    r"^(former|inactive|inaktiv|closed|cancel\w*|churn\w*|ended|left|gone|lost|terminat\w*|deactivat\w*|deleted|expired"
    r"|ex|ehemalig\w*|gek(ü|ue)ndigt|beendet|geschlossen|gel(ö|oe)scht|r(é|e)sili(é|e)\w*|inactif|baja|inactivo)$",
    re.IGNORECASE,
)
MERGED = re.compile(
    r"merge|surviv|duplicate_of|dublette|master_|_master|replaced_by|zusammengef|verschmolzen|fusion"
)
MOST_STATES = 12
LEAST_KNOWN = 0.5  # of the merged-into ids, the share that the entity knows


def with_states(source: DraftSource) -> DraftSource:
    """Returns an entity with the properties `former` and `mergedInto` that its columns suggest."""
    if source.role != "entity":
        return source
    hints: list[tuple[dict[str, Any], str]] = []
    columns = source.columns
    if state := next((c for c in columns if _former(c)), None):
        value = {"column": state.name, "values": _former(state)}
        hints.append(({"property": "former", "value": value}, f"{state.name} may tell former customers"))
    if merge := next((c for c in columns if _is_merge(c, source)), None):
        hints.append(
            ({"property": "mergedInto", "value": merge.name}, f"{merge.name} may name the surviving customer")
        )
        kept = as_id(merge).with_note("an id of customers", personal="an id of customers")
        columns = tuple(kept if c is merge else c for c in columns)
    doubts = [source.doubt(2, item["property"], f"{why}: see the commented line") for item, why in hints]
    told = tuple((item, f"{why}; if it does, take this line in") for item, why in hints)
    return replace(source, columns=columns, hints=told, doubts=(*source.doubts, *doubts))


def _former(column: DraftColumn) -> list[str]:
    """Returns the values that mean a former customer; [] if the column is no state."""
    if column.type != "string" or column.personal or column.distinct > MOST_STATES:
        return []
    values = sorted(str(text) for text in column.texts.to_pylist())
    former = [value for value in values if FORMER.match(value)]
    return former if len(former) < len(values) else []


def _is_merge(column: DraftColumn, source: DraftSource) -> bool:
    if column.name == source.customer or not MERGED.search(column.name) or not column.distinct:
        return False
    ids = pc.cast(column.texts, pa.string())
    known = pc.is_in(ids, value_set=pc.cast(source.column(source.customer).texts, pa.string()))
    return float(pc.mean(pc.cast(known, pa.int8())).as_py()) >= LEAST_KNOWN
