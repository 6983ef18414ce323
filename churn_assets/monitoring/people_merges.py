"""Merges in the balance of people, followed without the code of `history.merges`, against which it is held."""

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
    states: "pd.Series", heirs: Mapping[str, str | None], in_order: Sequence[str]
) -> "pd.Series":
    """The states after those of merged customers count for their survivors: of several the first in `in_order`."""
    import pandas as pd

    rank = states.map({state: place for place, state in enumerate(in_order)})
    to = pd.Series({who: heir for who, heir in heirs.items() if heir and who in rank.index}, dtype=object)
    handed_on = rank.reindex(to.index).groupby(to.to_numpy()).min()
    return pd.concat([rank, handed_on]).groupby(level=0).min().map(dict(enumerate(in_order)))
