"""Merges in the balance of people. They do not use `history.merges`, so that each can be compared with the other."""

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def followed(into: Mapping[str, str | None], listed: Set[str]) -> dict[str, str | None]:
    """Merged customer -> the last of the chain; None where that is unknown, not `listed`, or a cycle has none."""
    found: dict[str, str | None] = {}
    for who in into:
        last, passed = into[who], {who}
        while last is not None and last in into and last not in passed:
            passed.add(last)
            last = into[last]
        found[who] = last if last in listed and last not in into else None
    return found


def with_survivors(
    people: "pd.DataFrame", heirs: Mapping[str, str | None], in_order: Sequence[str]
) -> "pd.DataFrame":
    """state, stays and first after those of merged customers count for their survivors.

    Of several states, the first in `in_order` counts, and of several days the first. One spell that stays is enough.
    """
    import pandas as pd

    own = people[["stays", "first"]].assign(
        rank=people["state"].map({state: place for place, state in enumerate(in_order)})
    )
    to = pd.Series({who: heir for who, heir in heirs.items() if heir and who in own.index}, dtype=object)
    of = pd.concat([own, own.reindex(to.index).set_index(to.to_numpy())]).groupby(level=0)
    found = of.agg(rank=("rank", "min"), stays=("stays", "max"), first=("first", "min"))
    return found.assign(state=found["rank"].map(dict(enumerate(in_order))))
