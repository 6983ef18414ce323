"""Finds the column with the customer's id in each source, by its name and by the ids that sources share."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.drafting.columns import DraftColumn, as_id
from churn_assets.drafting.names import CUSTOMER, ID, names_customer
from churn_assets.drafting.source import DraftSource

# An id has at least so many values; with fewer, two columns of small numbers would seem to share them.
LEAST_IDS = 10
# Of whole numbers that no name calls ids, since two counts, such as seats and minutes, share theirs, too.
LEAST_NUMBERS = 1000
LEAST_MERIT = 1.0
CLOSE = 0.3
LEAST_SHARE = 0.5
COMPARED = 200_000


def find_customers(sources: list[DraftSource]) -> tuple[list[DraftSource], list[DraftSource]]:
    """Returns the sources with their customer column, as text; and the sources in which none was found."""
    candidates = {source.name: [c for c in source.columns if _may_be_id(c)] for source in sources}
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


def _may_be_id(column: DraftColumn) -> bool:
    words = ("an e-mail", "a phone", "a bank", "an official")
    if column.is_time or column.type == "boolean" or (column.type == "number" and not column.is_whole):
        return False
    if column.personal and not column.personal.startswith(words) and not names_customer(column.name):
        return False
    enough = 2 if names_customer(column.name) else LEAST_IDS
    return column.distinct >= enough and column.filled > 0.5


def _merit(column: DraftColumn, source: DraftSource, others: list[DraftColumn]) -> float:
    """Points for the name, for ids that other sources have, and a few for coming several times."""
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
    if min(one.distinct, other.distinct) < max(_least_ids(one), _least_ids(other)):
        return 0.0
    few, many = sorted((one.texts, other.texts), key=len)
    few = few.slice(0, COMPARED)
    return float(pc.mean(pc.cast(pc.is_in(few, value_set=pa.array(many)), pa.int8())).as_py())


def _least_ids(column: DraftColumn) -> int:
    """Number of values from which on it means something that another column has them, too."""
    by_name = names_customer(column.name) or ID.search(column.name)
    return LEAST_NUMBERS if column.is_whole and not by_name else LEAST_IDS


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
    changed = replace(as_id(column), personal="the customer's id", notes=(*kept, note))
    columns = tuple(changed if c is column else c for c in source.columns)
    return replace(source, columns=columns, customer=column.name, doubts=tuple(doubts))


def relate(sources: list[DraftSource]) -> list[DraftSource]:
    """Returns the sources with the entity that their customers belong to: the one that knows most customers."""
    entities = [source for source in sources if source.role == "entity"]
    if not entities:
        return [replace(s, least_known=_least_known(s, None)) for s in sources]
    anchor = max(entities, key=lambda s: s.column(s.customer).distinct)
    related = [source if source is anchor else _related(source, anchor) for source in sources]
    return [replace(s, least_known=_least_known(s, anchor if s.refers_to else None)) for s in related]


def _least_known(source: DraftSource, anchor: DraftSource | None) -> float | None:
    """Least share of a month's ids that came in an earlier month, or by the related source until then."""
    if not source.complete or (anchor and not anchor.complete):
        return None
    seen = _months_of_ids(source)
    since = seen.groupby("id")["month"].min()
    known = seen["month"] > seen["id"].map(since)
    if anchor:
        elsewhere = seen["id"].map(_months_of_ids(anchor).groupby("id")["month"].min())
        known |= elsewhere.notna() & (elsewhere.fillna("") <= seen["month"])
    by_month = known.groupby(seen["month"]).agg(["mean", "size"]).iloc[1:]
    enough = by_month.loc[by_month["size"] >= LEAST_IDS, "mean"]
    return float(enough.min()) if len(enough) else None


def _months_of_ids(source: DraftSource) -> pd.DataFrame:
    """Each id of each month once."""
    months = np.array([f"{day:%Y-%m}" if day else "" for day in source.days])
    column = source.column(source.customer)
    frame = pd.DataFrame({"id": column.codes, "month": months[source.places]}).drop_duplicates()
    frame = frame[frame["id"] >= 0]
    return frame.assign(id=np.array(column.texts.to_pylist(), dtype=object)[frame["id"]])


def _related(source: DraftSource, anchor: DraftSource) -> DraftSource:
    share = _share(source.column(source.customer), anchor.column(anchor.customer))
    if share < LEAST_SHARE:
        said = f"only {share:.1%} of its ids are in {anchor.name}, so no relationship is declared"
        return replace(source, doubts=(*source.doubts, source.doubt(1, source.customer, said)))
    sampled = "" if source.complete and anchor.complete else ", in the sample"
    said = f"{share:.1%} of the ids are in {anchor.name}{sampled}"
    doubts = () if share == 1 else (source.doubt(3, source.customer, said),)
    notes = source.notes | {"refers": said, "refers_column": anchor.customer}
    return replace(source, refers_to=anchor.name, doubts=(*source.doubts, *doubts), notes=notes)


def _share(mine: DraftColumn, theirs: DraftColumn) -> float:
    return float(
        pc.mean(pc.cast(pc.is_in(mine.texts, value_set=pa.array(theirs.texts)), pa.float64())).as_py() or 0.0
    )
