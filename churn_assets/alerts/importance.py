"""How important an alert is: the probability of losing the customer times what a customer who stays brings."""

from typing import TYPE_CHECKING

from churn_assets.contracts.economics import Economics

if TYPE_CHECKING:
    import pandas as pd


def importance(scores: "pd.DataFrame", economics: Economics) -> "pd.Series":
    """Probability x margin of each row of a day's current scores, in the currency of churn.yaml; at least 0.

    The margin is lifetime_value less the offer. `lifetime_value` is that of the mean customer; that of another one is
    in proportion to the column `value`. A customer of unknown value counts as the mean one.
    """
    value = scores["value"].astype("float64").clip(lower=0)
    mean = value.mean()
    share = value / mean if mean > 0 else value * float("nan")
    margin = economics.lifetime_value * share.fillna(1.0) - economics.offer
    return scores["probability"] * margin.clip(lower=0)
