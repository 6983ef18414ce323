"""Counts customers who moved between segments from one month to the next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SegmentChange:
    """One segment compared with the month before; all counts are customers.

    Attributes:
        name, action: of the segment; action is None when nobody is in it any more.
        customers, before: in the segment now, and the month before.
        stayed: in it in both months.
        joined: in another segment the month before.
        new: in no segment the month before.
        expected: sum of the probabilities of those in it now, the expected number of churners.
    """

    name: str
    action: str | None
    customers: int
    before: int
    stayed: int
    joined: int
    new: int
    expected: float


@dataclass(frozen=True)
class Movements:
    """All segments in the order of the rules.

    Attributes:
        moves: (from, to, customers), most customers first.
        gone: customers of the month before who are in no segment any more.
    """

    segments: tuple[SegmentChange, ...]
    moves: tuple[tuple[str, str, int], ...]
    gone: int

    @property
    def compared(self) -> bool:
        """Whether there is a month before; without one every customer would look new."""
        return any(segment.before for segment in self.segments)

    @property
    def moved(self) -> int:
        """Customers who are in another segment than the month before."""
        return sum(customers for _, _, customers in self.moves)


def movements(now: "pa.Table", before: "pa.Table", order: Sequence[str]) -> Movements:
    """Compares two cohorts of scores/customer_segments.

    Args:
        now: customer_key, segment, action, probability; one row per customer.
        before: customer_key, segment of the month before; may be empty.
        order: names of the segments in the order of the rules; other segments follow, sorted by name.
    """
    then = before.select(["customer_key", "segment"]).rename_columns(["customer_key", "was"])
    pairs = now.select(["customer_key", "segment"]).join(then, "customer_key", join_type="full outer")
    counts = {
        (row["was"], row["segment"]): row["count_all"]
        for row in pairs.group_by(["was", "segment"]).aggregate([([], "count_all")]).to_pylist()
    }
    # by key and in one thread, so that the sums come out the same however the rows lie
    by_segment = now.sort_by("customer_key").group_by("segment", use_threads=False)
    facts = by_segment.aggregate([("action", "min"), ("probability", "sum")]).to_pylist()
    told = {row["segment"]: row for row in facts}
    sizes: Counter[str] = Counter()
    sizes_before: Counter[str] = Counter()
    for (was, is_now), customers in counts.items():
        sizes[is_now] += customers
        sizes_before[was] += customers
    names = {*sizes, *sizes_before} - {None}
    place = {name: position for position, name in enumerate(order)}
    segments = []
    for name in sorted(names, key=lambda n: (place.get(n, len(place)), n)):
        stayed, new = counts.get((name, name), 0), counts.get((None, name), 0)
        fact = told.get(name, {"action_min": None, "probability_sum": 0.0})
        segments.append(
            SegmentChange(
                name=name,
                action=fact["action_min"],
                customers=sizes[name],
                before=sizes_before[name],
                stayed=stayed,
                joined=sizes[name] - stayed - new,
                new=new,
                expected=fact["probability_sum"],
            )
        )
    moves = [(was, to, customers) for (was, to), customers in counts.items() if was and to and was != to]
    gone = sum(customers for (_, to), customers in counts.items() if to is None)
    return Movements(tuple(segments), tuple(sorted(moves, key=lambda m: (-m[2], m[0], m[1]))), gone)
