"""Snapshots -> probabilities, deciles and reasons, in parallel on Spark with the portable model."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.features import Feature
from churn_assets.models.portable import PortableModel
from churn_assets.models.transformation import NumericColumn
from churn_assets.scores.reasons import REASONS, main_drivers, reasons

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

SCORED = (
    "customer_key string, as_of_date date, raw double, probability double, "
    "reason_1 string, reason_2 string, reason_3 string, driver string"
)


def score_frame(frame: "pd.DataFrame", model: PortableModel, features: Sequence[Feature]) -> "pd.DataFrame":
    """Scores and reasons of some snapshots; columns as in SCORED. Pure, also used outside Spark."""
    typical = {p.feature: p.median for p in model.transformation.parts if isinstance(p, NumericColumn)}
    scored, contributions = model.score_and_explain(frame)
    words = reasons(frame, contributions, features, typical)
    result = frame[["customer_key", "as_of_date"]].copy()
    result["raw"], result["probability"] = scored["raw"], scored["probability"]
    for position in range(REASONS):
        result[f"reason_{position + 1}"] = words[:, position]
    result["driver"] = main_drivers(contributions, features)
    return result


def score_snapshots(
    snapshots: "DataFrame", model: PortableModel, model_version: str, features: Sequence[Feature]
) -> "DataFrame":
    """features/customer_snapshots rows -> scores/churn_scores rows of one model version.

    `decile` 1 holds the tenth of the cohort with the highest risk; ties are ordered by customer_key, which is random.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    declared = list(features)

    def score(batches: "Iterator[pd.DataFrame]") -> "Iterator[pd.DataFrame]":
        for batch in batches:
            if len(batch):
                yield score_frame(batch, model, declared)

    names = list(dict.fromkeys(["customer_key", "as_of_date", *(f.name for f in declared)]))
    scored = snapshots.select(*names).mapInPandas(score, SCORED)
    by_risk = Window.partitionBy("as_of_date").orderBy(F.desc("raw"), "customer_key")
    return scored.withColumn("decile", F.ntile(10).over(by_risk)).withColumn(
        "model_version", F.lit(model_version)
    )
