"""Randomised contacts whose true effects are known."""

import numpy as np

from churn_assets.ml.uplift.trial import Floats, RandomisedContacts


def contacts(
    count: int, seed: int = 1, differ: float = 1.0, share: float = 0.5, times: int = 6
) -> tuple[RandomisedContacts, Floats]:
    """Contacts of customers with two features that matter, and the true effects.

    The second feature says how the offer works: it keeps some and drives others away; in the mean it prevents a tenth
    of the churn.

    Args:
        count: contacts and controls; a customer has two of them.
        seed: of the world.
        differ: how much effects differ; 0: each is a tenth of the churn probability.
        share: of the treated.
        times: dates.
    """
    rng = np.random.default_rng(seed)
    risk_at, works_at = rng.normal(size=count), rng.uniform(-1, 1, count)
    churn = 1 / (1 + np.exp(1.6 - 0.8 * risk_at))
    effect = churn * (0.1 + 0.5 * differ * works_at)
    treated = rng.random(count) < share
    left = rng.random(count) < np.clip(churn - treated * effect, 0, 1)
    features = np.column_stack([risk_at, works_at, rng.normal(size=(count, 3))])
    time = np.sort(rng.integers(0, times, count))
    customer = np.arange(count) // 2
    trial = RandomisedContacts(
        features=features,
        risk=churn,
        constant=0.1 * churn,
        treated=treated,
        churned=left,
        propensity=np.full(count, share),
        customer=customer,
        time=time,
    )
    return trial, effect
