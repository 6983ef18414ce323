"""The table catalogue: every Delta table of the lake by name.

The package `catalogue` describes each table. A table whose columns depend on the business is a function of the
business; to read it, the constant of the same name is enough. Docs, erasure and backup use the list that the function
`catalogue` returns.
"""

from collections.abc import Sequence

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.catalogue.alerts import CRM_CUSTOMERS, RISK_ALERTS
from churn_assets.lakehouse.catalogue.bronze_and_silver import (
    CUSTOMER_KEYS,
    FINDINGS,
    QUARANTINE,
    RECONCILIATION,
    bronze,
    customer_identity,
    silver,
)
from churn_assets.lakehouse.catalogue.features import (
    CHURN_LABELS,
    CURRENT_SNAPSHOT,
    CUSTOMER_SNAPSHOTS,
    MIDMONTH_LABELS,
    MIDMONTH_SNAPSHOTS,
    current_snapshot,
    customer_snapshots,
    midmonth_snapshots,
)
from churn_assets.lakehouse.catalogue.gold import (
    CHURN_EVENTS,
    CHURN_RATES,
    CUSTOMER_MONTHS,
    CUSTOMERS,
    RETENTION_COHORTS,
    customer_months,
    customers,
)
from churn_assets.lakehouse.catalogue.models import CHAMPIONS, TRAINING_RUNS
from churn_assets.lakehouse.catalogue.monitoring import DRIFT, MODEL_PERFORMANCE, PEOPLE_BALANCE
from churn_assets.lakehouse.catalogue.operations import (
    AUDIT_ACTS,
    BACKUPS,
    CAMPAIGNS,
    CHANGES,
    CONFIGURATION_ITEMS,
    DRILLS,
    EVENTS,
    INCIDENTS,
    PROBLEMS,
    SERVICE_LEVELS,
)
from churn_assets.lakehouse.catalogue.retention import (
    BUDGET_CURVE,
    CAMPAIGN_PLAN,
    CAMPAIGN_RESULTS,
    OFFER_EFFECTS,
)
from churn_assets.lakehouse.catalogue.scores import (
    CHURN_SCORES,
    CURRENT_SCORES,
    CUSTOMER_SEGMENTS,
    EXPECTED_LIFETIMES,
    LIFETIME_QUALITY,
    RETENTION_CURVES,
)
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table
from churn_assets.lakehouse.catalogue.uplift import CUSTOMER_EFFECTS, EFFECT_GROUPS, OFFER_UPLIFT
from churn_assets.lakehouse.catalogue.values import LIFETIME_VALUES
from churn_assets.months import month_end, month_start

__all__ = [
    "AUDIT_ACTS",
    "BACKUPS",
    "BUDGET_CURVE",
    "CAMPAIGNS",
    "CAMPAIGN_PLAN",
    "CAMPAIGN_RESULTS",
    "CHAMPIONS",
    "CHANGES",
    "CHURN_EVENTS",
    "CHURN_LABELS",
    "CHURN_RATES",
    "CHURN_SCORES",
    "CONFIGURATION_ITEMS",
    "CRM_CUSTOMERS",
    "CURRENT_SCORES",
    "CURRENT_SNAPSHOT",
    "CUSTOMERS",
    "CUSTOMER_EFFECTS",
    "CUSTOMER_KEYS",
    "CUSTOMER_MONTHS",
    "CUSTOMER_SEGMENTS",
    "CUSTOMER_SNAPSHOTS",
    "DRIFT",
    "DRILLS",
    "EFFECT_GROUPS",
    "EVENTS",
    "EXPECTED_LIFETIMES",
    "FINDINGS",
    "INCIDENTS",
    "LIFETIME_QUALITY",
    "LIFETIME_VALUES",
    "MIDMONTH_LABELS",
    "MIDMONTH_SNAPSHOTS",
    "MODEL_PERFORMANCE",
    "OFFER_EFFECTS",
    "OFFER_UPLIFT",
    "PEOPLE_BALANCE",
    "PROBLEMS",
    "QUARANTINE",
    "RECONCILIATION",
    "RETENTION_COHORTS",
    "RETENTION_CURVES",
    "RISK_ALERTS",
    "SERVICE_LEVELS",
    "TRAINING_RUNS",
    "LakeColumn",
    "Table",
    "as_of_between",
    "between",
    "bronze",
    "catalogue",
    "current_snapshot",
    "customer_identity",
    "customer_months",
    "customer_snapshots",
    "customers",
    "midmonth_snapshots",
    "silver",
]


def catalogue(business: Business) -> list[Table]:
    """Every table of the business's lake with its columns, in the order of the pipeline."""
    has_identity = any(s.personal for s in business.sources)
    campaigns = business.file.campaigns
    within_months = business.file.training.as_of_days
    return [
        *(bronze(s) for s in business.sources),
        CUSTOMER_KEYS,
        *(silver(s) for s in business.sources),
        *([customer_identity(business)] if has_identity else []),
        QUARANTINE,
        FINDINGS,
        RECONCILIATION,
        customers(business),
        customer_months(business),
        CHURN_EVENTS,
        CHURN_RATES,
        RETENTION_COHORTS,
        customer_snapshots(business),
        CHURN_LABELS,
        *([midmonth_snapshots(business), MIDMONTH_LABELS] if within_months else []),
        current_snapshot(business),
        TRAINING_RUNS,
        CHAMPIONS,
        CHURN_SCORES,
        CUSTOMER_SEGMENTS,
        CURRENT_SCORES,
        EXPECTED_LIFETIMES,
        RETENTION_CURVES,
        LIFETIME_QUALITY,
        *([LIFETIME_VALUES] if business.file.economics.lifetime else []),
        *(
            [OFFER_UPLIFT, EFFECT_GROUPS, CUSTOMER_EFFECTS]
            if campaigns is not None and campaigns.has_control
            else []
        ),
        CAMPAIGN_PLAN,
        BUDGET_CURVE,
        OFFER_EFFECTS,
        CAMPAIGN_RESULTS,
        RISK_ALERTS,
        *([CRM_CUSTOMERS] if business.file.alerts.crm else []),
        MODEL_PERFORMANCE,
        DRIFT,
        PEOPLE_BALANCE,
        INCIDENTS,
        PROBLEMS,
        CHANGES,
        CAMPAIGNS,
        CONFIGURATION_ITEMS,
        SERVICE_LEVELS,
        BACKUPS,
        DRILLS,
        EVENTS,
        AUDIT_ACTS,
    ]


def between(months: Sequence[str], column: str = "extract_month") -> str:
    """SQL predicate of a contiguous range of month partitions."""
    return f"{column} >= '{months[0]}' AND {column} <= '{months[-1]}'"


def one_of(months: Sequence[str], column: str = "extract_month") -> str:
    """SQL predicate of some month partitions, contiguous or not."""
    return f"{column} IN ({', '.join(repr(month) for month in months)})"


def as_of_between(months: Sequence[str]) -> str:
    """SQL predicate of the as_of dates in a contiguous range of months."""
    return f"as_of_date >= '{month_start(months[0])}' AND as_of_date <= '{month_end(months[-1])}'"
