"""Tables of retention campaigns: whom to contact with which offer, and what more budget would earn."""

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
            "holdout_draw",
            "string",
            "Share of the holdout and seed by which it was drawn. Until an approval other ones draw it anew.",
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
            "Value of the customer who stays: lifetime_value times their own margin against the mean of the cohort; "
            "null where the margin is not known.",
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
OFFER_EFFECTS = Table(
    "retention",
    "offer_effects",
    "one row per campaign and offer",
    ("as_of_date",),
    (
        AS_OF_DATE,
        CAMPAIGN_ID,
        LakeColumn("offer", "string", "Offer of churn.yaml.", required=True),
        LakeColumn("words", "string", "The offer in words for people.", required=True),
        LakeColumn("channel", "string", "How customers are contacted with it.", required=True),
        LakeColumn("condition", "string", "Condition of churn.yaml: whom it may go to; null: everybody."),
        LakeColumn(
            "may_get_it", "long", "Scored customers who fulfil the condition.", "customers", required=True
        ),
        LakeColumn(
            "contacted", "long", "Customers whom the plan contacts with it.", "customers", required=True
        ),
        LakeColumn("contact_cost", "double", "Cost of one contact.", MONEY, required=True),
        LakeColumn("offer_cost", "double", "Cost of the offer if it is accepted.", MONEY, required=True),
        LakeColumn(
            "acceptance", "double", "Expected share of the contacted who accept it.", "0 to 1", required=True
        ),
        LakeColumn(
            "expected_cost", "double", "contact_cost + acceptance times offer_cost.", MONEY, required=True
        ),
        LakeColumn(
            "prevented",
            "double",
            "Expected share of the churn of those who get it that it prevents; below 0 it adds churn.",
            "below 1",
            required=True,
        ),
        LakeColumn("low", "double", "Lower end of its 95 % interval.", "below 1", required=True),
        LakeColumn("high", "double", "Upper end of its 95 % interval.", "below 1", required=True),
        LakeColumn(
            "basis",
            "string",
            "What it rests on: measured on so many contacts, or assumed and why.",
            required=True,
        ),
    ),
    row_key=("campaign_id", "offer"),
    time="as known at the as_of_date",
    retention=f"{OF_THE_COHORT}, unless the campaign was approved",
)
