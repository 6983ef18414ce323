"""Tables of monitoring: realised quality of the scores, and drift of the cohorts."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.models import SHARE, quality
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE, MODEL_VERSION, OF_THE_COHORT
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

SCORED_BY = replace(MODEL_VERSION, meaning="Version that scored the cohort.")
MODEL_PERFORMANCE = Table(
    "monitoring",
    "model_performance",
    "one row per scored as_of_date and model_version",
    ("as_of_date",),
    (
        AS_OF_DATE,
        SCORED_BY,
        LakeColumn(
            "status",
            "string",
            "ok, immature (labels pending), feed incomplete, too few positives or one class; figures only when ok.",
            required=True,
        ),
        LakeColumn(
            "n", "long", "Customers with a label; before that all scored ones.", "customers", required=True
        ),
        LakeColumn("positives", "long", "Churners among them.", "customers"),
        LakeColumn("excluded", "long", "Scored customers who got no label.", "customers"),
        LakeColumn(
            "treated",
            "long",
            "Customers contacted before the outcome window ended; untreated ones are those of whom no row, not even a "
            "refused one, tells of it.",
            "customers",
        ),
        LakeColumn(
            "untreated_positives", "long", "Churners among customers who were not contacted.", "customers"
        ),
        LakeColumn("base_rate", "double", "positives / n.", SHARE),
        *quality("auc", "auc_low", "auc_high", "pr_auc", "brier", "log_loss"),
        *quality("calibration_slope", "calibration_intercept", "precision", "recall", "lift_top_decile"),
        LakeColumn("untreated_auc", "double", "ROC-AUC among customers who were not contacted.", "0 to 1"),
        LakeColumn("untreated_auc_low", "double", "Lower end of its DeLong 95 % interval.", "0 to 1"),
        LakeColumn("untreated_auc_high", "double", "Upper end of its DeLong 95 % interval.", "0 to 1"),
        LakeColumn(
            "expected_positives",
            "double",
            "Sum of the probabilities: churners to expect if these are right.",
            "customers",
            required=True,
        ),
        LakeColumn(
            "auc_estimated",
            "double",
            "ROC-AUC to expect if the probabilities are right; sees no new reasons to leave.",
            "0 to 1",
        ),
    ),
    row_key=("as_of_date", "model_version"),
    time="the outcome of the cohort, with labels as settled; in large cohorts a random sample of customers",
    retention=OF_THE_COHORT,
)
DRIFT = Table(
    "monitoring",
    "drift",
    "one row per scored as_of_date, model_version, kind and feature",
    ("as_of_date",),
    (
        AS_OF_DATE,
        SCORED_BY,
        LakeColumn(
            "kind", "string", "feature, score, volume (customers) or base rate (churn rate).", required=True
        ),
        LakeColumn(
            "feature", "string", "Name of the feature, of the score, or of the figure.", required=True
        ),
        LakeColumn(
            "status",
            "string",
            "stable, moderate or shift; stable where the change is not more than chance.",
            required=True,
        ),
        LakeColumn("n", "long", "Customers that were compared.", "customers", required=True),
        LakeColumn("psi", "double", "Population stability index over the bins of the training."),
        LakeColumn("js_distance", "double", "Jensen-Shannon distance over the same bins.", "0 to 1"),
        LakeColumn(
            "p_value", "double", "Probability of such a change by chance; null for the volume.", "0 to 1"
        ),
        LakeColumn("missing_rate", "double", "Share of customers without a value.", SHARE),
        LakeColumn("reference_missing_rate", "double", "The same in the training.", SHARE),
        LakeColumn("value", "double", "Number of customers, or churn rate; null for features and scores."),
        LakeColumn("reference_value", "double", "The same in the training."),
    ),
    row_key=("as_of_date", "model_version", "kind", "feature"),
    time="the cohort as known at the as_of_date, against the training of the version",
    retention=OF_THE_COHORT,
)


def _people(name: str, meaning: str) -> LakeColumn:
    return LakeColumn(name, "long", meaning, "customers", required=True)


PEOPLE_BALANCE = Table(
    "monitoring",
    "people_balance",
    "one row per as_of_date and source, and one for all sources together",
    ("as_of_date",),
    (
        LakeColumn(
            "source",
            "string",
            "Name of the entity or spell, or `all sources`: the customers of the label source, after what the entities "
            "say of them.",
            required=True,
        ),
        AS_OF_DATE,
        _people("former", "Customers, or unknown, at the end of the month before."),
        _people("new", "Those who were not, and those of whom the month tells for the first time."),
        _people("now", "Customers at the as_of_date."),
        _people("ended", "Of former and new: those whose end was told."),
        _people("merged", "Of former and new: those who were merged into another customer, who goes on."),
        _people(
            "disappeared", "Of former and new: those whom no full extract lists any more, without a told end."
        ),
        _people(
            "unknown",
            "Those whose newest row was refused, or whose merge leads nowhere, so that nobody knows.",
        ),
        LakeColumn(
            "snapshots",
            "long",
            "Customers with a snapshot, of all sources; the others of `now` are not eligible.",
            "customers",
        ),
    ),
    row_key=("as_of_date", "source"),
    time="as known at the as_of_date, counted from silver when the month was last materialised; former + new = now + "
    "ended + merged + disappeared + unknown",
    retention=OF_THE_COHORT,
)
