"""Random draws that come out the same again: of who is in the holdout, and of who explores which offer.

A draw is a hash of the seed, of what is drawn, and of the customer_key. So it does not depend on the order of the
customers or on who else is there.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.months import add_months, month_index

OF_64_BITS = 2.0**64


def uniform(keys: "pd.Series", *drawn: object) -> NDArray[np.float64]:
    """A number from 0 to 1 for each key.

    Args:
        keys: customer_key.
        drawn: what is drawn: the seed, the campaign, the purpose.
    """
    text = "|".join(map(str, drawn)) + "|" + keys.astype(str)
    hashed = pd.util.hash_array(text.to_numpy(dtype=object), categorize=False)
    return np.asarray(hashed, dtype=np.float64) / OF_64_BITS


def holdout_months(month: str, months: int) -> tuple[str, str]:
    """First and last month (YYYY-MM) of the holdout that a month belongs to, counted from January of year 0."""
    first = add_months(month, -(month_index(month) % months))
    return first, add_months(first, months - 1)


def in_holdout(
    keys: "pd.Series", strata: Mapping[str, str], share: float, seed: int, holdout_id: str
) -> NDArray[np.bool_]:
    """Whether each customer is in the holdout.

    Of those who were there when it was drawn, the share is kept in each stratum, to a customer; where the share of a
    stratum is no whole number, chance rounds it. Whoever comes later is drawn alone.

    Args:
        keys: customer_key of the customers now.
        strata: customer_key -> stratum, of everybody who was there when the holdout was drawn.
        share: of the customers.
        seed: of churn.yaml.
        holdout_id: of the draw.
    """
    drawn = pd.DataFrame({"key": list(strata), "stratum": list(strata.values())}, dtype=object)
    drawn["u"] = uniform(drawn["key"], seed, holdout_id, "holdout")
    drawn = drawn.sort_values(["stratum", "u", "key"])
    place = drawn.groupby("stratum").cumcount()
    size = drawn.groupby("stratum")["key"].transform("size")
    rounding = uniform(drawn["stratum"], seed, holdout_id, "rounding")
    chosen = set(drawn.loc[place < np.floor(share * size + rounding), "key"])
    known = keys.isin(drawn["key"]).to_numpy()
    alone = uniform(keys, seed, holdout_id, "holdout") < share
    return np.where(known, keys.isin(chosen).to_numpy(), alone)
