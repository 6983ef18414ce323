"""Simulates network trouble, engagement, travel and the resulting daily usage."""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import Array, to_date
from churn_assets.simulator.event_rates import (
    DEPTH_SPREAD,
    LEAST_DEPTH,
    LEAST_OUTAGE,
    OUTAGE_SPREAD,
    RECOVERY_PER_DAY,
    REGIONAL_CHANCE,
    REGIONAL_REACH,
    change_of_fall,
    mean_drops,
    onset_chance,
    outage_chance,
)
from churn_assets.simulator.population import PLAN_DATA, PLAN_VOICE, REGIONS, Population
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import ROLLING_DAYS, State

WEEKDAY_DATA = (0.95, 0.95, 0.97, 0.98, 1.05, 1.15, 1.1)
WEEKDAY_VOICE = (1.05, 1.05, 1.05, 1.05, 1.1, 0.85, 0.75)
USAGE_COLUMNS = ("voice_minutes", "sms_count", "data_mb", "roaming_mb", "dropped_calls", "outage_minutes")


class Network:
    """Outages and dropped calls; the quality of each customer's place changes slowly, and regional events occur."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.outage_ring = np.zeros((ROLLING_DAYS, size), dtype=np.float32)
        self.drops_ring = np.zeros((ROLLING_DAYS, size), dtype=np.float32)

    def step(self, state: State, day: int) -> tuple[Array, Array]:
        """Returns outage minutes (float32) and dropped calls (float32, whole) of the day; updates the 30-day sums."""
        random = stream(self.seed, "network", day)
        size = len(state.alive)
        trouble = state.network_trouble
        # An Ornstein-Uhlenbeck step with a time constant of 200 days keeps the variance at one.
        trouble += -trouble / 200.0 + random.standard_normal(size, dtype=np.float32) * np.float32(0.1)
        outage = np.zeros(size, dtype=np.float32)
        struck = random.random(size, dtype=np.float32) < outage_chance(trouble)
        if random.random() < REGIONAL_CHANCE:
            where = int(random.integers(len(REGIONS)))
            struck |= (state.region == where) & (random.random(size, dtype=np.float32) < REGIONAL_REACH)
        hit = np.flatnonzero(struck)
        outage[hit] = np.round(LEAST_OUTAGE + random.exponential(OUTAGE_SPREAD, len(hit)))
        drops = random.poisson(mean_drops(trouble)).astype(np.float32)
        slot = day % ROLLING_DAYS
        for ring, total, today in (
            (self.outage_ring, state.outage, outage),
            (self.drops_ring, state.drops, drops),
        ):
            total += (today - ring[slot, :size]) * state.alive
            ring[slot, :size] = today * state.alive
        return outage, drops


def step_engagement(seed: int, state: State, day: int) -> None:
    """Some engaged customers begin to lose interest (more after bad service), and some of the falling recover."""
    random = stream(seed, "engagement", day)
    size = len(state.alive)
    luck = random.random(size, dtype=np.float32)
    depth = random.random(size, dtype=np.float32)
    onset = (luck < onset_chance(state.dissatisfaction)) & ~state.falling
    recovery = (luck > 1.0 - RECOVERY_PER_DAY) & state.falling
    state.falling[onset] = True
    state.depth[onset] = LEAST_DEPTH + DEPTH_SPREAD * depth[onset]
    state.falling[recovery] = False
    state.disengagement += change_of_fall(state.disengagement, state.falling, state.depth)


def step_usage(seed: int, state: State, people: Population, day: int) -> tuple[Array, Array, Array, Array]:
    """Returns voice minutes, text messages, data MB and roaming MB of the day for all slots (ended slots: noise)."""
    random = stream(seed, "usage", day)
    size = len(state.alive)
    today = to_date(day)
    start_trip = 0.006 if today.month in (7, 8) else 0.0018
    luck = random.random(size, dtype=np.float32)
    state.travelling[:] = np.where(state.travelling, luck < 0.88, luck < start_trip)
    leaving = (state.ends_on < 2**30) & (state.ends_on > day)
    level = np.exp(people.heaviness - 1.3 * state.disengagement - 0.4 * leaving)
    noise = random.standard_normal((2, size), dtype=np.float32)
    data = PLAN_DATA[people.plan] * level * np.exp(0.3 * noise[0]) * WEEKDAY_DATA[today.weekday()]
    calls = random.random(size, dtype=np.float32) > 0.06
    voice = PLAN_VOICE[people.plan] * level * np.exp(0.35 * noise[1]) * WEEKDAY_VOICE[today.weekday()] * calls
    texts = random.poisson(2.5 * level)
    roaming = np.where(state.travelling, 0.25 * data, np.float32(0.0))
    state.data_used += data
    state.roaming_used += roaming
    return voice, texts, data, roaming
