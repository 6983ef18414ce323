"""scores/retention_curves: the share of customers that is still there at each tenure, for all and by groups."""

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.array_tiers import rank_tiers
from churn_assets.ml.portable.transformation import MISSING, numbers
from churn_assets.ml.survival.follow_up import DAYS_A_MONTH
from churn_assets.ml.survival.kaplan_meier import RetentionCurve, customer_steps, kaplan_meier
from churn_assets.scores.past_snapshots import KEYS, TENURE, Past

if TYPE_CHECKING:
    import pandas as pd

EVERYBODY = "all"
VALUE_TIER, SEGMENT = "value tier", "segment"
# A group of fewer customers is not shown.
LEAST_CUSTOMERS = 50
# Values of a grouping that are shown, the most frequent first.
MOST_VALUES = 12


def curve_columns(business: Business, held: set[str]) -> list[str]:
    """Returns the columns of the snapshots that the curves need."""
    named = [f.name for f in business.features if f.kind == "category" and f.name in held]
    return list(dict.fromkeys([TENURE, business.file.segments.value.feature, *named]))


def retention_rows(lakehouse: Lakehouse, business: Business, past: Past, day: date) -> list[dict[str, Any]]:
    """Returns the rows of one as_of_date, from `past` as known then."""
    past = past.without_overlaps()
    seen = past.landmarks().seen
    ages = (past.snapshots[TENURE].to_numpy() // (DAYS_A_MONTH * past.step)).astype(np.int64)
    row, age, left = customer_steps(np.maximum(ages, 0), seen)
    customers = past.labels["customer_key"].to_numpy(dtype=object)[row]
    found = []
    for grouping, values in _groupings(lakehouse, business, past).items():
        of = values[row]
        for value in _shown(of, customers):
            chosen = of == value
            curve = kaplan_meier(age[chosen], left[chosen])
            if curve is not None:
                found += _rows(
                    curve, past.step, {"as_of_date": day, "grouping": grouping, "group_value": value}
                )
    return found


def _groupings(lakehouse: Lakehouse, business: Business, past: Past) -> "dict[str, np.ndarray]":
    """Returns grouping -> the group of each snapshot (None: in none of them)."""
    everybody = np.full(len(past.labels), EVERYBODY, dtype=object)
    found = {EVERYBODY: everybody, VALUE_TIER: _value_tiers(past, business)}
    for feature in business.features:
        if feature.kind == "category" and feature.name in past.snapshots:
            values = past.snapshots[feature.name].astype(object)
            found[feature.name] = values.where(values.notna(), MISSING).to_numpy(dtype=object)
    if (segments := _segments(lakehouse, past)) is not None:
        found[SEGMENT] = segments
    return found


def _value_tiers(past: Past, business: Business) -> "np.ndarray":
    """Returns the value tier of each snapshot, by rank within its cohort, as in scores/customer_segments."""
    rules = business.file.segments.value
    values = numbers(past.snapshots[rules.feature])
    values = np.where(np.isnan(values), -np.inf, values)
    keys = past.labels["customer_key"].to_numpy(dtype=object)
    tiers = np.empty(len(values), dtype=object)
    for month in past.labels["month"].unique():
        of = (past.labels["month"] == month).to_numpy()
        tiers[of] = rank_tiers(values[of], keys[of], rules.bounds)
    return tiers


def _segments(lakehouse: Lakehouse, past: Past) -> "np.ndarray | None":
    """Returns the segment of each snapshot; None for cohorts that nobody scored. None if there is no segment at all."""
    if not lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        return None
    days = past.labels["as_of_date"].unique().tolist()
    table = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, [*KEYS, "segment"], [("as_of_date", "in", days)])
    if not table.num_rows:
        return None
    segments: pd.DataFrame = past.labels[KEYS].merge(table.to_pandas(), on=KEYS, how="left")
    told = segments["segment"].astype(object)
    return told.where(told.notna(), None).to_numpy(dtype=object)


def _shown(of: "np.ndarray", customers: "np.ndarray") -> list[str]:
    """Returns the values with at least LEAST_CUSTOMERS customers, the most frequent first."""
    import pandas as pd

    sizes = pd.Series(customers).groupby(of).nunique()
    sizes = sizes[sizes >= LEAST_CUSTOMERS]
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], str(item[0])))
    return [str(value) for value, _ in ranked[:MOST_VALUES]]


def _rows(curve: RetentionCurve, step: int, of: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **of,
            "from_months": curve.first_age * step,
            "tenure_months": (curve.first_age + at + 1) * step,
            "at_risk": int(curve.at_risk[at]),
            "leavers": int(curve.left[at]),
            "retention": float(curve.retention[at]),
            "retention_low": float(curve.low[at]),
            "retention_high": float(curve.high[at]),
        }
        for at in range(len(curve.retention))
    ]
