"""Tables of scores: probabilities with reasons, segments, and the survival view."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.models import SHARE
from churn_assets.lakehouse.catalogue.shared_columns import (
    AS_OF_DATE,
    CURRENT_DAY,
    CUSTOMER_KEY,
    MODEL_VERSION,
    OF_SOURCES,
    OF_THE_COHORT,
    OF_THE_DAY,
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
MONTHS = "months"
RAW = LakeColumn("raw", "double", "Score that ranks customers: greater is riskier.", required=True)
REASONS = (
    LakeColumn("reason_1", "string", "Strongest reason in words; null without one."),
    LakeColumn("reason_2", "string", "Second reason in words; null without one."),
    LakeColumn("reason_3", "string", "Third reason in words; null without one."),
)
DECILE = LakeColumn(
    "decile",
    "integer",
    "Tenth of the cohort by raw score: 1 holds the riskiest.",
    "1 to 10",
    required=True,
)
SEGMENT = LakeColumn("segment", "string", "Name of the first rule in churn.yaml that fits.", required=True)
ACTION = LakeColumn("action", "string", "Action that the rule recommends.", required=True)
RISK_TIER = LakeColumn(
    "risk_tier", "string", "high, elevated or low, by rank of the raw score.", required=True
)
VALUE_TIER = LakeColumn("value_tier", "string", "high, middle or low, by rank of the value.", required=True)
VALUE = LakeColumn("value", "double", "The feature that churn.yaml names as the customer's value.")
CHURN_SCORES = Table(
    "scores",
    "churn_scores",
    "one row per customer, as_of_date and model_version",
    ("as_of_date", "model_version"),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        RAW,
        PROBABILITY,
        *REASONS,
        DRIVER,
        DECILE,
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
        SEGMENT,
        ACTION,
        RISK_TIER,
        VALUE_TIER,
        DRIVER,
        PROBABILITY,
        VALUE,
        replace(MODEL_VERSION, meaning="Version whose scores are used: the champion of the as_of_date."),
    ),
    row_key=("customer_key", "as_of_date"),
    time="as known at the as_of_date; tiers are shares of that cohort",
    retention=OF_THE_COHORT,
)
CURRENT_SCORES = Table(
    "scores",
    "current_scores",
    "one row per eligible customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        CURRENT_DAY,
        replace(MODEL_VERSION, meaning="Version that scored: the champion in charge on the as_of_date."),
        RAW,
        PROBABILITY,
        replace(DECILE, meaning="Tenth of the day's customers by raw score: 1 holds the riskiest."),
        RISK_TIER,
        VALUE_TIER,
        DRIVER,
        SEGMENT,
        ACTION,
        VALUE,
        *REASONS,
        LakeColumn(
            "probability_day_before",
            "double",
            "What the same model gives the customer's snapshot of the day before; null without such a snapshot.",
            "0 to 1",
        ),
        LakeColumn(
            "probability_week_before",
            "double",
            "What the same model gives the customer's snapshot of 7 days before; null without such a snapshot.",
            "0 to 1",
        ),
        LakeColumn(
            "probability_month_end",
            "double",
            "What the same model gives the customer's snapshot of the last month end before the as_of_date; null "
            "without such a snapshot.",
            "0 to 1",
        ),
        LakeColumn(
            "moved_reason",
            "string",
            "In words, the reason whose contribution to the score changed most since `moved_since`; null without a day "
            "to compare with, or where nothing changed.",
        ),
        LakeColumn(
            "moved_since",
            "date",
            "Day that moved_reason compares with: 7 days before, or without a snapshot of that day the last month "
            "end; null without either.",
        ),
        *OF_SOURCES,
    ),
    row_key=("customer_key", "as_of_date"),
    time="as known at the as_of_date; deciles and tiers are ranks of that day",
    retention=OF_THE_DAY,
)
LEARNED_UNTIL = LakeColumn(
    "learned_until", "date", "Newest as_of_date whose settled outcomes the hazards were learned from."
)
EXPECTED_LIFETIMES = Table(
    "scores",
    "expected_lifetimes",
    "one row per scored customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn(
            "expected_months",
            "double",
            "Expected months from the end of the gap until the customer leaves, counted up to the horizon (restricted "
            "mean), given that they are there at the end of the gap.",
            MONTHS,
            required=True,
        ),
        LakeColumn(
            "expected_months_low",
            "double",
            "Lower end of the 95 % interval of this mean; a single customer's time varies more.",
            MONTHS,
            required=True,
        ),
        LakeColumn(
            "expected_months_high",
            "double",
            "Upper end of the 95 % interval of this mean.",
            MONTHS,
            required=True,
        ),
        LakeColumn(
            "horizon_months",
            "integer",
            "Months that expected_months counts at the most: 12, or as far ahead as outcomes have been observed.",
            MONTHS,
            required=True,
        ),
        *(
            LakeColumn(
                f"survival_{months}m",
                "double",
                f"Chance to be still there {months} months after the end of the gap; null beyond the horizon.",
                "0 to 1",
            )
            for months in (3, 6, 12)
        ),
        replace(LEARNED_UNTIL, required=True),
    ),
    row_key=("customer_key", "as_of_date"),
    time="from the end of the gap on, by what was known at the as_of_date; hazards learned from labels settled by then",
    retention=OF_THE_COHORT,
)
RETENTION_CURVES = Table(
    "scores",
    "retention_curves",
    "one row per as_of_date, group and tenure",
    ("as_of_date",),
    (
        AS_OF_DATE,
        LakeColumn(
            "grouping",
            "string",
            "all, value tier, segment, or the name of a feature with categories.",
            required=True,
        ),
        LakeColumn(
            "group_value",
            "string",
            "Group of the customer at each month end; (missing) where the category is not known.",
            required=True,
        ),
        LakeColumn(
            "from_months",
            "integer",
            "Tenure at which the curve begins with 1: retention is conditional on having reached it.",
            MONTHS,
            required=True,
        ),
        LakeColumn("tenure_months", "integer", "Tenure that retention refers to.", MONTHS, required=True),
        LakeColumn(
            "at_risk",
            "long",
            "Customer-months seen in the step that ends at this tenure, with a settled outcome.",
            "customers",
            required=True,
        ),
        LakeColumn("leavers", "long", "Those of them who left in it.", "customers", required=True),
        LakeColumn(
            "retention",
            "double",
            "Share of customers of the first tenure still there at this tenure, at the leaving rates of the group.",
            SHARE,
            required=True,
        ),
        LakeColumn("retention_low", "double", "Lower end of its 95 % interval.", SHARE, required=True),
        LakeColumn("retention_high", "double", "Upper end of its 95 % interval.", SHARE, required=True),
    ),
    row_key=("as_of_date", "grouping", "group_value", "tenure_months"),
    time="all cohorts whose labels were settled by the as_of_date; groups of fewer than 50 customers are left out",
    retention=OF_THE_COHORT,
)
LIFETIME_QUALITY = Table(
    "scores",
    "lifetime_quality",
    "one row per scored as_of_date",
    ("as_of_date",),
    (
        AS_OF_DATE,
        LakeColumn(
            "status", "string", "ok, or why nothing could be judged; figures only when ok.", required=True
        ),
        LakeColumn("judged_as_of_date", "date", "Earlier date whose customers were followed."),
        LEARNED_UNTIL,
        LakeColumn("followed_months", "integer", "Months that they were followed.", MONTHS),
        LakeColumn("customers", "long", "Customers followed.", "customers"),
        LakeColumn("leavers", "long", "Those of them who left in these months.", "customers"),
        LakeColumn(
            "concordance",
            "double",
            "Uno's concordance: chance that of two customers the one with fewer expected months leaves first; 0.5 is "
            "chance.",
            "0 to 1",
        ),
        LakeColumn("concordance_low", "double", "Lower end of its 95 % interval.", "0 to 1"),
        LakeColumn("concordance_high", "double", "Upper end of its 95 % interval.", "0 to 1"),
        LakeColumn(
            "brier", "double", "Integrated Brier score of the view, weighted for censoring.", "0 to 1"
        ),
        LakeColumn(
            "brier_kaplan_meier",
            "double",
            "The same for the Kaplan-Meier curve known at the judged date.",
            "0 to 1",
        ),
        LakeColumn("brier_gain", "double", "brier_kaplan_meier - brier.", "-1 to 1"),
        LakeColumn("brier_gain_low", "double", "Lower end of its paired 95 % interval.", "-1 to 1"),
        LakeColumn("brier_gain_high", "double", "Upper end of its paired 95 % interval.", "-1 to 1"),
    ),
    row_key=("as_of_date",),
    time="learned from what was known at judged_as_of_date, judged by labels settled by the as_of_date",
    retention=OF_THE_COHORT,
)
