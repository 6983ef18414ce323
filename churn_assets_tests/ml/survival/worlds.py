"""Small worlds with known hazards: labels of monthly cohorts as the asset graph would settle them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FIRST_MONTH = 24_000


def follow_world(hazard: NDArray[np.float64], months: int, seed: int = 1, lost: float = 0.02) -> pd.DataFrame:
    """Labels of customers with a constant monthly hazard each, observed from some month on (left truncation).

    Columns: customer_key, month, label, outcome, ended_on, age (whole months since the customer came). A share `lost`
    of the customer-months ends in a label that is not known.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for customer, chance in enumerate(hazard):
        joined = int(rng.integers(-30, months))
        for month in range(joined, months):
            draw = rng.random()
            unknown = rng.random() < lost
            if month >= 0:
                outcome = "unknown" if unknown else "churned" if draw < chance else "stayed"
                label = {"unknown": None, "churned": 1, "stayed": 0}[outcome]
                rows.append((f"{customer:06d}", FIRST_MONTH + month, label, outcome, None, month - joined))
            if draw < chance or (unknown and month >= 0):
                break
    columns = ["customer_key", "month", "label", "outcome", "ended_on", "age"]
    return pd.DataFrame(rows, columns=columns)
