"""monitoring/model_performance: realised quality of scores once their labels have matured, and an estimate before."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd

from churn_assets.counts import counted
from churn_assets.history.treated import Treated
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, evaluate
from churn_assets.monitoring.estimated_auc import estimated_auc

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
        # over everybody scored, also customers without a label: these figures are known on the day of the scores
        "expected_positives": float(scores["probability"].sum()),
        "auc_estimated": estimated_auc(scores["raw"], scores["probability"]),
    }


def _by_version(scores: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """(model version, its scores by key), so that sums are the same bits however the files lie."""
    return iter(scores.sort_values("customer_key").groupby("model_version", sort=True))


def not_yet(as_of_date: date, scores: pd.DataFrame, status: str) -> list[dict[str, Any]]:
    """Rows of a cohort that cannot be judged yet: the estimated AUC, and why (`immature` or `feed incomplete`).

    Counts that need the outcome are None, not 0. So is `treated`, because the outcome window may not have ended.

    Args:
        as_of_date: the cohort.
        status: why it cannot be judged.
        scores: customer_key, model_version, raw, probability of the cohort.
    """
    return [_row(as_of_date, str(name), status, len(part), part) for name, part in _by_version(scores)]


def cohort_performance(
    as_of_date: date,
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    treated: Treated,
    capacity: float,
    minimum_positives: int = MINIMUM_POSITIVES,
    in_charge: str | None = None,
) -> list[dict[str, Any]]:
    """One row per model version that scored the cohort, over all customers with a label.

    `excluded` counts customers without a label, who left inside the gap or not by choice. For a version that is not in
    charge it also counts customers who are not in the cohort any more because of later data: its scores are not made
    again. `expected_positives` is the sum of the probabilities of the labelled, to compare with `positives`. A
    treatment changes the predicted outcome, so a row has the AUC of all customers and that of untreated ones.

    Args:
        as_of_date: the cohort; its labels have matured.
        scores: customer_key, model_version, raw, probability.
        labels: customer_key, label (0, 1 or missing).
        treated: customers who were contacted after the as_of_date and before the outcome window ended. Those who may
            have been are not among the untreated.
        capacity: share of customers that a campaign reaches.
        minimum_positives: with fewer churners a row has a status instead of metrics.
        in_charge: version whose scores are made again with the snapshots; None for every version.

    Raises:
        ValueError: a customer scored by the version in charge has no row in `labels`.
    """
    rows = []
    for version, part in _by_version(scores):
        joined = part.merge(labels, on="customer_key", how="left", indicator=True)
        orphans = int((joined["_merge"] == "left_only").sum())
        if orphans and in_charge in (None, version):
            raise ValueError(
                f"{counted(orphans, 'scored customer is', 'scored customers are')} not in churn_labels: version "
                f"{version} as of {as_of_date}"
            )
        known = joined[joined["label"].notna()]
        is_treated = known["customer_key"].isin(treated.known)
        may_be = is_treated | known["customer_key"].isin(treated.perhaps)
        whole = _metrics(known, capacity, minimum_positives)
        untreated = _metrics(known[~may_be], capacity, minimum_positives)
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
