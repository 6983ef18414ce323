"""What each customer of a cohort is worth within the declared horizon, by what was known at the as_of_date.

Customers with a contract: their margin per month times the discounted months that the survival view expects. Without
contracts: the margin of their expected purchases.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.contracts.economics import LifetimeTerms
from churn_assets.contracts.feature import Feature
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.lifetime_value.purchases import (
    BgNbd,
    GammaGamma,
    NoFit,
    alive,
    discounted_purchases,
    expected_purchases,
    expected_spend,
    fit_bg_nbd,
    fit_gamma_gamma,
    relative_errors,
)
from churn_assets.ml.lifetime_value.survival_months import SurvivalCurves
from churn_assets.retention.purchases import purchases_known

if TYPE_CHECKING:
    import pandas as pd

KEY, TENURE = "customer_key", "tenure_days"
SURVIVAL, PURCHASES = "survival", "purchases"
KNOTS = (3, 6, 12)  # months of the survival columns of scores/expected_lifetimes
DAYS_A_MONTH = 365.25 / 12
WEEKS_A_MONTH = DAYS_A_MONTH / 7
Z_95 = 1.959963984540054


class NoValues(Exception):
    """There are no lifetime values of a cohort; the message says why."""


@dataclass(frozen=True)
class CohortValues:
    """Values of the customers of a cohort.

    Attributes:
        day: the as_of_date.
        rows: customer_key, monthly_margin, lifetime_value, lifetime_value_low, lifetime_value_high and value_if_kept;
            null where the margin is not known.
        method: SURVIVAL or PURCHASES.
        observed_months: months ahead of which outcomes have been observed; None: the purchases tell no such limit.
        plain: of each row the margin per month of the past, which the constant goes by.
        rests_on: what the values rest on, as a sentence.
    """

    day: date
    rows: "pd.DataFrame"
    method: str
    observed_months: int | None
    plain: "pd.Series"
    rests_on: str


def terms_of(business: Business) -> LifetimeTerms:
    """Returns `economics.lifetime`.

    Raises:
        ValueError: it is not declared.
    """
    if business.file.economics.lifetime is None:
        raise ValueError(f"churn.yaml of {business.name} declares no `economics.lifetime`")
    return business.file.economics.lifetime


def revenue_of(business: Business, terms: LifetimeTerms) -> Feature:
    """Returns the feature that measures the revenue."""
    return next(f for f in business.features if f.name == terms.revenue)


def cohort_values(
    lakehouse: Lakehouse,
    business: Business,
    day: date,
    horizon: float,
    rate_per_year: float,
    view: "pd.DataFrame | None" = None,
) -> CohortValues:
    """Returns the values of a cohort, by what was known at its as_of_date.

    Args:
        lakehouse: whose tables are read.
        business: with `economics.lifetime`.
        day: the as_of_date.
        horizon: months to count.
        rate_per_year: to discount with.
        view: expected lifetimes, as rows of scores/expected_lifetimes; None: those that are stored.

    Raises:
        NoValues: what they rest on does not exist.
    """
    past = _margins(lakehouse, business, day)
    if business.file.label.policy == "inactivity":
        return _by_purchases(lakehouse, business, day, past, horizon, rate_per_year)
    lifetimes = stored_lifetimes(lakehouse, day) if view is None else view
    return _by_survival(lifetimes, business, day, past, horizon, rate_per_year)


def _margins(lakehouse: Lakehouse, business: Business, day: date) -> "pd.Series":
    """Margin per month of the past, by customer_key; NaN where the revenue is not known.

    Of who came within the window, the months since then count, at least one.
    """
    terms = terms_of(business)
    feature = revenue_of(business, terms)
    wanted: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    columns = [KEY, TENURE, feature.name]
    found = (
        lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, columns, wanted).to_pandas().set_index(KEY).sort_index()
    )
    if feature.months is None:
        raise ValueError(f"{feature.name} has no window in months")
    months = (found[TENURE].astype(float) / DAYS_A_MONTH).clip(1.0, feature.months).fillna(feature.months)
    margins: pd.Series = found[feature.name].astype(float).clip(lower=0.0) * terms.margin / months
    return margins


def stored_lifetimes(lakehouse: Lakehouse, day: date) -> "pd.DataFrame":
    """Returns the rows of scores/expected_lifetimes of a day.

    Raises:
        NoValues: there are none.
    """
    wanted: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    told = lakehouse.exists(tables.EXPECTED_LIFETIMES)
    view = lakehouse.arrow(tables.EXPECTED_LIFETIMES, None, wanted).to_pandas() if told else None
    if view is None or view.empty:
        raise NoValues(f"Nobody's lifetime is expected as of {day}; scores/expected_lifetimes says why.")
    found: pd.DataFrame = view
    return found


def _by_survival(
    lifetimes: "pd.DataFrame", business: Business, day: date, past: "pd.Series", horizon: float, rate: float
) -> CohortValues:
    view = lifetimes.set_index(KEY).sort_index()
    observed = int(view["horizon_months"].iloc[0])
    at = [m for m in KNOTS if m <= observed]
    if not at:
        raise NoValues(f"Outcomes have been observed {observed} months ahead; {KNOTS[0]} are needed.")
    survival = view[[f"survival_{m}m" for m in at]].to_numpy(dtype=float)
    curves = SurvivalCurves.through(np.array(at, dtype=float), survival)
    window = min(business.file.windows.outcome_days / DAYS_A_MONTH, horizon)
    margin = past.reindex(view.index)
    months = {
        name: curves.with_mean(view[name].to_numpy(dtype=float), observed)
        for name in ("expected_months", "expected_months_low", "expected_months_high")
    }
    value, low, high = (curve.discounted(0.0, horizon, rate) * margin for curve in months.values())
    kept = months["expected_months"].discounted(window, horizon, rate) * margin
    rests_on = (
        f"Lifetimes learned from outcomes until {view['learned_until'].iloc[0]}, observed {observed} months ahead; "
        "beyond, the leaving rate is taken to go on."
    )
    return CohortValues(day, _frame(margin, value, low, high, kept), SURVIVAL, observed, margin, rests_on)


def _by_purchases(
    lakehouse: Lakehouse, business: Business, day: date, past: "pd.Series", horizon: float, rate: float
) -> CohortValues:
    terms, seed = terms_of(business), business.file.training.seed
    told = purchases_known(lakehouse, business, revenue_of(business, terms), day)
    try:
        bg_nbd = fit_bg_nbd(told.history, seed)
        gamma_gamma = fit_gamma_gamma(told.purchases, told.mean, seed)
    except NoFit as error:
        raise NoValues(str(error)) from error
    place = told.keys.get_indexer(past.index)
    known = place >= 0
    seen, count, mean = told.history.at(place[known]), told.purchases[place[known]], told.mean[place[known]]
    unit = expected_spend(gamma_gamma, count, mean) * told.kept_share * terms.margin
    ahead = horizon * WEEKS_A_MONTH
    yearly = 365.25 / 7
    whole = discounted_purchases(bg_nbd, seen, 0.0, ahead, rate, yearly)
    window = min(business.file.windows.outcome_days / 7, ahead)
    later = discounted_purchases(bg_nbd, seen, window, ahead, rate, yearly) / alive(bg_nbd, seen)
    wide = np.exp(Z_95 * relative_errors(bg_nbd, gamma_gamma, seen, count, mean, ahead))
    monthly = expected_purchases(bg_nbd, seen, ahead) * unit / horizon

    def spread(values: "np.ndarray") -> "pd.Series":
        full = past * np.nan
        full[known] = values
        return full

    rows = _frame(
        *(spread(v) for v in (monthly, whole * unit, whole * unit / wide, whole * unit * wide, later * unit))
    )
    return CohortValues(day, rows, PURCHASES, None, past, _told(bg_nbd, gamma_gamma, len(told.keys)))


def _told(bg_nbd: BgNbd, gamma_gamma: GammaGamma, customers: int) -> str:
    one, two = bg_nbd, gamma_gamma
    return (
        f"BG/NBD by week: r {one.r:.3g}, alpha {one.alpha:.3g}, a {one.a:.3g}, b {one.b:.3g}; Gamma-Gamma: "
        f"p {two.p:.3g}, q {two.q:.3g}, v {two.v:.4g}; of {customers:,} customers."
    )


def _frame(
    margin: "pd.Series", value: "pd.Series", low: "pd.Series", high: "pd.Series", kept: "pd.Series"
) -> "pd.DataFrame":
    import pandas as pd

    found = pd.DataFrame(
        {
            "monthly_margin": margin,
            "lifetime_value": value,
            # the mean of rounded curves may lie a hair outside
            "lifetime_value_low": np.minimum(low, value),
            "lifetime_value_high": np.maximum(high, value),
            "value_if_kept": kept,
        }
    )
    return found.rename_axis(KEY).reset_index()
