"""How often things happen to customers, and how much on average: shared by the day-by-day world and by its forecast."""

from __future__ import annotations

import numpy as np

from churn_assets.sources.simulator.dates import Array

# Losing interest: share of engaged customers who begin to on a day, and how deep they fall (uniform).
ONSET_PER_DAY = 0.0016
LEAST_DEPTH, DEPTH_SPREAD = 0.9, 0.8
MEAN_DEPTH = LEAST_DEPTH + DEPTH_SPREAD / 2
# Price rises: share of customers a month, least rise, spread, and the rests between them.
MONTHLY_RISE_SHARE = 0.085
LEAST_RISE, RISE_SPREAD = 0.04, 0.21
MEAN_RISE = LEAST_RISE + RISE_SPREAD * 0.4
RISE_REST_DAYS = 150
RISE_FREE_DAYS = 120
# Outages: chance a day at an average place, regional events, and their length in minutes.
OUTAGE_CHANCE = 0.03
REGIONAL_CHANCE, REGIONAL_REACH = 0.06, 0.25
LEAST_OUTAGE, OUTAGE_SPREAD = 20.0, 40.0
DROPS_PER_DAY = 0.15


def outage_chance(trouble: Array) -> Array:
    """Chance of an outage on a day for a place with the given trouble (standard normal)."""
    return np.asarray(OUTAGE_CHANCE * np.exp(trouble))


def mean_drops(trouble: Array) -> Array:
    """Mean dropped calls a day."""
    return np.asarray(DROPS_PER_DAY * np.exp(0.9 * trouble))


def mean_outage(trouble: Array) -> Array:
    """Mean outage minutes a day, regional events included (five regions)."""
    return (outage_chance(trouble) + REGIONAL_CHANCE * REGIONAL_REACH / 5.0) * (LEAST_OUTAGE + OUTAGE_SPREAD)
