"""Tables of what offers change, customer by customer."""

from dataclasses import replace

from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE, CUSTOMER_KEY, OF_THE_COHORT
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

OFFER = LakeColumn("offer", "string", "Offer of churn.yaml.", required=True)
CHURN = "churn probability, -1 to 1"


def _interval(name: str, meaning: str) -> tuple[LakeColumn, ...]:
    return (
        LakeColumn(name, "double", meaning, CHURN),
        LakeColumn(f"{name}_low", "double", f"Lower end of the 95 % interval of {name}.", CHURN),
        LakeColumn(f"{name}_high", "double", f"Upper end of the 95 % interval of {name}.", CHURN),
    )


OFFER_UPLIFT = Table(
    "retention",
    "offer_uplift",
    "one row per as_of_date and offer",
    ("as_of_date",),
    (
        replace(AS_OF_DATE, meaning="End of the month by whose knowledge effects are learned and judged."),
        OFFER,
        LakeColumn(
            "used",
            "boolean",
            "Whether the plan uses effects by customer; else the constant effect of the offer.",
            required=True,
        ),
        LakeColumn("told", "string", "Why, in words.", required=True),
        LakeColumn(
            "contacts", "long", "Contacts with a known outcome, in campaigns with both arms.", "contacts"
        ),
        LakeColumn("controls", "long", "Their controls.", "contacts"),
        LakeColumn(
            "learner",
            "string",
            "two models, X-learner, doubly robust, or doubly robust, linear; null if nothing was learned.",
        ),
        LakeColumn(
            "trust",
            "double",
            "Share of what the learner says above the constant effect that is believed; 0: nothing holds for customers "
            "that it did not learn from.",
            "0 to 1",
        ),
        LakeColumn(
            "judged_contacts", "long", "Of both arms, those of the later time that judged.", "contacts"
        ),
        *_interval("qini", "Qini coefficient on the later contacts; 0 is a random order."),
        *_interval(
            "qini_gain", "The same above that of the constant effect; used only if its interval is above 0."
        ),
        *_interval(
            "uplift_top_tenth", "Fall of the churn probability in the tenth with the largest estimates."
        ),
        LakeColumn(
            "contacts_needed",
            "long",
            "Contacts and controls of a later time with which a gain like this would show; null where there is none.",
            "contacts",
        ),
        LakeColumn(
            "mlflow_run_id",
            "string",
            "Run in MLflow with the card of all offers; null if nothing was learned of any.",
        ),
    ),
    row_key=("as_of_date", "offer"),
    time="by contacts and outcomes that were known at the as_of_date",
    retention=OF_THE_COHORT,
)
EFFECT_GROUPS = Table(
    "retention",
    "effect_groups",
    "one row per as_of_date, offer and group of customers of the later contacts that judged",
    ("as_of_date",),
    (
        AS_OF_DATE,
        OFFER,
        LakeColumn(
            "grouping",
            "string",
            "kind: by the estimated effect (persuadable, little changed, woken up; everybody where no difference "
            "between customers held); segment: by the segment then.",
            required=True,
        ),
        LakeColumn("group_value", "string", "The kind or the segment.", required=True),
        LakeColumn("contacts", "long", "Contacts of the group.", "contacts"),
        LakeColumn("controls", "long", "Their controls.", "contacts"),
        LakeColumn("woken", "double", "Share of them whose estimated effect is below 0.", "0 to 1"),
        LakeColumn("estimated", "double", "Mean of the estimated falls of the churn probability.", CHURN),
        *_interval(
            "seen",
            "Mean fall of the churn probability that was seen, doubly robust; null where fewer than 5 left in an arm.",
        ),
    ),
    row_key=("as_of_date", "offer", "grouping", "group_value"),
    time="by contacts and outcomes that were known at the as_of_date",
    retention=OF_THE_COHORT,
)
CUSTOMER_EFFECTS = Table(
    "retention",
    "customer_effects",
    "one row per customer and offer whose effects the plan uses by customer",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        OFFER,
        LakeColumn(
            "effect",
            "double",
            "Expected fall of the churn probability by the offer; below 0 it drives the customer away.",
            CHURN,
            required=True,
        ),
    ),
    row_key=("customer_key", "as_of_date", "offer"),
    time="by what was known at the as_of_date",
    retention=OF_THE_COHORT,
)
