"""monitoring/drift: how far a cohort's features and scores lie from what the model was trained on."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.models.reference import drift

if TYPE_CHECKING:
    import pyarrow as pa

STABLE, MODERATE, SHIFT = "stable", "moderate", "shift"
MODERATE_FROM, SHIFT_FROM = 0.1, 0.25
# Expected share of false alarms among all alarms of a cohort (Benjamini and Hochberg 1995).
FALSE_DISCOVERY_RATE = 0.01
SCORES = ("raw", "probability")
ROWS_PER_BIN = 5


def as_table(rows: "list[dict[str, Any]]") -> "pa.Table":
    """Rows as monitoring/drift holds them; also of no rows."""
    import pyarrow as pa

    texts = ("model_version", "kind", "feature", "status")
    numbers = ("psi", "p_value", "missing_rate", "reference_missing_rate")
    fields = [("as_of_date", pa.date32()), *((name, pa.string()) for name in texts), ("n", pa.int64())]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([*fields, *((name, pa.float64()) for name in numbers)])
    )


def cohort_drift(
    as_of_date: date,
    model_version: str,
    about: Mapping[str, Any],
    snapshots: pd.DataFrame,
    scores: pd.DataFrame,
) -> list[dict[str, Any]]:
    """One row per feature and score of a cohort, against the bins that were fixed at the training.

    `status` is `moderate` from a population stability index of 0.1 and `shift` from 0.25, by custom; but only where the
    index is more than chance, since of 80 features some always move. Under no change, index times n m / (n + m) is
    about chi-squared with one degree of freedom less than bins (Yurdakul 2018, Western Michigan University
    dissertations 3208; n, m rows now and then), where there are five rows to a bin; fewer say nothing. The
    p-values are controlled together. Snapshots of one customer in several training cohorts are not independent, so
    the p-values are somewhat too small: the thresholds are the stronger guard.

    Args:
        about: of the model, with `reference_features`, `reference_scores` and `rows`.
        snapshots: features of the cohort.
        scores: raw and probability of the cohort.
    """
    then = about["rows"]
    parts = (
        ("feature", about["reference_features"], snapshots, then["train"]["rows"]),
        ("score", about["reference_scores"], scores, then["calibration"]["rows"]),
    )
    rows: list[dict[str, Any]] = []
    for kind, reference, frame, m in parts:
        found = drift(reference, frame)
        n = len(frame)
        for line in found.to_dict("records"):
            shares = reference[line["feature"]]["shares"]
            rows.append(
                {
                    "as_of_date": as_of_date,
                    "model_version": model_version,
                    "kind": kind,
                    "n": n,
                    **{str(name): value for name, value in line.items()},
                    "p_value": _chance(line["psi"], n, m, shares),
                }
            )
    real = discoveries(np.array([row["p_value"] for row in rows]), FALSE_DISCOVERY_RATE)
    for row, more_than_chance in zip(rows, real, strict=True):
        row["status"] = _status(row["psi"]) if more_than_chance else STABLE
    return rows


def _chance(psi: float, n: int, m: int, shares: Sequence[float]) -> float:
    """Probability of such an index without any change; 1 where there are too few rows to tell."""
    from scipy.stats import chi2

    filled = sum(share > 0 for share in shares)
    if n < ROWS_PER_BIN * filled:
        return 1.0
    return float(chi2.sf(psi * n * m / (n + m), max(filled - 1, 1)))


def _status(psi: float) -> str:
    return SHIFT if psi >= SHIFT_FROM else MODERATE if psi >= MODERATE_FROM else STABLE


def discoveries(p_values: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Which of many p-values to believe so that at most `rate` of the believed are false (Benjamini and Hochberg)."""
    order = np.argsort(p_values)
    passing = np.flatnonzero(p_values[order] <= rate * np.arange(1, len(p_values) + 1) / len(p_values))
    believed = np.zeros(len(p_values), dtype=bool)
    if passing.size:
        believed[order[: passing[-1] + 1]] = True
    return believed
