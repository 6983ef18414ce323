"""Finds columns that contain the outcome and rows that depend on each other; every finding states a remedy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.training import SUSPICIOUS_AUC
from churn_assets.counts import counted, form
from churn_assets.inference.names_in_words import in_words
from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.training.leak_guards import DUPLICATE_SHARE, auc_alone, tells_shuffled_labels
from churn_assets.study.columns import FileColumn

# A column is one-sided if its blank (or its filled) rows are almost all churners, or almost all stayers. Chance alone
# would give PURE_ROWS of each; churners are at least PURE_SHARE of them, or at most 1 - PURE_SHARE of the usual share.
PURE_ROWS, PURE_SHARE = 20, 0.98
# A column is a product of two others if its correlation with their product is at least this.
PRODUCT_CORRELATION = 0.985
NAMESAKE_AUC = 0.55
# With more values than this, a column named like an id identifies customers, not shops or plans.
ID_VALUES = 50
ORDER_AUC = 0.55
# With fewer combinations of values per row than this, equal rows are coincidence (three columns of three values each).
KINDS_PER_ROW = 100
# In files with more numbers, no products are searched for: the triples would take longer than the study.
PRODUCT_COLUMNS = 60
_OUTCOME = re.compile(r"\b(churn\w*|attrition|attrited|exited|cancel\w*|terminat\w*|deactivat\w*)\b")
_AFTERWARDS = re.compile(
    r"\b(reason|category|score|value|date|flag|status|type|month|label|probability|prediction|classifier)\b"
)
# A target name of these words alone (or of words of up to three letters) is too generic to search for in other names.
_GENERIC = re.compile(
    r"status|type|flag|label|target|value|class|outcome|output|result|response|category|score|state|left|.{1,3}"
)
_CUSTOMER = "customer|client|account|contract|policy|subscriber|member|user|card|phone|household"
_CUSTOMER_ID = re.compile(
    rf"\b(id|uuid|guid|msisdn)$|^(phone|mobile|e ?mail)$|\b({_CUSTOMER})(id| key| nr| no| number)$"
)


@dataclass(frozen=True)
class LeakFinding:
    """One sign of a leak.

    Attributes:
        column: the column; None for the file as a whole.
        kind: a "leak" is left out unless kept by name; a "warning" is only reported.
        words: the observation and the remedy.
    """

    column: str | None
    kind: Literal["leak", "warning"]
    words: str


def repeated_ids(columns: Sequence[FileColumn], named: bool) -> list[LeakFinding]:
    """Returns a finding per column that looks like a customer id and repeats.

    A model that learns from it memorises customers. Even if it is not a feature, rows of one customer in different
    folds resemble each other and make the figures too good, unless `named`.

    Args:
        columns: those to which the user gave no role.
        named: whether ids or groups named by the user keep rows together.
    """
    found = []
    for column in columns:
        whole = column.kind != "number" or column.values is None or not (column.values % 1).any()
        if column.kind not in ("number", "category", "codes") or column.distinct <= ID_VALUES:
            continue
        if not (whole and _CUSTOMER_ID.search(in_words(column.name).lower())):
            continue
        learned = column.values is not None
        if learned or not named:
            remembers = "a model that learns from it remembers whom it names, and " if learned else ""
            words = (
                f"{column.name} looks like an id that repeats ({column.distinct:,} values): {remembers}if these are "
                "customers, rows of one in different folds make the figures too good. Name it by --id, or by --groups "
                "where --id names something else."
            )
            found.append(LeakFinding(column.name, "leak" if learned else "warning", words))
    return found


def column_findings(
    columns: Sequence[FileColumn], labels: NDArray[np.float64], target: str
) -> list[LeakFinding]:
    """Returns at most one finding per learnable column, and a warning if no products were searched for.

    The first that applies: too good alone, one-sided blanks, named after the outcome, product of two other columns.

    Args:
        columns: with values of the labelled rows only.
        labels: 0 or 1 per row.
        target: name of the target column.
    """
    found = []
    for column in columns:
        if column.values is None:
            continue
        alone = auc_alone(column.values, labels)
        words = (
            _too_good(column, alone)
            or _one_sided(column.name, column.values, labels)
            or _namesake(column, alone, target)
        )
        if words:
            found.append(LeakFinding(column.name, "leak", words))
    leaks = {finding.column for finding in found}
    honest = [column for column in columns if column.name not in leaks]
    return found + _products(honest)


def _too_good(column: FileColumn, alone: float) -> str:
    if alone <= SUSPICIOUS_AUC:
        return ""
    return (
        f"{column.name} alone tells churners apart with a ROC-AUC of {alone:.3f}. Nothing known beforehand "
        "is that good: "
        "as a rule it is written when, or after, the customer leaves."
    )


def _one_sided(name: str, values: pd.Series, labels: NDArray[np.float64]) -> str:
    filled = values.notna().to_numpy()
    rate = labels.mean()
    for side, said in ((filled, "filled"), (~filled, "blank")):
        rows = int(side.sum())
        if not 0 < rows < len(labels) or min(rows * rate, rows * (1 - rate)) < PURE_ROWS:
            continue
        share = labels[side].mean()
        if share >= PURE_SHARE or share <= (1 - PURE_SHARE) * rate:
            who = "left" if share >= PURE_SHARE else "stayed"
            return (
                f"{name} is {said} in {counted(rows, 'row')}, and {max(share, 1 - share):.1%} of those customers "
                f"{who}. It is written because of the outcome."
            )
    return ""


def _namesake(column: FileColumn, alone: float, target: str) -> str:
    words = in_words(column.name).lower().split()
    named_after = _names_outcome(in_words(target).lower().split(), words) or _OUTCOME.search(" ".join(words))
    if not (named_after and _AFTERWARDS.search(" ".join(words))) or alone < NAMESAKE_AUC:
        return ""
    return (
        f"{column.name} is by its name a description of the outcome, and tells churners apart with a ROC-AUC of "
        f"{alone:.3f}."
    )


def _names_outcome(target: list[str], words: list[str]) -> bool:
    """Returns True if the column's words contain the target's in sequence and those are not all generic."""
    if all(_GENERIC.fullmatch(word) for word in target):
        return False
    return any(words[at : at + len(target)] == target for at in range(len(words)))


def _products(columns: Sequence[FileColumn]) -> list[LeakFinding]:
    """Returns a finding per total that follows the product of two other numbers, such as months times price."""
    numbers = {
        column.name: column.values.to_numpy(np.float64)
        for column in columns
        if column.kind == "number" and column.values is not None and column.distinct > 20
    }
    if len(numbers) < 3:
        return []
    if len(numbers) > PRODUCT_COLUMNS:
        words = (
            f"Totals that are the product of two others were not looked for: the file has {len(numbers)} numbers, and "
            f"they are looked for among at most {PRODUCT_COLUMNS}."
        )
        return [LeakFinding(None, "warning", words)]
    sample = np.random.default_rng(0).permutation(len(next(iter(numbers.values()))))[:20_000]
    drawn = {name: values[sample] for name, values in numbers.items()}
    names, found = list(drawn), []
    for total in names:
        best, pair = 0.0, ("", "")
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                if total in (a, b):
                    continue
                follows = _follows(drawn[total], drawn[a], drawn[b])
                if follows > best:
                    best, pair = follows, (a, b)
        if best >= PRODUCT_CORRELATION:
            found.append((best, total, pair))
    # `_follows` compares sizes, so a factor is not found as a product of the total and the other factor.
    return [
        LeakFinding(
            total,
            "leak",
            f"{total} is nearly {a} x {b} (correlation {best:.3f}): it adds no information, and such a total stops "
            "growing when the customer leaves, so it can reveal the outcome.",
        )
        for best, total, (a, b) in found
    ]


def _follows(total: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Returns the correlation of `total` with `a` x `b`; 0 unless their sums are similar and both factors matter."""
    known = ~(np.isnan(total) | np.isnan(a) | np.isnan(b))
    if known.sum() < 100:
        return 0.0
    t, x, y = total[known], a[known], b[known]
    product = x * y
    if min(np.ptp(t), np.ptp(product)) <= 0 or (product < 0).any() or (t < 0).any():
        return 0.0
    ratio = t.sum() / product.sum()
    together = float(np.corrcoef(t, product)[0, 1])
    single = max(abs(float(np.corrcoef(t, side)[0, 1])) for side in (x, y) if np.ptp(side) > 0)
    return together if 0.8 < ratio < 1.25 and together > single + 0.02 else 0.0


def file_findings(
    frame: pd.DataFrame,
    labels: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    in_time: bool,
    named: bool = False,
) -> list[LeakFinding]:
    """Returns findings about the rows: sorted by outcome, repeated rows, several rows per customer.

    Args:
        groups: see `folds.Rows`.
        in_time: whether folds are cut by time; the order of the rows is then not checked.
        named: whether the user named an id or groups.
    """
    found = []
    order = auc_interval(labels, np.arange(len(labels), dtype=np.float64))[0]
    if not in_time and max(order, 1 - order) > ORDER_AUC:
        found.append(
            LeakFinding(
                None,
                "warning",
                f"The order of the rows knows the outcome (ROC-AUC {max(order, 1 - order):.3f}): the file is sorted by "
                "something that comes with it. The folds are shuffled; look whether a column (an id, a "
                "date) follows it.",
            )
        )
    if _many_kinds(frame):
        customer = np.arange(len(frame)) if groups is None else groups
        alike = pd.DataFrame(
            {"features": pd.util.hash_pandas_object(frame, index=False), "customer": customer}
        )
        again = int(alike.drop_duplicates()["features"].duplicated().sum())
        if again > DUPLICATE_SHARE * len(frame):
            rest = (
                "Should they be the same ones although --id or --groups tells them apart, the figures "
                "are too good."
                if named
                else "If they are the same customers, some stand in different folds and make the figures too good: "
                "name the column that tells customers apart by --id or --groups."
            )
            other = "a row of another customer" if named else "another row"
            have = form(again, "has", "have")
            words = f"{counted(again, 'row')} ({again / len(frame):.1%}) {have} the same features as {other}. {rest}"
            found.append(LeakFinding(None, "warning", words))
    if groups is not None:
        rest = (
            "Rows are judged by what was learned from earlier ones, the same customers' included, as in use. Where the "
            "outcome of an early row was still open when a later one was observed, the figures are too good: observe a "
            "customer again only after the outcome window."
            if in_time
            else "All rows of one are kept in the same fold. Where they are several moments of one customer, name the "
            "moment by --time."
        )
        words = f"{len(groups):,} rows belong to {len(np.unique(groups)):,} customers or groups. {rest}"
        found.append(LeakFinding(None, "warning", words))
    return found


def _many_kinds(frame: pd.DataFrame) -> bool:
    """Returns True if the columns have so many combinations of values that equal rows are no coincidence."""
    kinds = 1
    for name in frame.columns:
        kinds *= max(1, frame[name].nunique(dropna=False))
        if kinds > KINDS_PER_ROW * len(frame):
            return True
    return False


def figure_findings(auc: float, shuffled_low: float, shuffled_high: float) -> list[LeakFinding]:
    """Returns findings about the ROC-AUC: too good, or away from 0.5 on shuffled labels.

    Args:
        auc: of the chosen model, out of fold.
        shuffled_low, shuffled_high: interval of the ROC-AUC on shuffled labels.
    """
    found = []
    if auc > SUSPICIOUS_AUC:
        found.append(
            LeakFinding(
                None,
                "warning",
                f"A ROC-AUC of {auc:.3f} is too good for churn. Look at the strongest drivers: was each of "
                "them known on "
                "the day of the prediction? Leave out what was not.",
            )
        )
    if tells_shuffled_labels(shuffled_low, shuffled_high):
        found.append(
            LeakFinding(
                None,
                "warning",
                f"On shuffled labels the ROC-AUC is {shuffled_low:.3f} to {shuffled_high:.3f} and not 0.5: rows in "
                "different folds know each other. Name what ties them together by --groups.",
            )
        )
    return found
