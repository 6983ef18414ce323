"""Tables of models: every training, and every decision about the champion."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.shared_columns import MODEL_VERSION
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

SHARE = "share, 0 to 1"
# Metrics of a ranking and its probabilities over one cohort; null when there are too few churners.
QUALITY = {
    column.name: column
    for column in (
        LakeColumn("auc", "double", "ROC-AUC of the raw score.", "0 to 1"),
        LakeColumn("auc_low", "double", "Lower end of the AUC's DeLong 95 % interval.", "0 to 1"),
        LakeColumn("auc_high", "double", "Upper end of the AUC's DeLong 95 % interval.", "0 to 1"),
        LakeColumn("pr_auc", "double", "Average precision of the raw score.", "0 to 1"),
        LakeColumn("brier", "double", "Mean squared error of the probability; lower is better.", "0 to 1"),
        LakeColumn("log_loss", "double", "Mean log loss of the probability; lower is better.", "nats"),
        LakeColumn(
            "calibration_slope",
            "double",
            "Slope of the label on the log-odds of the probability; 1 is right, below 1 too extreme.",
        ),
        LakeColumn(
            "calibration_intercept",
            "double",
            "Intercept of the same with the slope held at 1; 0 is right, below 0 risks are overstated.",
        ),
        LakeColumn("precision", "double", "Share of churners among the customers within capacity.", SHARE),
        LakeColumn("recall", "double", "Share of the churners who are within capacity.", SHARE),
        LakeColumn("f1", "double", "Harmonic mean of precision and recall within capacity.", SHARE),
        LakeColumn(
            "accuracy",
            "double",
            "Share of customers judged right when those within capacity are said to churn.",
            SHARE,
        ),
        LakeColumn(
            "lift_top_decile", "double", "Churn rate of the riskiest tenth divided by that of all.", "times"
        ),
    )
}


def quality(*names: str) -> tuple[LakeColumn, ...]:
    """The columns of these metrics."""
    return tuple(QUALITY[name] for name in names)


TRAINED_AS_OF = LakeColumn(
    "trained_as_of",
    "date",
    "Date up to which the training was allowed to know; a month's end.",
    required=True,
)
TRAINING_RUNS = Table(
    "models",
    "training_runs",
    "one row per training that registered a model version",
    columns=(
        TRAINED_AS_OF,
        MODEL_VERSION,
        LakeColumn("mlflow_run_id", "string", "MLflow run of the training.", required=True),
        LakeColumn("dagster_run_id", "string", "Dagster run of the training.", required=True),
        LakeColumn("candidate", "string", "Candidate that was chosen.", required=True),
        LakeColumn("status", "string", "ok, or why the test cohort gives no figures.", required=True),
        LakeColumn("learned_from", "date", "First cohort that the model learned from.", required=True),
        LakeColumn("learned_until", "date", "Last cohort that the model learned from.", required=True),
        LakeColumn("test_as_of_date", "date", "Cohort that the model was tested on.", required=True),
        LakeColumn("rows", "long", "Snapshots that the model learned from.", "rows", required=True),
        LakeColumn("positives", "long", "Churners among these snapshots.", "rows", required=True),
        LakeColumn(
            "snapshots_version", "long", "Delta version of features/customer_snapshots.", required=True
        ),
        LakeColumn("labels_version", "long", "Delta version of features/churn_labels.", required=True),
        *quality("auc", "auc_low", "auc_high", "pr_auc", "brier", "log_loss", "lift_top_decile"),
        *quality("precision", "recall", "f1", "accuracy"),
        LakeColumn(
            "empc", "double", "Expected maximum profit of a campaign, per customer.", "money of churn.yaml"
        ),
        LakeColumn("empc_low", "double", "Lower end of its 95 % interval.", "money of churn.yaml"),
        LakeColumn("empc_high", "double", "Upper end of its 95 % interval.", "money of churn.yaml"),
        LakeColumn("empc_fraction", "double", "Share of customers to contact for that profit.", SHARE),
        LakeColumn(
            "profit_at_capacity",
            "double",
            "Profit of contacting the customers within capacity, per customer.",
            "money of churn.yaml",
        ),
        LakeColumn(
            "ece", "double", "Expected calibration error: mean gap of probability and churn rate.", SHARE
        ),
        LakeColumn("trained_at", "timestamp", "Moment at which the training was recorded.", required=True),
    ),
    row_key=("model_version",),
    time="figures: on the test cohort, with labels as known at trained_as_of",
)
CHAMPIONS = Table(
    "models",
    "champions",
    "one row per decision about who is in charge, also those that keep the champion",
    columns=(
        LakeColumn(
            "in_charge_from",
            "date",
            "First as_of_date of which the version is in charge if it was promoted.",
            required=True,
        ),
        replace(MODEL_VERSION, meaning="Version that was decided about."),
        replace(TRAINED_AS_OF, meaning="Date up to which that version was allowed to know."),
        LakeColumn("promoted", "boolean", "True when the version was put in charge.", required=True),
        LakeColumn("previous_version", "string", "Version in charge before; null for the first."),
        LakeColumn("why", "string", "Reason of the decision in words.", required=True),
        LakeColumn(
            "by", "string", "Who decided: the training with its Dagster run, or a person.", required=True
        ),
        LakeColumn(
            "auc_difference",
            "double",
            "ROC-AUC of the version minus that of the champion on the same rows; null where not compared.",
        ),
        LakeColumn("auc_difference_low", "double", "Lower end of its paired 95 % interval."),
        LakeColumn("auc_difference_high", "double", "Upper end of its paired 95 % interval."),
        LakeColumn("mlflow_run_id", "string", "MLflow run that trained the version."),
        LakeColumn(
            "decided_at",
            "timestamp",
            "Moment of the decision; each is later than all before it.",
            required=True,
        ),
    ),
    row_key=("decided_at",),
    time="of one in_charge_from the last decision counts; a version is never in charge before its trained_as_of",
)
