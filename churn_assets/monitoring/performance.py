"""monitoring/model_performance: what scores were worth once their labels had matured, and an estimate before that."""

from datetime import date
from typing import Any

import pandas as pd

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, evaluate
from churn_assets.monitoring.estimation import estimated_auc

IMMATURE, INCOMPLETE = "immature", "feed incomplete"
METRICS = (
    "auc",
    "auc_low",
    "auc_high",
    "pr_auc",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "precision",
    "recall",
    "lift_top_decile",
)
UNTREATED = ("auc", "auc_low", "auc_high")
COUNTS = ("n", "positives", "excluded", "treated", "untreated_positives")
EXPECTED = ("expected_positives", "auc_estimated")
NUMBERS = ("base_rate", *METRICS, *(f"untreated_{name}" for name in UNTREATED), *EXPECTED)


def _row(as_of_date: date, model_version: str, status: str, n: int, scores: pd.DataFrame) -> dict[str, Any]:
    return {
        "as_of_date": as_of_date,
        "model_version": model_version,
        "status": status,
        **dict.fromkeys((*COUNTS, *NUMBERS)),
        "n": n,
        # of everybody scored, also those who turn out to have no label: what could be said on the day of the scores
        "expected_positives": float(scores["probability"].sum()),
        "auc_estimated": estimated_auc(scores["raw"], scores["probability"]),
    }


def not_yet(as_of_date: date, scores: pd.DataFrame, status: str) -> list[dict[str, Any]]:
    """Rows of a cohort that cannot be judged yet: the estimated AUC, and why no more (`immature`, `feed incomplete`).

    Counts that need the outcome are None, not 0; so is `treated`, while the outcome window may still run.

    Args:
        scores: customer_key, model_version, raw, probability of the cohort.
    """
    return [
        _row(as_of_date, str(name), status, len(part), part)
        for name, part in scores.groupby("model_version", sort=True)
    ]


def cohort_performance(
    as_of_date: date,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    treated: "set[str]",
    capacity: float,
    minimum_positives: int = MINIMUM_POSITIVES,
    in_charge: str | None = None,
) -> list[dict[str, Any]]:
    """One row per model version that scored the cohort, over everybody with a label.

    Customers without a label (they left inside the gap, or not by choice) are counted in `excluded`; so are, of a
    version that is not in charge, those whom later data took out of the cohort: its scores are not made again. The sum
    of the probabilities of the others, `expected_positives`, stands beside `positives`. A treatment changes the outcome
    that the score foretold, so the AUC of untreated customers stands beside that of all.

    Args:
        as_of_date: the cohort; its labels have matured.
        scores: customer_key, model_version, raw, probability.
        labels: customer_key, label (0, 1 or missing).
        treated: keys of customers who were contacted after the as_of_date and before the outcome window ended.
        capacity: share of customers that a campaign reaches.
        minimum_positives: fewer churners give a status instead of numbers.
        in_charge: version whose scores are made again with the snapshots; None: any.

    Raises:
        ValueError: a customer scored by the version in charge has no row in `labels`.
    """
    rows = []
    for version, part in scores.groupby("model_version", sort=True):
        joined = part.merge(labels, on="customer_key", how="left", indicator=True)
        orphans = int((joined["_merge"] == "left_only").sum())
        if orphans and in_charge in (None, version):
            raise ValueError(
                f"{orphans:,} customers scored by version {version} as of {as_of_date} have no row in churn_labels"
            )
        known = joined[joined["label"].notna()]
        is_treated = known["customer_key"].isin(treated)
        whole = _metrics(known, capacity, minimum_positives)
        untreated = _metrics(known[~is_treated], capacity, minimum_positives)
        row = _row(as_of_date, str(version), whole.status, whole.n, part)
        row |= {
            "positives": whole.positives,
            "base_rate": whole.base_rate,
            "excluded": len(joined) - len(known),
            "treated": int(is_treated.sum()),
            "expected_positives": float(known["probability"].sum()),
            "untreated_positives": untreated.positives,
        }
        row |= {name: getattr(whole, name) for name in METRICS}
        row |= {f"untreated_{name}": getattr(untreated, name) for name in UNTREATED}
        rows.append(row)
    return rows


def _metrics(known: pd.DataFrame, capacity: float, minimum_positives: int) -> Any:
    return evaluate(
        known["label"],
        known["raw"],
        known["probability"],
        known["customer_key"],
        capacity,
        minimum_positives,
    )
