"""Rates and mean sizes of the events of customers, shared by the day-by-day simulation and the forecast."""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import Array

# Loss of interest: share of engaged customers who begin to disengage on a day, depth of the fall (uniform) and its
# speed; share of the falling who recover on a day, and their speed.
ONSET_PER_DAY = 0.0016
LEAST_DEPTH, DEPTH_SPREAD = 0.9, 0.8
MEAN_DEPTH = LEAST_DEPTH + DEPTH_SPREAD / 2
FALL_PER_DAY = 1.0 / 25.0
RECOVERY_PER_DAY = 1.0 / 100.0
RETURN_PER_DAY = 1.0 / 35.0
# Price rises: share of customers per month, least rise, spread, days without a rise after a rise and after joining.
MONTHLY_RISE_SHARE = 0.085
LEAST_RISE, RISE_SPREAD = 0.04, 0.21
RISE_REST_DAYS = 150
RISE_FREE_DAYS = 120
# Contracts that expire without notice: share that is renewed for another term; the others become monthly.
RENEWAL_SHARE = 0.62
# Days from the decision to the last day of service: share with 0 days, share with 5-20; the others have 1-3.
SAME_DAY_SHARE = 0.5
LONG_NOTICE_SHARE = 0.15
LEAST_LONG_NOTICE, MOST_LONG_NOTICE, MOST_SHORT_NOTICE = 5, 20, 3
# Outages: chance per day at an average place; regional events: chance per day and share of customers hit; minutes.
OUTAGE_CHANCE = 0.03
REGIONAL_CHANCE, REGIONAL_REACH = 0.06, 0.25
LEAST_OUTAGE, OUTAGE_SPREAD = 20.0, 40.0
DROPS_PER_DAY = 0.15


def onset_chance(dissatisfaction: Array) -> Array:
    """Chance per day that an engaged customer begins to lose interest."""
    return np.asarray(ONSET_PER_DAY * np.exp(0.4 * np.minimum(dissatisfaction, 2.5)))


def change_of_fall(fall: Array, falling: Array, depth: Array) -> Array:
    """Change of disengagement in a day: towards `depth` while falling, else towards 0."""
    return np.where(falling, (depth - fall) * np.float32(FALL_PER_DAY), -fall * np.float32(RETURN_PER_DAY))


def rise_share(luck: Array) -> Array:
    """Height of a price rise (0.04 to 0.25) from a uniform number in [0, 1)."""
    return np.asarray(LEAST_RISE + RISE_SPREAD * luck**1.5)


def notice_chances() -> Array:
    """Chance of 0, 1, 2, ... days from the decision to the last day of service."""
    chances = np.zeros(MOST_LONG_NOTICE + 1)
    chances[0] = SAME_DAY_SHARE
    chances[1 : MOST_SHORT_NOTICE + 1] = (1.0 - SAME_DAY_SHARE - LONG_NOTICE_SHARE) / MOST_SHORT_NOTICE
    long = slice(LEAST_LONG_NOTICE, MOST_LONG_NOTICE + 1)
    chances[long] = LONG_NOTICE_SHARE / len(chances[long])
    return chances


def outage_chance(trouble: Array) -> Array:
    """Chance of an outage per day at a place with the given network trouble (standard normal)."""
    return np.asarray(OUTAGE_CHANCE * np.exp(trouble))


def mean_drops(trouble: Array) -> Array:
    """Mean dropped calls per day."""
    return np.asarray(DROPS_PER_DAY * np.exp(0.9 * trouble))


def mean_outage(trouble: Array) -> Array:
    """Mean outage minutes per day, regional events included (five regions)."""
    return (outage_chance(trouble) + REGIONAL_CHANCE * REGIONAL_REACH / 5.0) * (LEAST_OUTAGE + OUTAGE_SPREAD)
