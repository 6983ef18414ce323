"""Scores snapshots with the portable model, in parallel on Spark: probabilities and reasons."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.scored import REASON_NAMES, score_frame
from churn_assets.scores.deciles_and_tiers import with_decile

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

KEYS = ["customer_key", "as_of_date"]
SCORED = (
    "customer_key string, as_of_date date, raw double, probability double, "
    "reason_1 string, reason_2 string, reason_3 string, driver string"
)


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

        texts = [*REASON_NAMES, "driver"]
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
