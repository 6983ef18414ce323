"""What is held of each customer's snapshot of the day: who they are, and what each source tells of them.

New rows of a source change what that source tells of a few customers. That is computed anew by the functions of the
night; the other sources, and the other customers, keep what is held.
"""

from collections.abc import Callable, Sequence, Set
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.features.snapshots import BASE, PART_KEY, SnapshotParts
from churn_assets.lakehouse.engine.frames import frame_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.rows import KEY, added, nullable, where_in, where_not_in

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

PEOPLE, MERGED = "#people", "#merged"  # parts beside those of the sources

LakeOf = Callable[[Set[str]], Lakehouse]  # the lake as of now, narrowed to some customers at the least


class HeldParts:
    """The parts of the snapshots of one day, by customer."""

    def __init__(self, business: Business) -> None:
        """Holds nothing yet."""
        self._business = business
        self._rows: dict[str, pa.Table] = {}
        self._known: dict[str, set[str]] = {}  # part -> customers of whom it is up to date
        gone = [one.name for one in business.tells_who_is_gone]
        self._telling = {business.label_source.name, *gone}  # sources that tell who is a customer
        self._made_of: dict[str, Sequence[date] | None] | None = None  # first extracts of these

    def outdate(self, source: str, keys: Set[str]) -> None:
        """Forgets what depends on the rows that a source has of these customers and of all who are related."""
        for part, known in self._known.items():
            if part in self._told_by(source):
                known -= keys

    def _told_by(self, source: str) -> set[str]:
        """The parts that depend on the rows of a source."""
        business = self._business
        if source in {one.name for one in business.tells_merges}:  # all rows may count for somebody else now
            return set(self._known)
        if source not in self._telling:
            return {source}
        return {source, PEOPLE, *(one.name for one in business.of_role("spell"))}

    def refresh(self, keys: Set[str], parts: SnapshotParts, lake_of: LakeOf) -> None:
        """Computes what is not up to date of these customers; whoever is related to one of them is one of them."""
        # the first extract of a month tells who is gone, and may tell who was merged
        told = {name: parts.extracts.get(name) for name in self._telling}
        if told != self._made_of:
            self._made_of, self._known = told, {name: set() for name in (PEOPLE, *parts.features)}
        if late := keys - self._known[PEOPLE]:
            self._add_people(late, parts, lake_of(late))
        for name in parts.features:
            if late := keys - self._known[name]:
                lake = lake_of(late)
                spark = lake.spark
                found = parts.of_source(lake, name, self._eligible(spark, late), self._merged(spark, late))
                self._put(name, late, found)

    def snapshots(self, keys: Set[str], parts: SnapshotParts, spark: "SparkSession") -> "DataFrame":
        """The snapshots of those of these customers who are eligible; all must be up to date."""
        here = self._people(keys).select(list(BASE))
        for name in parts.features:
            here = here.join(where_in(self._rows[name], KEY, keys), list(PART_KEY), join_type="left outer")
        joined = frame_of(spark, here)
        for name in parts.features:
            joined = parts.with_what_was_observed(joined, name)
        return parts.finished(joined)

    def _add_people(self, keys: Set[str], parts: SnapshotParts, lake: Lakehouse) -> None:
        merged = parts.merged(lake)
        if merged is not None or MERGED in self._rows:
            self._put(MERGED, keys, merged)
        self._put(PEOPLE, keys, parts.people(lake, merged))

    def _put(self, part: str, keys: Set[str], frame: "DataFrame | None") -> None:
        """Holds the rows of a part of these customers in place of the former; without a frame there are none."""
        held = self._rows.get(part)
        kept = None if held is None else where_not_in(held, KEY, keys)
        new = None if frame is None else nullable(frame.toArrow())
        if new is not None:
            kept = new if kept is None else added(kept, new)
        if kept is not None:
            self._rows[part] = kept.combine_chunks()
        if part in self._known:
            self._known[part] |= keys

    def _people(self, keys: Set[str]) -> "pa.Table":
        import pyarrow.compute as pc

        eligible = pc.is_null(pc.field("excluded"))
        return where_in(self._rows[PEOPLE], KEY, keys).filter(eligible)

    def _eligible(self, spark: "SparkSession", keys: Set[str]) -> "DataFrame":
        return frame_of(spark, self._people(keys))

    def _merged(self, spark: "SparkSession", keys: Set[str]) -> "DataFrame | None":
        """As `history.merges` tells it of these customers; None where nobody of them is merged."""
        held = self._rows.get(MERGED)
        rows = None if held is None else where_in(held, KEY, keys)
        return frame_of(spark, rows) if rows is not None and rows.num_rows else None
