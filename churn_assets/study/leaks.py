"""Finds columns that contain the outcome and rows that depend on each other; every finding states a remedy."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.training import SUSPICIOUS_AUC
from churn_assets.counts import counted, form
from churn_assets.inference.names_in_words import in_words
from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.training.leak_guards import DUPLICATE_SHARE, auc_alone, tells_shuffled_labels
from churn_assets.study.columns import FileColumn
from churn_assets.study.joint_leaks import joint_findings
from churn_assets.study.leak_finding import LeakFinding

# A column is one-sided if its blank (or its filled) rows are almost all churners, or almost all stayers. Chance alone
# would give PURE_ROWS of each; churners are at least PURE_SHARE of them, or at most 1 - PURE_SHARE of the usual share.
PURE_ROWS, PURE_SHARE = 20, 0.98
NAMESAKE_AUC = 0.55
# With more values than this, a column named like an id identifies customers, not shops or plans.
ID_VALUES = 50
ORDER_AUC = 0.55
# With fewer combinations of values per row than this, equal rows are coincidence (three columns of three values each).
KINDS_PER_ROW = 100
TWINS = 10
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
    """Returns at most one finding per learnable column, and a warning if columns were not tested together.

    The first that applies: too good alone, one-sided blanks, named after the outcome, a leak together with others.

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
    return found + joint_findings(honest, labels)


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
        alike = pd.DataFrame({"features": _hashed(frame), "customer": customer})
        again = int(alike.drop_duplicates()["features"].duplicated().sum())
        if again > DUPLICATE_SHARE * len(frame):
            rest = (
                "They are judged by time and may know each other."
                if in_time
                else "Such rows are kept in the same fold, so that none is judged by what another one told."
            )
            if not named:
                rest += " If they are the same customers, name the column that tells customers apart by --id."
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


def twins(frame: pd.DataFrame) -> NDArray[np.int64] | None:
    """Returns a code per row, equal for rows with the same features; None if there are few such rows, or by chance.

    More than TWINS rows with the same features are customers of one kind and no copies: each keeps its own code.
    """
    if not _many_kinds(frame):
        return None
    codes = pd.factorize(_hashed(frame))[0].astype(np.int64)
    sizes = np.bincount(codes)[codes]
    alone = (sizes == 1) | (sizes > TWINS)
    codes[alone] = len(codes) + np.flatnonzero(alone)
    again = len(codes) - len(np.unique(codes))
    return codes if again > DUPLICATE_SHARE * len(codes) else None


def _hashed(frame: pd.DataFrame) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


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
