"""Reads a cohort for monitoring: scores and labels for its quality, snapshots for its drift."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.history.known_until import require_history
from churn_assets.history.treated import treated_in
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion, champion_at
from churn_assets.models.training_frame import key_bound
from churn_assets.months import month_end, month_of
from churn_assets.silver.reconciliation import SilverIncomplete
from churn_assets.tracking.errors import VersionGone
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

    from churn_assets.monitoring.drift import CohortCounts

# Most scored customers of one cohort that are read into memory, for model_performance and for drift; a larger cohort is
# sampled by a random share of the keys.
COHORT_LIMIT = 1_000_000
DRIFT_LIMIT = 100_000


def judged(
    lakehouse: Lakehouse, business: Business, month: str, champions: Sequence[Champion]
) -> list[dict[str, Any]]:
    """Rows of monitoring/model_performance for the cohort at the end of `month`; empty when nobody was scored."""
    from churn_assets.monitoring.performance import IMMATURE, INCOMPLETE, cohort_performance, not_yet

    day = month_end(month)
    cohort = scores_and_labels(lakehouse, day)
    if cohort is None:
        return []
    scores, labels, available = cohort
    if available is None:
        return not_yet(day, scores, IMMATURE)
    try:
        require_history(lakehouse, business, month, month_of(available), back=False)
    except SilverIncomplete:
        return not_yet(day, scores, INCOMPLETE)
    treated = treated_in(lakehouse, business, day, available)
    champion = champion_at(champions, day)
    by = champion.model_version if champion else None
    return cohort_performance(day, scores, labels, treated, business.file.training.capacity, in_charge=by)


def compared(
    lakehouse: Lakehouse, tracking: Tracking, month: str, sizes: Mapping[date, int]
) -> list[dict[str, Any]]:
    """Rows of monitoring/drift for the cohort of `month`; compares each version that scored it with its own training.

    `sizes` are the sizes of all cohorts, see `cohort_sizes`.
    """
    import pyarrow.compute as pc

    from churn_assets.monitoring.drift import SCORES, cohort_drift

    day = month_end(month)
    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    scores = lakehouse.arrow(tables.CHURN_SCORES, ["customer_key", "model_version", *SCORES], chosen)
    if scores.num_rows == 0:
        return []
    if bound := key_bound(scores.num_rows, DRIFT_LIMIT):
        chosen = [*chosen, ("customer_key", "<", bound)]
        scores = scores.filter(pc.field("customer_key") < bound)
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, None, chosen).to_pandas()
    rows: list[dict[str, Any]] = []
    for version, part in scores.to_pandas().groupby("model_version"):
        try:
            about = tracking.load_version(str(version)).about
        except VersionGone:  # the caller tells which versions could not be compared
            continue
        whole = population(lakehouse, day, str(version), about, sizes)
        rows += cohort_drift(day, str(version), about, snapshots, part, whole)
    return rows


def in_charge(
    rows: Iterable[dict[str, Any]], champions: Sequence[Champion], day: date
) -> list[dict[str, Any]]:
    """The rows of the cohort's champion if it scored the cohort, else those of the newest version."""
    by_version: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_version.setdefault(row["model_version"], []).append(row)
    champion = champion_at(champions, day)
    if champion is not None and champion.model_version in by_version:
        return by_version[champion.model_version]
    return by_version[max(by_version, key=lambda v: (len(v), v))] if by_version else []


def cohort_sizes(lakehouse: Lakehouse) -> dict[date, int]:
    """as_of_date -> number of customers, for every cohort."""
    # counts the partition column, so no file content is read
    found = lakehouse.aggregate(tables.CUSTOMER_SNAPSHOTS, ["as_of_date"], [("as_of_date", "count")])
    return {row["as_of_date"]: row["as_of_date_count"] for row in found.to_pylist()}


def scored_cohorts(lakehouse: Lakehouse, months: Iterable[str] | None = None) -> dict[tuple[date, str], int]:
    """(as_of_date, model version) -> number of customers scored; for the cohorts of these months, or for all."""
    import pyarrow.compute as pc

    if not lakehouse.exists(tables.CHURN_SCORES):
        return {}
    days = None if months is None else pc.field("as_of_date").isin([month_end(m) for m in months])
    by = ["as_of_date", "model_version"]
    # counts partition columns, so no file content is read
    found = lakehouse.aggregate(tables.CHURN_SCORES, by, [("model_version", "count")], days).to_pylist()
    return {(row["as_of_date"], row["model_version"]): row["model_version_count"] for row in found}


def sampled_cohorts(lakehouse: Lakehouse) -> dict[tuple[date, str], int]:
    """The `scored_cohorts` that monitoring/model_performance samples."""
    return {key: scored for key, scored in scored_cohorts(lakehouse).items() if scored > COHORT_LIMIT}


def population(
    lakehouse: Lakehouse, day: date, version: str, about: Mapping[str, Any], sizes: Mapping[date, int]
) -> "CohortCounts":
    """Size of a cohort, mean size of the training cohorts, and churners as in monitoring/model_performance."""
    from churn_assets.monitoring.drift import CohortCounts

    trained = [sizes[d] for d in map(date.fromisoformat, about["split"]["train"]) if d in sizes]
    usual = sum(trained) / len(trained) if trained else None
    if lakehouse.exists(tables.MODEL_PERFORMANCE):
        this = [("as_of_date", "=", day), ("model_version", "=", version)]
        for row in lakehouse.arrow(tables.MODEL_PERFORMANCE, ["n", "positives"], this).to_pylist():
            if row["positives"] is not None:
                return CohortCounts(sizes[day], usual, row["n"], row["positives"])
    return CohortCounts(sizes[day], usual)


def scores_and_labels(
    lakehouse: Lakehouse, day: date
) -> "tuple[pd.DataFrame, pd.DataFrame, date | None] | None":
    """Scores, labels, and the day the labels became available (None while pending); None for an unscored cohort."""
    import pyarrow.compute as pc

    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    labels = lakehouse.arrow(
        tables.CHURN_LABELS, ["customer_key", "label", "outcome", "label_available_at"], chosen
    )
    if bound := key_bound(labels.num_rows, COHORT_LIMIT):
        labels = labels.filter(pc.field("customer_key") < bound)
        chosen = [*chosen, ("customer_key", "<", bound)]
    columns = ["customer_key", "model_version", "raw", "probability"]
    scores = lakehouse.arrow(tables.CHURN_SCORES, columns, chosen)
    if scores.num_rows == 0:
        return None
    pending = labels.num_rows == 0 or pc.any(pc.equal(labels["outcome"], "pending")).as_py()
    available = None if pending else pc.max(labels["label_available_at"]).as_py()
    return scores.to_pandas(), labels.select(["customer_key", "label"]).to_pandas(), available
