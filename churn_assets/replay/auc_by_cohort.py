"""The AUC of each matured cohort of a replay: model in charge, first model and true hazard, on the same customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import OK, evaluate
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided
from churn_assets.replay.world import hazard_file
from churn_assets.settings import Settings


@dataclass(frozen=True)
class ReplayedCohort:
    """A matured cohort with three AUCs. An AUC is None if the cohort cannot be judged.

    Attributes:
        as_of_date: of the scores.
        label_available_at: the first day on which it could be judged.
        positives: number of churners.
        in_charge: version of the champion on as_of_date.
        auc, auc_low, auc_high: realised AUC of the champion, with its 95 % interval.
        auc_of_first: AUC of the first model, as if it had never been replaced.
        auc_of_hazard: AUC of the true probability, which no model can beat.
    """

    as_of_date: date
    label_available_at: date
    positives: int
    in_charge: str
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    auc_of_first: float | None
    auc_of_hazard: float | None


def matured_cohorts(settings: Settings, business: Business) -> list[ReplayedCohort]:
    """Every judged cohort since the first champion, by as_of_date; empty without a champion or performance."""
    lakehouse, tracking = Lakehouse(settings), tracking_of(settings, business)
    line = decided(lakehouse)
    if not line or not lakehouse.exists(tables.MODEL_PERFORMANCE):
        return []
    first = tracking.load_version(line[0].model_version)
    keys = lakehouse.arrow(tables.CUSTOMER_KEYS).to_pandas()
    truth = pd.read_parquet(hazard_file(settings))
    truth["as_of_date"] = pd.to_datetime(truth["as_of_date"]).dt.date
    truth = truth.merge(keys, on="customer_id")[["customer_key", "as_of_date", "churn_probability"]]
    found = []
    for row in lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date").to_pylist():
        day, champion = row["as_of_date"], champion_at(line, row["as_of_date"])
        if row["positives"] is None or champion is None or row["model_version"] != champion.model_version:
            continue
        frame = _labelled(lakehouse, day).merge(truth[truth["as_of_date"] == day], on="customer_key")
        found.append(
            ReplayedCohort(
                as_of_date=day,
                label_available_at=frame["label_available_at"].max(),
                positives=row["positives"],
                in_charge=champion.model_version,
                auc=row["auc"],
                auc_low=row["auc_low"],
                auc_high=row["auc_high"],
                auc_of_first=_auc(frame, first.score(frame)["raw"]),
                auc_of_hazard=_auc(frame, frame["churn_probability"]),
            )
        )
    return found


def _labelled(lakehouse: Lakehouse, day: date) -> pd.DataFrame:
    """Snapshots of a cohort with settled labels, one row per customer."""
    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    columns = ["customer_key", "label", "label_available_at"]
    labels: pd.DataFrame = lakehouse.arrow(tables.CHURN_LABELS, columns, chosen).to_pandas().dropna()
    snapshots: pd.DataFrame = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, None, chosen).to_pandas()
    return labels.merge(snapshots.drop(columns="as_of_date"), on="customer_key")


def _auc(frame: pd.DataFrame, score: pd.Series) -> float | None:
    metrics = evaluate(frame["label"], score, frame["churn_probability"], frame["customer_key"])
    return metrics.auc if metrics.status == OK else None


def regained(cohorts: Sequence[ReplayedCohort], since: date) -> float | None:
    """The share of the lost AUC that retraining regained: 0 as if never retrained, 1 as good as the true hazard.

    (in charge - first model) / (true hazard - first model), of mean AUC over the cohorts with as_of_date on or after
    `since`. None if no such cohort is judged, or if the first model lost nothing.
    """
    judged = [
        (c.auc, c.auc_of_first, c.auc_of_hazard)
        for c in cohorts
        if c.as_of_date >= since
        and c.auc is not None
        and c.auc_of_first is not None
        and c.auc_of_hazard is not None
    ]
    lost = sum(hazard - first for _, first, hazard in judged)
    return sum(auc - first for auc, first, _ in judged) / lost if judged and lost > 0 else None
