"""Tables of retention campaigns: what customers are worth, whom to contact, and what more budget would earn."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.scores import PROBABILITY
from churn_assets.lakehouse.catalogue.shared_columns import (
    AS_OF_DATE,
    CUSTOMER_KEY,
    MODEL_VERSION,
    OF_THE_COHORT,
)
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

MONEY = "currency of churn.yaml"
CAMPAIGN_ID = LakeColumn(
    "campaign_id",
    "string",
    "The campaign of a month: its name and the month, retention-2026-06; contacts come back with it.",
    required=True,
)

CAMPAIGN_PLAN = Table(
    "retention",
    "campaign_plan",
    "one row per scored customer and campaign",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        CAMPAIGN_ID,
        LakeColumn(
            "holdout_id",
            "string",
            "The draw of the holdout: the name and its first month. Customers stay in it as long as it lasts.",
            required=True,
        ),
        LakeColumn(
            "arm",
            "string",
            "planned, exploration (drawn at random) or holdout (left alone at random); null for everybody else.",
        ),
        LakeColumn(
            "offer",
            "string",
            "Offer of churn.yaml that the customer gets; of the holdout the one they would have got. Null: none.",
        ),
        LakeColumn("channel", "string", "Channel of the offer."),
        LakeColumn(
            "reason",
            "string",
            "Why the customer is not contacted: holdout, not worth it, no consent, objection, excluded, contacted "
            "recently, over budget (or capacity), not reachable (no offer may go to them) or unknown; null for those "
            "who are contacted.",
        ),
        replace(PROBABILITY, required=False),
        LakeColumn(
            "value",
            "double",
            "Value of the customer who stays: value_if_kept of lifetime_values where it is better_than_constant, else "
            "economics.lifetime_value times their own margin against the mean of the cohort; null where the margin is "
            "not known.",
            MONEY,
        ),
        LakeColumn(
            "expected_effect",
            "double",
            "Expected fall of the churn probability by the offer; below 0 it is expected to rise.",
            "-1 to 1",
        ),
        LakeColumn("expected_acceptance", "double", "Probability that the customer accepts.", "0 to 1"),
        LakeColumn(
            "expected_cost", "double", "Cost of the contact, and of the offer if it is accepted.", MONEY
        ),
        LakeColumn(
            "expected_profit", "double", "expected_effect times value, less the expected cost.", MONEY
        ),
        LakeColumn("risk_tier", "string", "high, elevated or low.", required=True),
        LakeColumn("value_tier", "string", "high, middle or low.", required=True),
        LakeColumn("segment", "string", "Segment of the customer.", required=True),
        MODEL_VERSION,
    ),
    row_key=("customer_key", "campaign_id"),
    time="as known at the as_of_date; contacts follow it",
    retention=f"{OF_THE_COHORT}, unless the campaign was approved",
)
BUDGET_CURVE = Table(
    "retention",
    "budget_curve",
    "one row per campaign and budget",
    ("as_of_date",),
    (
        AS_OF_DATE,
        CAMPAIGN_ID,
        LakeColumn(
            "budget", "double", "The most that the campaign may be expected to cost.", MONEY, required=True
        ),
        LakeColumn("customers", "long", "Customers who would be contacted.", "customers", required=True),
        LakeColumn("expected_cost", "double", "What that would cost.", MONEY, required=True),
        LakeColumn(
            "expected_profit", "double", "What it would earn, its cost deducted.", MONEY, required=True
        ),
        LakeColumn(
            "customers_saved", "double", "Customers who would stay because of it.", "customers", required=True
        ),
        LakeColumn(
            "next_euro",
            "double",
            "Profit of one more unit of budget at this budget; 0: more money would not be spent.",
            "currency per currency",
            required=True,
        ),
        LakeColumn("declared", "boolean", "True for the budget of churn.yaml.", required=True),
    ),
    row_key=("campaign_id", "budget"),
    time="as known at the as_of_date; the curve is without exploration",
    retention=OF_THE_COHORT,
)
LIFETIME_VALUES = Table(
    "retention",
    "lifetime_values",
    "one row per scored customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn(
            "method",
            "string",
            "survival (expected lifetimes of customers with a contract) or purchases (BG/NBD and Gamma-Gamma models).",
            required=True,
        ),
        LakeColumn(
            "monthly_margin",
            "double",
            "`economics.lifetime.revenue` by month times `margin`; of purchases: the mean month within the horizon. "
            "Null where the revenue is not known; below 0 it counts as 0.",
            f"{MONEY} per month",
        ),
        LakeColumn(
            "lifetime_value",
            "double",
            "Margin that the customer is expected to bring within the horizon, discounted to the as_of_date; null "
            "where the margin is not known.",
            MONEY,
        ),
        LakeColumn(
            "lifetime_value_low",
            "double",
            "Lower end of the 95 % interval of this mean; it knows the error of the model, and takes the margin per "
            "month of a contract as it is.",
            MONEY,
        ),
        LakeColumn("lifetime_value_high", "double", "Upper end of that interval.", MONEY),
        LakeColumn(
            "value_if_kept",
            "double",
            "The part of it that comes after the next outcome window, given that the customer does not leave in it: "
            "what is lost with a customer who leaves.",
            MONEY,
        ),
        LakeColumn(
            "value_horizon_months",
            "integer",
            "`economics.lifetime.horizon_months`.",
            "months",
            required=True,
        ),
        LakeColumn(
            "observed_months",
            "integer",
            "Months ahead of which outcomes have been observed; beyond them the leaving rate is taken to go on.",
            "months",
        ),
        LakeColumn(
            "better_than_constant",
            "boolean",
            "Whether values that were predicted in this way earlier came out better than the constant, beyond chance; "
            "plans use value_if_kept only then. Null: not judged.",
        ),
        LakeColumn("judged_as_of_date", "date", "The earlier as_of_date; null if there is none."),
    ),
    row_key=("customer_key", "as_of_date"),
    time="by what was known at the as_of_date; money earned since the judged date with all corrections known today",
    retention=OF_THE_COHORT,
)
