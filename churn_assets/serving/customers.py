"""One row per known customer: the current score with its reasons, or why there is none."""

from collections.abc import Mapping, Set
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.gold_columns import entities
from churn_assets.history.people import survivors
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.monitoring.people_balance import ALL, people_states
from churn_assets.monitoring.people_balance_asset import reader
from churn_assets.months import month_end
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    import pandas as pd

SCORED = "scored"
# state at the as_of_date, as monitoring/people_balance counts it -> status
OF_STATE = {"ended": "former", "merged": "merged", "disappeared": "disappeared", "unknown": "unknown"}
SCORE_COLUMNS = ("as_of_date", "model_version", "raw", "probability", "decile", "driver", *REASON_NAMES)
SEGMENT_COLUMNS = ("segment", "action", "risk_tier", "value_tier", "value")
LIFETIME_COLUMNS = ("expected_months", "expected_months_low", "expected_months_high", "horizon_months")
SURVIVAL_COLUMNS = ("survival_3m", "survival_6m", "survival_12m")
VALUE_COLUMNS = ("lifetime_value", "lifetime_value_low", "lifetime_value_high", "value_horizon_months")


def status_reasons(business: Business, day: date) -> dict[str, str]:
    """Status -> why there is no score, as a sentence."""
    rule, silent = business.file.eligibility, business.file.eligibility.active_within_days
    spell = business.label_source.spell is not None
    return {
        "former": f"No contract was running on {day}."
        if spell
        else f"There was no event in the {silent} days before.",
        "too_new": f"A customer for less than {rule.min_tenure_days} days on {day}, or since then.",
        "in_notice": f"Notice had been given by {day}.",
        "unknown": f"The newest row was refused or is missing, so the state on {day} is not known.",
        "disappeared": "The sources no longer list this customer, and none told an end.",
        "merged": "Merged into another customer, who goes on.",
        "not_scored": f"The cohort of {day} does not hold this customer.",
    }


def statuses(
    lakehouse: Lakehouse, business: Business, month: str, scored: "pd.Index", also: Set[str]
) -> "pd.Series":
    """customer_key -> status at the end of a month, of everybody whom gold or silver then knows, and of `also`."""
    import numpy as np
    import pandas as pd

    read = reader(lakehouse, business, month)
    [(_, told, _)] = people_states(business, read, first_extracts(lakehouse), month, month)
    people, label = told[ALL], told[business.label_source.name]
    tenure = np.datetime64(month_end(month)) - label["first"].reindex(people.index).astype("datetime64[s]")
    new = ~(tenure >= np.timedelta64(business.file.eligibility.min_tenure_days, "D"))
    stays = label["stays"].reindex(people.index).eq(True)
    status = people["state"].map(OF_STATE)
    current = status.isna()
    status[current & (people["state"] == "not yet")] = "too_new"
    status[current & (people["state"] == "now")] = "not_scored"
    now = current & (people["state"] == "now")
    status[now & new] = "too_new"
    status[now & ~stays] = "in_notice"
    today = pd.Index(lakehouse.arrow(tables.CUSTOMERS, ["customer_key"])["customer_key"].to_pylist())
    found = status.reindex(people.index.union(today).union(scored).union(pd.Index(sorted(also))))
    found.loc[scored] = SCORED
    for source in entities(business):  # who has no contract and no event may still be told by an entity
        if source.name in told:
            found = found.fillna(told[source.name]["state"].map(OF_STATE))
            listed = told[source.name].index.intersection(found.index[found.isna()])
            found.loc[listed] = "unknown"
    return found.fillna("too_new")  # first told after that month


def customer_rows(
    lakehouse: Lakehouse,
    business: Business,
    month: str,
    current: Mapping[str, "pd.DataFrame"],
    also: Set[str] = frozenset(),
) -> "pd.DataFrame":
    """The rows of the table `customers`, sorted by customer_key.

    Args:
        lakehouse: for the states of customers and their endings.
        business: whose customers.
        month: of the current scores.
        current: `scores`, `segments` and, if there are any, `lifetimes` and `lifetime_values` of that month.
        also: customers who have a row in any case.
    """

    scores = current["scores"].set_index("customer_key")
    status = statuses(lakehouse, business, month, scores.index, also)
    rows = status.rename("status").rename_axis("customer_key").to_frame()
    rows["status_reason"] = rows["status"].map(status_reasons(business, month_end(month)))
    rows = rows.join(scores[list(SCORE_COLUMNS)])
    rows = rows.join(current["segments"].set_index("customer_key")[list(SEGMENT_COLUMNS)])
    for name, columns in (
        ("lifetimes", [*LIFETIME_COLUMNS, *SURVIVAL_COLUMNS]),
        ("lifetime_values", [*VALUE_COLUMNS]),
    ):
        if name in current:
            rows = rows.join(current[name].set_index("customer_key")[columns])
        else:
            rows[columns] = None
    endings = lakehouse.arrow(tables.CHURN_EVENTS, ["customer_key", "ended_on"]).to_pandas()
    last = endings.sort_values("ended_on").drop_duplicates("customer_key", keep="last")
    last = last.set_index("customer_key")["ended_on"]
    rows["ended_on"] = rows.index.to_series().map(last).where(rows["status"] == "former", None)
    rows["survivor_key"] = rows.index.to_series().map(survivors(lakehouse, business)).astype(object)
    return rows.sort_index().reset_index()
