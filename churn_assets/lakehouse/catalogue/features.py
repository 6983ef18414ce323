"""Tables of features: snapshots and labels of every cohort."""

from dataclasses import replace

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.counts import counted
from churn_assets.lakehouse.catalogue.shared_columns import (
    AS_OF_DATE,
    CURRENT_DAY,
    CUSTOMER_KEY,
    OF_SOURCES,
    OF_THE_COHORT,
    OF_THE_DAY,
)
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

SHARE, COUNT = "share, 0 to 1", "rows"
CUSTOMER_SNAPSHOTS = Table(
    "features",
    "customer_snapshots",
    "one row per eligible customer and as_of_date",
    ("as_of_date",),
    row_key=("customer_key", "as_of_date"),
    time="as known at the as_of_date: only rows with event time and known_at on or before it count",
    retention=OF_THE_COHORT,
)
CURRENT_SNAPSHOT = Table(
    "features",
    "current_snapshot",
    CUSTOMER_SNAPSHOTS.grain,
    ("as_of_date",),
    row_key=CUSTOMER_SNAPSHOTS.row_key,
    time=f"{CUSTOMER_SNAPSHOTS.time}. Months are counted back from the as_of_date, whatever day it is",
    retention=OF_THE_DAY,
)
CHURN_LABELS = Table(
    "features",
    "churn_labels",
    "one row per snapshot: customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn(
            "label",
            "integer",
            "1: churned, 0: stayed; null while pending, and for endings that are neither.",
        ),
        LakeColumn(
            "outcome",
            "string",
            "stayed, churned, involuntary_end, ended_in_gap, ended_before (the snapshot, as known later), "
            "merged (into another customer, who goes on), disappeared (gone from all full extracts without an end), "
            "unknown (a row that would tell was refused, or a merge leads nowhere) or pending.",
            required=True,
        ),
        LakeColumn("ended_on", "date", "Day on which the customer's last spell ended; null without an end."),
        LakeColumn(
            "label_available_at",
            "date",
            "Day of the extract that settles the label; while pending the earliest possible day.",
            required=True,
        ),
        LakeColumn(
            "corrected",
            "boolean",
            "True when the source now tells another outcome than the settled one, which is kept.",
            required=True,
        ),
        LakeColumn(
            "policy",
            "string",
            "Rule that labels: cancellation, lapse or inactivity, the last with the condition on its events, if any.",
            required=True,
        ),
        LakeColumn(
            "observation_months", "integer", "Length of the observation window.", "months", required=True
        ),
        LakeColumn(
            "gap_days", "integer", "Days after the as_of_date that a campaign needs.", "days", required=True
        ),
        LakeColumn(
            "outcome_days", "integer", "Length of the outcome window after the gap.", "days", required=True
        ),
        LakeColumn(
            "settlement_days",
            "integer",
            "Days after the outcome window from which on an extract settles the label.",
            "days",
            required=True,
        ),
        LakeColumn(
            "disappeared",
            "string",
            "What it means that a customer disappears: censored (no label) or churn.",
            required=True,
        ),
    ),
    row_key=("customer_key", "as_of_date"),
    time="the outcome window (as_of_date + gap_days, as_of_date + gap_days + outcome_days], "
    "as known at label_available_at",
    retention="no limit; a settled label is kept when its month is materialised again",
)
MIDMONTH_DAY = replace(
    AS_OF_DATE, meaning="Observation date: one of the days `training.as_of_days` of a month, UTC."
)
MIDMONTH_SNAPSHOTS = replace(CURRENT_SNAPSHOT, name="midmonth_snapshots", retention=OF_THE_COHORT)
MIDMONTH_LABELS = replace(
    CHURN_LABELS,
    name="midmonth_labels",
    columns=tuple(MIDMONTH_DAY if c is AS_OF_DATE else c for c in CHURN_LABELS.columns),
)


def customer_snapshots(business: Business) -> Table:
    """features/customer_snapshots of a business: a column per declared feature and protected attribute."""
    features = {f.name: f for f in business.features}
    tenure = features.pop("tenure_days", None)
    columns = [
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn(
            "known_at",
            "date",
            "End of the month in which the newest row became known that the snapshot rests on.",
            required=True,
        ),
        _tenure(business) if tenure is None else replace(_described(tenure, business), required=True),
        *(_described(f, business) for f in features.values()),
        *(_protected(p) for p in business.protected),
    ]
    return replace(CUSTOMER_SNAPSHOTS, columns=tuple(columns))


def current_snapshot(business: Business) -> Table:
    """features/current_snapshot of a business: features/customer_snapshots, and what is told of the sources."""
    of_day = {
        "as_of_date": CURRENT_DAY,
        "known_at": LakeColumn(
            "known_at",
            "date",
            "End of the month, counted from the as_of_date, in which the newest row became known that the snapshot "
            "rests on.",
            required=True,
        ),
    }
    columns = tuple(of_day.get(column.name, column) for column in customer_snapshots(business).columns)
    return replace(CURRENT_SNAPSHOT, columns=(*columns, *OF_SOURCES))


def midmonth_snapshots(business: Business) -> Table:
    """features/midmonth_snapshots of a business: the columns of features/customer_snapshots."""
    columns = (c for c in current_snapshot(business).columns if c not in OF_SOURCES)
    return replace(
        MIDMONTH_SNAPSHOTS, columns=tuple(MIDMONTH_DAY if c is CURRENT_DAY else c for c in columns)
    )


def _tenure(business: Business) -> LakeColumn:
    since = f"Days since the customer's first row of {business.label_source.name}."
    return LakeColumn("tenure_days", "double", since, unit="days", required=True)


def _protected(attribute: ProtectedAttribute) -> LakeColumn:
    of = f"{attribute.source}.{attribute.column}"
    told = f"{attribute.said} ({of}): models are judged by this column; it is no feature."
    return LakeColumn(attribute.name, "string", _sentence(told))


def _described(feature: Feature, business: Business) -> LakeColumn:
    return LakeColumn(
        feature.name,
        feature.spark_type,
        _sentence(f"{feature.words}: {_computed(feature, business)}."),
        unit=_unit(feature, business),
        time=_window(feature, business),
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _computed(feature: Feature, business: Business) -> str:
    """How the feature is computed from silver."""
    rows, column = f"rows of {feature.source}", f"{feature.source}.{feature.measure or feature.column}"
    condition = f" where {feature.where}" if feature.where else ""
    match feature.aggregate:
        case None:
            return f"{feature.sql}"
        case "sum" | "mean":
            return f"{feature.aggregate} of {column}{condition}"
        case "trend":
            new = "null for customers who came after the earlier window began"
            return f"(last - before) / (last + before) of the sum of {column}{condition}; {new}"
        case "count" | "count_ever":
            return f"number of {rows}{condition}"
        case "share":
            return f"share of {rows} with {feature.category} = {feature.value}{condition}"
        case "recency":
            return f"days since the newest row of {feature.source}{condition}; null without one in the window"
        case "tenure":
            return f"days since the customer's first row of {feature.source}"
        case "days_to_expiry":
            spell = business.source(str(feature.source)).spell
            return f"days from the as_of_date to {feature.source}.{spell.expires_on if spell else ''}"
        case "change":
            earlier = f"{counted(feature.months or 0, 'month')} earlier"
            return f"{column} minus its value known {earlier}; null if none was known then"
        case "change_recency":
            return f"days since a change of {column} became known; null without one in the window"
        case "attribute":
            return column


def _unit(feature: Feature, business: Business) -> str | None:
    match feature.aggregate:
        case "recency" | "tenure" | "days_to_expiry" | "change_recency":
            return "days"
        case "count" | "count_ever":
            return COUNT
        case "share":
            return SHARE
        case "trend":
            return "-1 to 1"
        case "sum" | "mean" | "change" | "attribute":
            column = business.source(str(feature.source)).column(str(feature.measure or feature.column))
            return column.unit
    return None


def _window(feature: Feature, business: Business) -> str:
    """The observation window, where the feature has one."""
    if feature.days:
        return f"(as_of_date - {feature.days} days, as_of_date]"
    if feature.aggregate in ("count_ever", "tenure"):
        grows = "" if business.source(str(feature.source)).spell else "; grows with the length of the history"
        return f"all that was known at the as_of_date{grows}"
    if feature.months and feature.aggregate != "change":
        reach = feature.months * (2 if feature.aggregate == "trend" else 1)
        return f"(as_of_date - {counted(reach, 'month')}, as_of_date]"
    return ""
