"""Tables of alerts: who was told of a change, and what the company's CRM was given."""

from churn_assets.lakehouse.catalogue.scores import PROBABILITY
from churn_assets.lakehouse.catalogue.shared_columns import CUSTOMER_KEY
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

STATES = ("new", "delivered", "acknowledged", "suppressed")


def _needed(name: str, kind: str, meaning: str, unit: str | None = None) -> LakeColumn:
    return LakeColumn(name, kind, meaning, unit, required=True)


RISK_ALERTS = Table(
    "alerts",
    "risk_alerts",
    "one row per as_of_date, rule and customer whose change the rule found",
    ("as_of_date",),
    (
        _needed("alert_id", "string", "Made of as_of_date, rule and customer; 16 hexadecimal digits."),
        _needed("as_of_date", "date", "Day as of which the customer had changed, UTC."),
        CUSTOMER_KEY,
        _needed("rule", "string", "Name of the rule in churn.yaml."),
        LakeColumn("channel", "string", "Channels that tell it, joined by `, `; null: it is only shown."),
        _needed("model_version", "string", "Version of the model whose score changed."),
        LakeColumn("compared_with", "date", "Earlier day that the customer was compared with."),
        LakeColumn("old_value", "string", "Value on that day, as text: a probability, a tier, a driver."),
        LakeColumn("new_value", "string", "The same as of the as_of_date."),
        PROBABILITY,
        _needed(
            "importance",
            "double",
            "Probability x margin: what a contact in time is worth, in the currency of churn.yaml. Alerts of a day are "
            "told in this order.",
            "currency",
        ),
        LakeColumn("reason_1", "string", "Strongest reason in words; null without one."),
        LakeColumn("reason_2", "string", "Second reason in words; null without one."),
        LakeColumn("reason_3", "string", "Third reason in words; null without one."),
        _needed(
            "action",
            "string",
            "Action that the customer's segment recommends, or the rule where the segment recommends no contact.",
        ),
        _needed("state", "string", "new, delivered, acknowledged or suppressed."),
        LakeColumn("why", "string", "Why it was suppressed; null: it was not."),
        _needed("created_at", "timestamp", "When the rule found it."),
        LakeColumn("delivered_at", "timestamp", "When the last of its channels accepted it."),
        LakeColumn("acknowledged_at", "timestamp", "When somebody said that they take care of it."),
        LakeColumn("acknowledged_by", "string", "Who said so.", personal=True),
        LakeColumn("note", "string", "What they wrote; it may name people.", personal=True),
        LakeColumn("outbox", "string", "Outbox of the home that tells it; null where it is not told."),
        LakeColumn(
            "outcome",
            "string",
            "What became of the customer within gap and outcome window: as in features/churn_labels; null until it can "
            "be known.",
        ),
        LakeColumn("outcome_known_at", "date", "Extract of the label's source that settled the outcome."),
    ),
    row_key=("alert_id",),
    time="as known at the as_of_date; state and outcome as of now",
)
CRM_CUSTOMERS = Table(
    "alerts",
    "crm_customers",
    "one row per CRM and customer that it was given",
    ("crm",),
    (
        _needed("crm", "string", "Name of the CRM in churn.yaml."),
        CUSTOMER_KEY,
        LakeColumn("given", "string", "Fields and values that the CRM accepted last, as JSON; null: none."),
        LakeColumn("given_at", "timestamp", "When it accepted them."),
        LakeColumn("why", "string", "Why it did not accept the newest values; null: it did."),
    ),
    row_key=("crm", "customer_key"),
    time="as of the last run",
)
