"""Whether the probabilities came true: tenths of the newest cohort whose scores have been judged."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.monitoring import SCORED_BY
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.monitoring.read_cohorts import scores_and_labels

if TYPE_CHECKING:
    import pyarrow as pa

SHARE = "share, 0 to 1"
CALIBRATION = Table(
    "serving",
    "calibration",
    "one row per model_version and tenth of the newest cohort that monitoring/model_performance has judged",
    columns=(
        AS_OF_DATE,
        SCORED_BY,
        LakeColumn("tenth", "long", "Tenth of the judged customers by probability; 1 is the riskiest."),
        LakeColumn("customers", "long", "Customers of the tenth.", "customers"),
        LakeColumn("positives", "long", "Churners among them.", "customers"),
        LakeColumn("predicted", "double", "Mean of their probabilities.", SHARE),
        LakeColumn("observed", "double", "positives / customers.", SHARE),
        LakeColumn("low", "double", "Lower end of Wilson's 95 % interval of `observed`.", SHARE),
        LakeColumn("high", "double", "Upper end of Wilson's 95 % interval of `observed`.", SHARE),
    ),
)


def calibration_table(lakehouse: Lakehouse) -> "pa.Table | str":
    """The tenths by model_version, the riskiest first; or why there are none.

    They are of the customers that monitoring/model_performance counts: those with a label, in a large cohort a sample.
    """
    from churn_assets.ml.metrics.classification import OK
    from churn_assets.ml.metrics.tenths import calibration_tenths

    if not lakehouse.exists(tables.MODEL_PERFORMANCE):
        return f"{tables.MODEL_PERFORMANCE.path} was never materialised"
    judged = lakehouse.arrow(
        tables.MODEL_PERFORMANCE, ["as_of_date", "model_version"], [("status", "=", OK)]
    ).to_pylist()
    if not judged:
        return f"{tables.MODEL_PERFORMANCE.path} has no cohort with figures yet"
    day = max(row["as_of_date"] for row in judged)
    cohort = scores_and_labels(lakehouse, day)
    if cohort is None:
        return f"the scores of {day}, the newest cohort with figures, are gone"
    scores, labels, _ = cohort
    known = scores.merge(labels[labels["label"].notna()], on="customer_key").sort_values("customer_key")
    rows: list[dict[str, Any]] = []
    for version in sorted(row["model_version"] for row in judged if row["as_of_date"] == day):
        part = known[known["model_version"] == version]
        tenths = calibration_tenths(part["label"].to_numpy(float), part["probability"].to_numpy(float))
        rows += [{"as_of_date": day, "model_version": version} | asdict(tenth) for tenth in tenths]
    return CALIBRATION.rows(rows)
