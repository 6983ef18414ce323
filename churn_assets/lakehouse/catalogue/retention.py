"""Tables of retention campaigns: whom to contact with which offer, what more budget would earn, and what it brought."""

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
            "What it rests on: measured on so many contacts, mostly assumed while these weigh less than half, or "
            "assumed and why; and whether the plan counts with effects by customer instead.",
            required=True,
        ),
    ),
    row_key=("campaign_id", "offer"),
    time="as known at the as_of_date",
    retention=f"{OF_THE_COHORT}, unless the campaign was approved",
)


def _with_interval(name: str, type_: str, meaning: str, unit: str) -> tuple[LakeColumn, ...]:
    return (
        LakeColumn(name, type_, meaning, unit),
        LakeColumn(f"{name}_low", type_, f"Lower end of the 95 % interval of {name}.", unit),
        LakeColumn(f"{name}_high", type_, f"Upper end of the 95 % interval of {name}.", unit),
    )


def _count(name: str, meaning: str) -> LakeColumn:
    return LakeColumn(name, "long", meaning, "customers", required=True)


CAMPAIGN_RESULTS = Table(
    "retention",
    "campaign_results",
    "one row per as_of_date, origin, campaign, offer or segment of it, and days since its start",
    ("as_of_date",),
    (
        replace(AS_OF_DATE, meaning="End of the month by whose knowledge the campaigns are measured."),
        LakeColumn(
            "origin",
            "string",
            "plan: planned customers against the holdout of retention/campaign_plan; else the source of contacts whose "
            "own control arm is the comparison.",
            required=True,
        ),
        LakeColumn(
            "scope", "string", "campaign, or offer or segment: one offer or segment of it.", required=True
        ),
        LakeColumn(
            "campaign_id", "string", "The campaign; all: all campaigns of the origin together.", required=True
        ),
        LakeColumn("offer", "string", "The offer, or all.", required=True),
        LakeColumn("segment", "string", "The segment, or all.", required=True),
        LakeColumn(
            "days", "integer", "Days from the start within which customers left.", "days", required=True
        ),
        LakeColumn(
            "status",
            "string",
            "fewer left or more left (an effect is claimed, at 5 % for all days, offers or segments of a campaign "
            "together), no effect found (the expected one would have shown), not decidable yet, not matured, no "
            "control arm, or never contacted.",
            required=True,
        ),
        LakeColumn("told", "string", "The result in words.", required=True),
        LakeColumn(
            "started_on",
            "date",
            "as_of_date that the first contacts follow; days count from it.",
            required=True,
        ),
        LakeColumn("matures_on", "date", "Day on which the days of the last start are over.", required=True),
        _count("treated", "Customers who were to be contacted and whose outcome is known, contacted or not."),
        _count("control", "Customers of the control arm whose outcome is known."),
        _count("treated_left", "Of the treated, those who left by their choice."),
        _count("control_left", "Of the control arm, those who left by their choice."),
        _count("waiting", "Customers of both arms whose days are not over."),
        _count("unknown", "Customers of both arms whose days are over and whose outcome is not known."),
        _count("again", "Customers left out, since an earlier campaign of the same holdout counts them."),
        _count("contacted", "Customers who were to be contacted and were, waiting ones included."),
        _count("not_contacted", "Customers who were to be contacted and were not."),
        _count("accepted", "Of the contacted, those who accepted the offer."),
        _count("control_contacted", "Customers of the control arm who were contacted all the same."),
        _count(
            "unplanned",
            "Customers contacted in the campaign's month who were not planned; of whole campaigns.",
        ),
        _count("matched_by_time", "Contacts without a campaign that were matched by customer and time."),
        *_with_interval(
            "difference", "double", "Share of the treated who left, less that of the control arm.", "-1 to 1"
        ),
        *_with_interval(
            "adjusted",
            "double",
            "The difference, adjusted by the churn probability at the start (regression, Lin 2013); null without one.",
            "-1 to 1",
        ),
        *_with_interval(
            "prevented",
            "double",
            "Share of the churn of the treated that was prevented, by `adjusted`.",
            "up to 1",
        ),
        LakeColumn(
            "prevented_of_all",
            "double",
            "Share of the churn of all who might have been contacted that was prevented; null for offers and segments.",
            "up to 1",
        ),
        *_with_interval(
            "saved", "double", "Customers who stayed because of it; below 0: who left.", "customers"
        ),
        *_with_interval(
            "months", "double", "Months of stay won in these days by each treated customer.", "months"
        ),
        *_with_interval("profit", "double", "Months of stay won times margin, less cost.", MONEY),
        LakeColumn("cost", "double", "Cost of contacts and of accepted offers.", MONEY),
        LakeColumn(
            "customers_needed",
            "long",
            "More customers, of both arms, that would show the expected effect (power 80 %); null where nothing is "
            "expected or no number is enough.",
            "customers",
        ),
        LakeColumn("months_needed", "double", "More months of such campaigns for these customers.", "months"),
    ),
    row_key=("as_of_date", "origin", "scope", "campaign_id", "offer", "segment", "days"),
    time="as known at the as_of_date; only days that are over count",
    retention=OF_THE_COHORT,
)
