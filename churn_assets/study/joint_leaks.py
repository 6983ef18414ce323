"""Finds leaks that several columns make together: totals, pairs of columns, and flags of one outcome."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.training import SUSPICIOUS_AUC
from churn_assets.inference.names_in_words import in_words
from churn_assets.ml.training.leak_guards import auc_alone
from churn_assets.study.columns import FileColumn
from churn_assets.study.leak_finding import LeakFinding

# A total follows the product of two columns if its correlation with the product is at least this, without the rows
# (at most this share) that follow it least: a few wrong values hide no total.
PRODUCT_CORRELATION, WRONG_SHARE = 0.985, 0.02
# Of both factors, one counts something that grows with time: whole, and rarely above this (months of a century).
LARGEST_COUNT = 1200
# In files with more numbers and dates, no products and no pairs are tested: it would take longer than the study.
TESTED_COLUMNS = 60
TESTED_ROWS, PAIR_ROWS = 20_000, 8_000


def joint_findings(columns: Sequence[FileColumn], labels: NDArray[np.float64]) -> list[LeakFinding]:
    """Returns a finding per column that reveals the outcome together with others.

    Args:
        columns: with values of the labelled rows only, without columns that are leaks alone.
        labels: 0 or 1 per row.
    """
    found = _flags(columns, labels)
    newest = max((c.values.max() for c in columns if c.kind == "date" and c.values is not None), default=None)
    numbers = {column.name: _as_number(column, newest) for column in columns if _has_amounts(column)}
    dates = {column.name for column in columns if column.kind == "date"}
    if len(numbers) > TESTED_COLUMNS:
        words = (
            f"Totals and pairs of columns were not looked for: the file has {len(numbers)} columns of numbers and "
            f"dates, and they are looked for among at most {TESTED_COLUMNS}."
        )
        return [*found, LeakFinding(None, "warning", words)]
    if len(numbers) < 2:
        return found
    rows = np.random.default_rng(0).permutation(len(labels))
    drawn = {name: values[rows[:TESTED_ROWS]] for name, values in numbers.items()}
    found += _totals(drawn, dates)
    totals = {finding.column for finding in found}
    at = rows[:PAIR_ROWS]
    drawn = {name: values[at] for name, values in numbers.items() if name not in totals}
    return found + list(_pairs(drawn, dates, labels[at]))


def _has_amounts(column: FileColumn) -> bool:
    return column.kind in ("number", "date") and column.values is not None and column.distinct > 20


def _as_number(column: FileColumn, newest: Any) -> NDArray[np.float64]:
    """Returns numbers, or dates as days before the newest date of all columns."""
    values = column.values
    assert values is not None  # noqa: S101  see _has_amounts
    if column.kind == "date":
        values = (newest - values).dt.total_seconds() / 86_400
    return values.to_numpy(np.float64)


def _named(name: str, dates: set[str]) -> str:
    return f"the days since {name}" if name in dates else name


def _totals(drawn: dict[str, NDArray[np.float64]], dates: set[str]) -> list[LeakFinding]:
    """Returns a finding per total that follows a product of time and rate, such as months x price."""
    found = []
    for total in [name for name in drawn if name not in dates]:
        best, pair = 0.0, ("", "")
        for a, b in combinations([name for name in drawn if name != total], 2):
            if a in dates and b in dates:
                continue
            free = a in dates or b in dates  # days against months: the unit differs
            follows = _follows(drawn[total], drawn[a], drawn[b], free)
            if follows > best:
                best, pair = follows, (a, b)
        if best >= PRODUCT_CORRELATION and _grows(drawn, dates, *pair):
            a, b = (_named(name, dates) for name in pair)
            words = (
                f"{total} is nearly {a} x {b} (correlation {best:.3f}): it adds no information, and such a total stops "
                "growing when the customer leaves, so it can reveal the outcome."
            )
            found.append(LeakFinding(total, "leak", words))
    return found


def _follows(total: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], free: bool) -> float:
    """Returns the correlation of `total` with `a` x `b`; 0 unless both factors matter and the sums are similar.

    Args:
        free: whether the sums may differ by a factor, because the units do.
    """
    with np.errstate(invalid="ignore"):
        known = (total >= 0) & (a >= 0) & (b >= 0)
    present = ~(np.isnan(total) | np.isnan(a) | np.isnan(b))
    if known.sum() < 100 or known.sum() < (1 - WRONG_SHARE) * present.sum():
        return 0.0
    t, x, y = total[known], a[known], b[known]
    product = x * y
    if not product.any() or not t.any():
        return 0.0
    scale = np.median(t[product > 0] / product[product > 0]) if free else 1.0
    rest = np.abs(t - scale * product) / (t + scale * product + 1e-12)
    kept = rest <= np.quantile(rest, 1 - WRONG_SHARE)
    t, x, y, product = (values[kept] for values in (t, x, y, product))
    if min(np.ptp(t), np.ptp(product)) <= 0:
        return 0.0
    ratio = t.sum() / product.sum()
    together = _correlation(t, product)
    single = max(abs(_correlation(t, side)) for side in (x, y))
    return together if (free or 0.8 < ratio < 1.25) and together > single + 0.02 else 0.0


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _grows(drawn: dict[str, NDArray[np.float64]], dates: set[str], a: str, b: str) -> bool:
    """Returns whether a factor counts what grows with time (a date, months, orders) and the other is no share."""
    for grows, rate in ((a, b), (b, a)):
        if grows in dates:
            return True
        count, other = (values[~np.isnan(values)] for values in (drawn[grows], drawn[rate]))
        whole = (count == np.round(count)).mean() > 0.98
        if whole and 1 < np.quantile(count, 0.98) <= LARGEST_COUNT and np.quantile(other, 0.98) > 1.5:
            return True
    return False


def _pairs(
    drawn: dict[str, NDArray[np.float64]], dates: set[str], labels: NDArray[np.float64]
) -> Iterator[LeakFinding]:
    """Yields a finding per pair whose difference or ratio tells churners apart as nothing known beforehand does."""
    if min(labels.sum(), (1 - labels).sum()) < 2:
        return
    out: set[str] = set()
    for a, b in combinations(drawn, 2):
        if {a, b} & out or (a in dates) != (b in dates):
            continue
        best, words = 0.0, ""
        for values, said in _together(drawn[a], drawn[b], a, b, a in dates):
            auc = auc_alone(pd.Series(values), labels)
            if auc > best:
                best, words = auc, said
        if best <= SUSPICIOUS_AUC:
            continue
        written, other = _written_later(drawn, dates, a, b)
        out.add(written)
        yield LeakFinding(
            written,
            "leak",
            f"{words} tells churners apart with a ROC-AUC of {best:.3f}, though neither column does alone. One of them "
            f"is written when, or after, the customer leaves, as a rule the one that is left out. If it is {other}, "
            f"say --drop {other} --keep {written}.",
        )


def _together(
    x: NDArray[np.float64], y: NDArray[np.float64], a: str, b: str, days: bool
) -> Iterator[tuple[NDArray[np.float64], str]]:
    yield x - y, f"The time between {a} and {b}" if days else f"The difference of {a} and {b}"
    if not days:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = x / y
        yield np.where(np.isfinite(ratio), ratio, np.nan), f"The ratio of {a} and {b}"


def _written_later(drawn: dict[str, NDArray[np.float64]], dates: set[str], a: str, b: str) -> tuple[str, str]:
    """Returns the column that is written later, and the other: the later date, else the number that varies more."""
    if a in dates:
        earlier = np.nanmean(drawn[a]) > np.nanmean(drawn[b])  # days before the newest date
        return (b, a) if earlier else (a, b)
    spread = {
        name: float(np.nanstd(drawn[name])) / max(abs(float(np.nanmean(drawn[name]))), 1e-12)
        for name in (a, b)
    }
    return (b, a) if spread[b] >= spread[a] else (a, b)


def _flags(columns: Sequence[FileColumn], labels: NDArray[np.float64]) -> list[LeakFinding]:
    """Returns a finding per flag (0 or 1) of a family that is one category, cut in columns, and tells the outcome."""
    families: dict[str, list[FileColumn]] = {}
    for column in columns:
        if column.kind == "number" and column.values is not None and column.distinct <= 2:
            parts = in_words(column.name).lower().split()
            if len(parts) > 1:
                families.setdefault(parts[0], []).append(column)
    found = []
    for members in (members for members in families.values() if len(members) > 1):
        set_ = np.column_stack(
            [np.nan_to_num(m.values.to_numpy(np.float64)) > 0 for m in members if m.values is not None]
        )
        if (set_.sum(axis=1) > 1).any():
            continue
        code = np.where(set_.any(axis=1), set_.argmax(axis=1) + 1.0, 0.0)
        alone = auc_alone(pd.Series(pd.Categorical(code)), labels)
        if alone > SUSPICIOUS_AUC:
            names = ", ".join(member.name for member in members)
            words = (
                f"{names} are one category in several columns. Together they tell churners apart with a ROC-AUC of "
                f"{alone:.3f}. Nothing known beforehand is that good: as a rule they are written when, or after, the "
                "customer leaves."
            )
            found += [LeakFinding(member.name, "leak", words) for member in members]
    return found
