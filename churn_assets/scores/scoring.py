"""Scores snapshots with the portable model, in parallel on Spark: probabilities and reasons."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.reasons_in_words import REASONS, main_drivers, reasons
from churn_assets.ml.portable.transformation import NumericColumn
from churn_assets.scores.deciles_and_tiers import with_decile

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame

KEYS = ["customer_key", "as_of_date"]
SCORED = (
    "customer_key string, as_of_date date, raw double, probability double, "
    "reason_1 string, reason_2 string, reason_3 string, driver string"
)


def score_frame(frame: "pd.DataFrame", model: PortableModel, features: Sequence[Feature]) -> "pd.DataFrame":
    """Returns scores and reasons of some snapshots: the columns of SCORED after the keys, with the index of `frame`.

    Reasons and driver use only features that the model reads and that `features` (as declared today) contains.
    """
    given = set(model.transformation.features)
    features = [f for f in features if f.name in given]
    typical = {p.feature: p.median for p in model.transformation.parts if isinstance(p, NumericColumn)}
    scored, contributions = model.score_and_explain(frame)
    words = reasons(frame, contributions, features, typical)
    for position in range(REASONS):
        scored[f"reason_{position + 1}"] = words[:, position]
    return scored.assign(driver=main_drivers(contributions, features))


def score_snapshots(
    snapshots: "DataFrame", model: PortableModel, model_version: str, features: Sequence[Feature]
) -> "DataFrame":
    """Converts features/customer_snapshots rows to scores/churn_scores rows of one model version.

    The snapshots must contain the features of the model, whatever is declared today; see models/undeclared_features.py.
    """
    from pyspark.sql import functions as F

    declared, names = list(features), list(model.transformation.features)

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        texts = [*(f"reason_{place + 1}" for place in range(REASONS)), "driver"]
        schema = pa.schema([("raw", pa.float64()), ("probability", pa.float64())])
        for name in texts:
            schema = schema.append(pa.field(name, pa.string()))
        for batch in batches:
            if batch.num_rows:
                frame = score_frame(batch.select(names).to_pandas(), model, declared)
                scores = pa.RecordBatch.from_pandas(frame, schema, preserve_index=False)
                # keys stay in Arrow: converting the dates to Python objects would take longer than scoring
                columns = [*batch.select(KEYS).columns, *scores.columns]
                yield pa.RecordBatch.from_arrays(columns, [*KEYS, *schema.names])

    scored = snapshots.select(*KEYS, *names).mapInArrow(score, SCORED)
    return with_decile(scored).withColumn("model_version", F.lit(model_version))
