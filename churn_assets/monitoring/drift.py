"""monitoring/drift: compares a cohort with the training of its model: features, scores, size, churn rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.drift import drift

STABLE, MODERATE, SHIFT = "stable", "moderate", "shift"
FEATURE, SCORE, VOLUME, BASE_RATE = "feature", "score", "volume", "base rate"
# Smallest change that is `moderate`, and that is `shift`: of the stability index (the customary steps), and of size and
# churn rate as a share of the training's.
STEPS = {FEATURE: (0.1, 0.25), SCORE: (0.1, 0.25), VOLUME: (0.1, 0.25), BASE_RATE: (0.25, 0.5)}
# Expected share of false alarms among all alarms of a cohort (Benjamini and Hochberg 1995).
FALSE_DISCOVERY_RATE = 0.01
SCORES = ("raw", "probability")
ROWS_PER_BIN = 5


@dataclass(frozen=True)
class CohortCounts:
    """A cohort as a whole.

    Attributes:
        customers: in the cohort.
        usual: mean number of customers in the training cohorts; None when those cohorts are not in the lake any more.
        labelled, churned: customers with a label and churners among them; None before the labels have matured.
    """

    customers: int
    usual: float | None = None
    labelled: int | None = None
    churned: int | None = None


def cohort_drift(
    as_of_date: date,
    model_version: str,
    about: Mapping[str, Any],
    snapshots: pd.DataFrame,
    scores: pd.DataFrame,
    population: CohortCounts,
) -> list[dict[str, Any]]:
    """One row per feature and score, compared in the bins fixed at the training, and rows for size and churn rate.

    `status` is `moderate` or `shift` when the change reaches the STEPS and is more than chance; of 80 features some
    always move by chance. Without a change, index times n m / (n + m) is about chi-squared with one degree of freedom
    less than bins (Yurdakul 2018, Western Michigan University dissertations 3208; n and m are the rows now and at the
    training). That needs five rows per bin; with fewer the p-value is 1. The churn rate is compared by the z-test of
    two shares. The false discovery rate is controlled over all p-values together. Snapshots of one customer in several
    training cohorts are not independent, so the p-values are somewhat too small: the STEPS are the stronger guard. The
    size of a cohort has no p-value: the same customers are in successive months, which no test of counts allows for.

    Args:
        as_of_date: the cohort.
        model_version: the version that scored it.
        about: facts about the model, with `reference_features`, `reference_scores`, `rows`.
        snapshots: features of the cohort.
        scores: raw and probability of the cohort.
        population: counts of the cohort, for `value` of size and churn rate.
    """
    then = about["rows"]
    parts = (
        (FEATURE, about["reference_features"], snapshots, then["train"]["rows"]),
        (SCORE, about["reference_scores"], scores, then["calibration"]["rows"]),
    )
    rows: list[dict[str, Any]] = []
    for kind, reference, frame, m in parts:
        n = len(frame)
        for line in drift(reference, frame).to_dict("records"):
            p_value = _chance(line["psi"], n, m, reference[line["feature"]]["shares"])
            found = {str(name): value for name, value in line.items()}
            rows.append({"kind": kind, "n": n, **found, "p_value": p_value})
    rows += _as_a_whole(population, then["train"])
    tested = [row for row in rows if row["p_value"] is not None]
    real = discoveries(np.array([row["p_value"] for row in tested]), FALSE_DISCOVERY_RATE)
    for row in rows:
        row |= {"as_of_date": as_of_date, "model_version": model_version, "status": _status(row)}
    for row, more_than_chance in zip(tested, real, strict=True):
        if not more_than_chance:
            row["status"] = STABLE
    return rows


def _as_a_whole(population: CohortCounts, trained: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows for the number of customers and the share of churners; each is left out when unknown."""
    rows: list[dict[str, Any]] = []
    if population.usual:
        sizes = {"value": float(population.customers), "reference_value": population.usual}
        rows.append(
            {"kind": VOLUME, "feature": "customers", "n": population.customers, "p_value": None, **sizes}
        )
    if population.labelled and population.churned is not None:
        n, m = population.labelled, trained["rows"]
        now, before = population.churned / n, trained["positives"] / m
        rates = {"value": now, "reference_value": before}
        p_value = _same_share(population.churned, n, trained["positives"], m)
        rows.append({"kind": BASE_RATE, "feature": "churn rate", "n": n, "p_value": p_value, **rates})
    return rows


def _chance(psi: float, n: int, m: int, shares: Sequence[float]) -> float:
    """p-value: probability of an index at least this high without a change; 1 when there are too few rows."""
    from scipy.special import chdtrc

    filled = sum(share > 0 for share in shares)
    if n < ROWS_PER_BIN * filled:
        return 1.0
    return float(chdtrc(max(filled - 1, 1), psi * n * m / (n + m)))


def _same_share(hits: int, n: int, others: int, m: int) -> float:
    """Two-sided p-value for equal shares (z-test with the pooled variance)."""
    from scipy.special import ndtr

    pooled = (hits + others) / (n + m)
    error = (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
    return float(2 * ndtr(-abs(hits / n - others / m) / error)) if error else 1.0


def _status(row: Mapping[str, Any]) -> str:
    whole = row["kind"] in (VOLUME, BASE_RATE)
    size = abs(row["value"] / row["reference_value"] - 1) if whole else row["psi"]
    moderate, shift = STEPS[row["kind"]]
    return SHIFT if size >= shift else MODERATE if size >= moderate else STABLE


def discoveries(p_values: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Mask of significant p-values, with an expected share of false ones of at most `rate` (Benjamini and Hochberg)."""
    order = np.argsort(p_values)
    passing = np.flatnonzero(p_values[order] <= rate * np.arange(1, len(p_values) + 1) / len(p_values))
    believed = np.zeros(len(p_values), dtype=bool)
    if passing.size:
        believed[order[: passing[-1] + 1]] = True
    return believed


def headlines(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | int]:
    """The figures of one cohort and version that the UI plots; empty without rows."""
    if not rows:
        return {}
    features = [row for row in rows if row["kind"] == FEATURE]
    figures: dict[str, float | int] = {
        "features moved": sum(row["status"] != STABLE for row in features),
        "highest psi of a feature": max(row["psi"] for row in features),
        "highest js distance of a feature": max(row["js_distance"] for row in features),
        "highest missing rate above training": max(
            row["missing_rate"] - row["reference_missing_rate"] for row in features
        ),
    }
    for row in rows:
        if row["kind"] == SCORE:
            figures |= {
                f"psi of {row['feature']}": row["psi"],
                f"js distance of {row['feature']}": row["js_distance"],
            }
        elif row["kind"] in (VOLUME, BASE_RATE):
            figures[row["feature"]] = row["value"]
    return figures
