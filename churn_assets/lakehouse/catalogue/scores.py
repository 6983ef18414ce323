"""Tables of scores: probabilities with reasons, and segments."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.shared_columns import (
    AS_OF_DATE,
    CUSTOMER_KEY,
    MODEL_VERSION,
    OF_THE_COHORT,
)
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

PROBABILITY = LakeColumn(
    "probability",
    "double",
    "Calibrated probability that the customer churns in the outcome window.",
    "0 to 1",
    required=True,
)
DRIVER = LakeColumn(
    "driver",
    "string",
    "Group of features that raises the customer's risk most; unknown where no feature of a group is left.",
    required=True,
)
CHURN_SCORES = Table(
    "scores",
    "churn_scores",
    "one row per customer, as_of_date and model_version",
    ("as_of_date", "model_version"),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn("raw", "double", "Score that ranks customers: greater is riskier.", required=True),
        PROBABILITY,
        LakeColumn("reason_1", "string", "Strongest reason in words; null without one."),
        LakeColumn("reason_2", "string", "Second reason in words; null without one."),
        LakeColumn("reason_3", "string", "Third reason in words; null without one."),
        DRIVER,
        LakeColumn(
            "decile",
            "integer",
            "Tenth of the cohort by raw score: 1 holds the riskiest.",
            "1 to 10",
            required=True,
        ),
        MODEL_VERSION,
    ),
    row_key=("customer_key", "as_of_date", "model_version"),
    time="as known at the as_of_date, by the champion of that date: the last one trained on or before it",
    retention="no limit; scores of another model_version are never replaced",
)
CUSTOMER_SEGMENTS = Table(
    "scores",
    "customer_segments",
    "one row per scored customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn("segment", "string", "Name of the first rule in churn.yaml that fits.", required=True),
        LakeColumn("action", "string", "Action that the rule recommends.", required=True),
        LakeColumn("risk_tier", "string", "high, elevated or low, by rank of the raw score.", required=True),
        LakeColumn("value_tier", "string", "high, middle or low, by rank of the value.", required=True),
        DRIVER,
        PROBABILITY,
        LakeColumn("value", "double", "The feature that churn.yaml names as the customer's value."),
        replace(MODEL_VERSION, meaning="Version whose scores are used: the champion of the as_of_date."),
    ),
    row_key=("customer_key", "as_of_date"),
    time="as known at the as_of_date; tiers are shares of that cohort",
    retention=OF_THE_COHORT,
)
