"""Splits rows into learning and judging rows per fold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.study.errors import StudyError

FOLDS, SEED = 5, 42
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Rows:
    """Labels, groups and times by which folds are cut; one value per row.

    Attributes:
        labels: 0 or 1.
        groups: rows of one group stay together in a fold, unless times are given; None if every row is its own group.
        times: if given, judged rows are always later than the rows learned from.
    """

    labels: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None
    times: NDArray[np.datetime64] | None = None

    def take(self, rows: NDArray[np.intp]) -> "Rows":
        """Returns the rows at the given positions."""
        groups = None if self.groups is None else self.groups[rows]
        return Rows(self.labels[rows], groups, None if self.times is None else self.times[rows])


def folds(rows: Rows, count: int = FOLDS, seed: int = SEED) -> list[Fold]:
    """Returns the (learn, judge) row positions of each fold.

    Without times: stratified by label, shuffled, whole groups; every row is judged once. With times: the rows are cut
    at dates into up to count + 1 blocks of about equal size; each block but the first is judged by a model of all rows
    before it, earlier rows of the same customers included, as in production.

    Raises:
        StudyError: a fold would have fewer than two of a class on a side; too few different times or groups.
    """
    found = _shuffled(rows, count, seed) if rows.times is None else _by_time(rows.times, count)
    for learn, judge in found:
        for part in (learn, judge):
            churned = int(rows.labels[part].sum())
            if min(churned, len(part) - churned) < 2:
                raise StudyError(
                    "A fold holds only customers who left or only customers who stayed, but for one at most. "
                    + (
                        "Leave out --time, or bring a longer history: there must be both in every stretch of time."
                        if rows.times is not None
                        else "Choose smaller --groups: too few of them contain churners."
                    )
                )
    return found


def drawn(
    rows: NDArray[np.intp], groups: NDArray[np.int64] | None, most: int, seed: int = SEED
) -> NDArray[np.intp]:
    """Returns at most about `most` of the rows, in whole groups and in their order.

    Args:
        groups: group code per row of the file; `rows` are positions in it.
    """
    if len(rows) <= most:
        return rows
    random = np.random.default_rng(seed)
    if groups is None:
        return np.sort(random.choice(rows, most, replace=False))
    draw = random.random(int(groups.max()) + 1)
    return rows[draw[groups[rows]] < most / len(rows)]


def _shuffled(rows: Rows, count: int, seed: int) -> list[Fold]:
    if rows.groups is None:
        from sklearn.model_selection import StratifiedKFold

        splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(rows.labels)), rows.labels))
    if len(np.unique(rows.groups)) < 4 * count:
        raise StudyError(
            f"--groups makes {len(np.unique(rows.groups))} groups; {count} folds need {4 * count} or more."
        )
    fold = _fold_of_groups(rows.labels, rows.groups, count, seed)
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(count)]


def _fold_of_groups(
    labels: NDArray[np.float64], groups: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.intp]:
    """Returns the fold of each row: each group, largest first, joins the fold with the fewest rows of its labels.

    scikit-learn's StratifiedGroupKFold cuts as evenly, but takes a second for 5,000 groups.
    """
    names, of_row = np.unique(groups, return_inverse=True)
    held = np.column_stack([np.bincount(of_row, labels == label, len(names)) for label in (0, 1)])
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-held[order].sum(axis=1), kind="stable")]
    shares = held / np.maximum(held.sum(axis=0), 1)  # the rarer label counts as much as the other
    filled, fold = np.zeros((count, 2)), np.empty(len(names), dtype=np.intp)
    for group in order:
        fold[group] = (filled @ shares[group]).argmin()
        filled[fold[group]] += shares[group]
    return fold[of_row]


def _by_time(times: NDArray[np.datetime64], count: int) -> list[Fold]:
    ordered = np.sort(times)
    cuts = np.unique([ordered[len(ordered) * k // (count + 1)] for k in range(1, count + 1)])
    cuts = cuts[cuts > ordered[0]]
    if len(cuts) < 2:
        raise StudyError(
            f"--time has {len(np.unique(ordered)):,} different times, too few to judge later by earlier ones. Leave it "
            "out, or name the column that says when each row was observed."
        )
    ends = np.append(cuts[1:], ordered[-1] + np.timedelta64(1, "ns"))
    found = []
    for start, end in zip(cuts, ends, strict=True):
        judge = np.flatnonzero((times >= start) & (times < end))
        before = times < start
        found.append((np.flatnonzero(before), judge))
    return found


def group_codes(*keys: pd.Series | None) -> NDArray[np.int64] | None:
    """Returns one code per connected group: rows that share a value of any key are connected; None if no value repeats.

    Missing values connect no rows.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    present = [key for key in keys if key is not None and key.dropna().duplicated().any()]
    if not present:
        return None
    n = len(present[0])
    edges, offset = [], n
    for key in present:
        codes = pd.factorize(key)[0]
        known = np.flatnonzero(codes >= 0)
        edges.append((known, codes[known] + offset))
        offset += int(codes.max()) + 1
    row, column = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = coo_matrix((np.ones(len(row), dtype=np.int8), (row, column)), shape=(offset, offset))
    labels: NDArray[np.int64] = connected_components(graph, directed=False)[1][:n].astype(np.int64)
    return labels
