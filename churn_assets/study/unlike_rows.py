"""Finds rows without an outcome that lie where all judged rows did the same, or where there is no judged row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.study.leak_finding import LeakFinding

# A value is usual for a class if this share of the class lies at or beyond it on both sides (numbers), or has it.
TAIL = 0.005
# A column sets rows apart if it does so for at least this share of the rows without an outcome; else it is a tail.
APART_SHARE = 0.2


@dataclass(frozen=True)
class Unlike:
    """Rows without an outcome that the judged rows tell nothing about.

    Attributes:
        rows: mask of the rows of the file.
        findings: what sets them apart.
    """

    rows: NDArray[np.bool_]
    findings: tuple[LeakFinding, ...]


def unlike_rows(frame: pd.DataFrame, labels: NDArray[np.float64]) -> Unlike:
    """Returns the rows without an outcome to leave without a score: only one outcome occurs among rows like them.

    Left-out rows are often left out because of what they are (joined lately, still in trial). Where all customers like
    them left, a score near 1 repeats how the rows were chosen.

    Args:
        frame: features of every row.
        labels: 1, 0, or NaN without an outcome.
    """
    unknown = np.isnan(labels)
    apart, findings = np.zeros(len(labels), dtype=bool), []
    if unknown.any():
        for name in frame.columns:
            values = frame[name]
            usual = {label: _usual(values[labels == label], values) for label in (0.0, 1.0)}
            for label, did in ((0.0, "stayed"), (1.0, "left")):
                rows = unknown & usual[1.0 - label] & ~usual[label]
                if rows.sum() < APART_SHARE * unknown.sum():
                    continue
                apart |= rows
                words = (
                    f"{rows.sum():,} of {unknown.sum():,} rows without an outcome are not scored. Their {name} is "
                    f"{_span(values[rows])}, and nearly no judged customer with such a value {did}: a score would "
                    "only repeat which rows were left out."
                )
                findings.append(LeakFinding(None, "warning", words, first=True))
    return Unlike(apart, tuple(findings))


def _usual(of_class: pd.Series, values: pd.Series) -> NDArray[np.bool_]:
    """Returns a mask of the values that are usual in the class; a missing value is."""
    missing = values.isna().to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        share = of_class.value_counts(normalize=True)
        usual: NDArray[np.bool_] = missing | values.isin(share.index[share >= TAIL]).to_numpy()
        return usual
    known = of_class.dropna().to_numpy(np.float64)
    if not len(known):
        return missing
    low, high = np.quantile(known, [TAIL, 1 - TAIL])
    numbers = values.to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = missing | ((numbers >= low) & (numbers <= high))
    return inside


def _span(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return " or ".join(str(value) for value in values.value_counts().loc[lambda n: n > 0].index[:4])
    low, high = float(values.min()), float(values.max())
    return f"{low:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}"
