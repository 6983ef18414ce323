"""Which share of all customers left: what the quality of a rule is compared with."""

from collections import Counter
from datetime import date

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.rule_quality import LEFT, STAYED


def leaving_rates(lakehouse: Lakehouse) -> dict[date, float]:
    """As_of_date of each settled cohort -> share of its customers who left within gap and outcome window.

    Customers who neither left by that rule nor stayed are left out, as in a rule's precision.
    """
    if not lakehouse.exists(tables.CHURN_LABELS):
        return {}
    by = ["as_of_date", "outcome"]
    found = lakehouse.aggregate(tables.CHURN_LABELS, by, [("customer_key", "count")]).to_pylist()
    counts: dict[date, Counter[str]] = {}
    for row in found:
        counts.setdefault(row["as_of_date"], Counter())[row["outcome"]] += row["customer_key_count"]
    rates = {}
    for day, outcomes in counts.items():
        left = sum(outcomes[outcome] for outcome in LEFT)
        if left + outcomes[STAYED]:
            rates[day] = left / (left + outcomes[STAYED])
    return rates
