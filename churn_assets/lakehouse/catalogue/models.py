"""Tables of models: every training, and every decision about who is in charge."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.common import MODEL_VERSION
from churn_assets.lakehouse.catalogue.table import Column, Table

SHARE = "share, 0 to 1"
# Figures of a ranking and its probabilities over one cohort; null where too few churners let nothing be said.
QUALITY = {
    column.name: column
    for column in (
        Column("auc", "double", "ROC-AUC of the raw score.", "0 to 1"),
        Column("auc_low", "double", "Lower end of the AUC's DeLong 95 % interval.", "0 to 1"),
        Column("auc_high", "double", "Upper end of the AUC's DeLong 95 % interval.", "0 to 1"),
        Column("pr_auc", "double", "Average precision of the raw score.", "0 to 1"),
        Column("brier", "double", "Mean squared error of the probability; lower is better.", "0 to 1"),
        Column("log_loss", "double", "Mean log loss of the probability; lower is better.", "nats"),
        Column(
            "calibration_slope",
            "double",
            "Slope of the label on the log-odds of the probability; 1 is right, below 1 too extreme.",
        ),
        Column(
            "calibration_intercept",
            "double",
            "Intercept of the same with the slope held at 1; 0 is right, below 0 risks are overstated.",
        ),
        Column("precision", "double", "Share of churners among the customers within capacity.", SHARE),
        Column("recall", "double", "Share of the churners who are within capacity.", SHARE),
        Column("f1", "double", "Harmonic mean of precision and recall within capacity.", SHARE),
        Column(
            "accuracy",
            "double",
            "Share of customers judged right when those within capacity are said to churn.",
            SHARE,
        ),
        Column(
            "lift_top_decile", "double", "Churn rate of the riskiest tenth divided by that of all.", "times"
        ),
    )
}


def quality(*names: str) -> tuple[Column, ...]:
    """These figures of a cohort."""
    return tuple(QUALITY[name] for name in names)


TRAINED_AS_OF = Column(
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
        Column("mlflow_run_id", "string", "MLflow run of the training.", required=True),
        Column("dagster_run_id", "string", "Dagster run of the training.", required=True),
        Column("candidate", "string", "Candidate that was chosen.", required=True),
        Column("status", "string", "ok, or why the test cohort gives no figures.", required=True),
        Column("learned_from", "date", "First cohort that the model learned from.", required=True),
        Column("learned_until", "date", "Last cohort that the model learned from.", required=True),
        Column("test_as_of_date", "date", "Cohort that the model was tested on.", required=True),
        Column("rows", "long", "Snapshots that the model learned from.", "rows", required=True),
        Column("positives", "long", "Churners among these snapshots.", "rows", required=True),
        Column("snapshots_version", "long", "Delta version of features/customer_snapshots.", required=True),
        Column("labels_version", "long", "Delta version of features/churn_labels.", required=True),
        *quality("auc", "auc_low", "auc_high", "pr_auc", "brier", "log_loss", "lift_top_decile"),
        *quality("precision", "recall", "f1", "accuracy"),
        Column(
            "empc", "double", "Expected maximum profit of a campaign, per customer.", "money of churn.yaml"
        ),
        Column("empc_low", "double", "Lower end of its 95 % interval.", "money of churn.yaml"),
        Column("empc_high", "double", "Upper end of its 95 % interval.", "money of churn.yaml"),
        Column("empc_fraction", "double", "Share of customers to contact for that profit.", SHARE),
        Column(
            "profit_at_capacity",
            "double",
            "Profit of contacting the customers within capacity, per customer.",
            "money of churn.yaml",
        ),
        Column("ece", "double", "Expected calibration error: mean gap of probability and churn rate.", SHARE),
        Column("trained_at", "timestamp", "Moment at which the training was recorded.", required=True),
    ),
    row_key=("model_version",),
    time="figures: on the test cohort, with labels as known at trained_as_of",
)
CHAMPIONS = Table(
    "models",
    "champions",
    "one row per decision about who is in charge, also those that keep the champion",
    columns=(
        Column(
            "in_charge_from",
            "date",
            "First as_of_date of which the version is in charge if it was promoted.",
            required=True,
        ),
        replace(MODEL_VERSION, meaning="Version that was decided about."),
        replace(TRAINED_AS_OF, meaning="Date up to which that version was allowed to know."),
        Column("promoted", "boolean", "True when the version was put in charge.", required=True),
        Column("previous_version", "string", "Version in charge before; null for the first."),
        Column("why", "string", "Reason of the decision in words.", required=True),
        Column("by", "string", "Who decided: the training with its Dagster run, or a person.", required=True),
        Column(
            "auc_difference",
            "double",
            "ROC-AUC of the version minus that of the champion on the same rows; null where not compared.",
        ),
        Column("auc_difference_low", "double", "Lower end of its paired 95 % interval."),
        Column("auc_difference_high", "double", "Upper end of its paired 95 % interval."),
        Column("mlflow_run_id", "string", "MLflow run that trained the version."),
        Column(
            "decided_at",
            "timestamp",
            "Moment of the decision; each is later than all before it.",
            required=True,
        ),
    ),
    row_key=("decided_at",),
    time="of one in_charge_from the last decision counts; a version is never in charge before its trained_as_of",
)
