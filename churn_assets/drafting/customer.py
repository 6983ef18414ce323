"""Finds the column with the customer's id in each source, by its name and by the ids that sources share."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.names import CUSTOMER, ID, names_customer
from churn_assets.drafting.source import DraftSource

# An id has at least so many values; with fewer, two columns of small numbers would seem to share them.
LEAST_IDS = 10
LEAST_MERIT = 1.0
CLOSE = 0.3
COMPARED = 200_000


def find_customers(sources: list[DraftSource]) -> tuple[list[DraftSource], list[DraftSource]]:
    """Returns the sources with their customer column, as text; and the sources in which none was found."""
    candidates = {source.name: [c for c in source.columns if _may_be_id(c, source)] for source in sources}
    found, without = [], []
    for source in sources:
        others = [c for name, columns in candidates.items() if name != source.name for c in columns]
        several = len({name for name, columns in candidates.items() if columns}) > 1
        merits = sorted(
            (
                (_merit(column, source, others), -at, column)
                for at, column in enumerate(candidates[source.name])
            ),
            reverse=True,
            key=lambda item: item[:2],
        )
        if not merits or merits[0][0] < (LEAST_MERIT if several else 0.0):
            without.append(source)
            continue
        found.append(_with_customer(source, merits))
    return found, without


def _may_be_id(column: DraftColumn, source: DraftSource) -> bool:
    words = ("an e-mail", "a phone", "a bank", "an official")
    if column.is_time or column.type in ("boolean", "number"):
        return False
    if column.personal and not column.personal.startswith(words) and not names_customer(column.name):
        return False
    return column.distinct >= min(LEAST_IDS, max(2, source.rows // 2)) and column.filled > 0.5


def _merit(column: DraftColumn, source: DraftSource, others: list[DraftColumn]) -> float:
    """Points for the name, for ids that other sources have, and for coming several times where nothing is shared."""
    merit = 2.0 if names_customer(column.name) else 0.5 if ID.search(column.name) else 0.0
    merit += (
        0.5
        if CUSTOMER.search(column.name) and not names_customer(column.name) and ID.search(column.name)
        else 0.0
    )
    shared = max(
        (_overlap(column, other) * (1 + 0.2 * names_customer(other.name)) for other in others), default=0.0
    )
    repeated = source.rows * column.filled > 1.5 * column.distinct
    # of two names of the customer the shorter id is likelier than an e-mail or a phone number
    return (
        merit + 2 * shared + 0.2 * repeated - 0.5 * bool(column.personal and not names_customer(column.name))
    )


def _overlap(one: DraftColumn, other: DraftColumn) -> float:
    """Share of the ids of the shorter column that the other has, too."""
    if min(one.distinct, other.distinct) < LEAST_IDS:
        return 0.0
    few, many = sorted((one.texts, other.texts), key=len)
    few = few.slice(0, COMPARED)
    return float(pc.mean(pc.cast(pc.is_in(few, value_set=pa.array(many)), pa.int8())).as_py())


def _with_customer(source: DraftSource, merits: list[tuple[float, int, DraftColumn]]) -> DraftSource:
    merit, _, column = merits[0]
    note = (
        "the customer's id, by its name"
        if names_customer(column.name)
        else "the customer's id, by ids that other files share"
    )
    doubts = list(source.doubts)
    if not names_customer(column.name):
        doubts.append(
            source.doubt(
                1,
                column.name,
                f"taken for the customer's id: {'ids that other files have' if merit > 1 else 'the only id'}",
            )
        )
    elif len(merits) > 1 and merit - merits[1][0] < CLOSE:
        doubts.append(
            source.doubt(1, column.name, f"taken for the customer's id; {merits[1][2].name} could be it, too")
        )
    kept = tuple(n for n in column.notes if not n.startswith("personal"))
    text = {"type": "string", "numbers": None, "decimal": ".", "thousands": None}
    changed = replace(column, **text, personal="the customer's id", notes=(*kept, note))
    columns = tuple(changed if c is column else c for c in source.columns)
    return replace(source, columns=columns, customer=column.name, doubts=tuple(doubts))


def relate(sources: list[DraftSource]) -> list[DraftSource]:
    """Returns the sources with the entity that their customers belong to: the one that has most of their ids."""
    entities = [source for source in sources if source.role == "entity"]
    result = []
    for source in sources:
        mine = source.column(source.customer)
        others = {e.name: e.column(e.customer) for e in entities if e.name != source.name}
        share, name = max(
            ((_share(mine, theirs), name) for name, theirs in others.items()), default=(0.0, "")
        )
        if share < 0.5:
            result.append(source)
            continue
        doubts = list(source.doubts)
        if share < 1:
            doubts.append(source.doubt(3, source.customer, f"{1 - share:.1%} of its ids are not in {name}"))
        notes = source.notes | {
            "refers": f"{share:.1%} of the ids are in {name}",
            "refers_column": others[name].name,
        }
        result.append(replace(source, refers_to=name, doubts=tuple(doubts), notes=notes))
    return result


def _share(mine: DraftColumn, theirs: DraftColumn) -> float:
    return float(
        pc.mean(pc.cast(pc.is_in(mine.texts, value_set=pa.array(theirs.texts)), pa.float64())).as_py() or 0.0
    )
