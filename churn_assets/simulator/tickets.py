"""Simulates service tickets: opening, duration and satisfaction; delivers what is known at each extract."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from churn_assets.simulator.dates import Array
from churn_assets.simulator.population import Population
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import State

CATEGORIES = ("billing", "network", "device", "contract", "other")
TICKET_CHANNELS = ("phone", "chat", "email", "shop")
DAY_SECONDS = 86_400


@dataclass
class Opened:
    """Tickets opened on one day; opened_at and closed_at are epoch seconds, satisfaction is 0 without an answer."""

    day: int
    number: Array
    slot: Array
    opened_at: Array
    closed_at: Array
    category: Array
    priority: Array
    channel: Array
    satisfaction: Array
    messages: Array


class Helpdesk:
    """Opens and closes tickets. Only tickets opened from `open_from` (epoch day) on are delivered."""

    def __init__(self, seed: int, open_from: int) -> None:
        self.seed = seed
        self.open_from = open_from
        self.count = 0
        self.book: list[Opened] = []
        self.closings: dict[int, list[tuple[Array, Array, Array]]] = defaultdict(list)

    def step(self, state: State, people: Population, day: int) -> None:
        """Closes the tickets due today and opens today's tickets."""
        fade = np.float32(np.exp(-1.0 / 60.0))
        state.dissatisfaction *= fade
        state.ticket_memory *= fade
        for slots, satisfaction, slow in self.closings.pop(day, []):
            np.subtract.at(state.open_tickets, slots, 1)
            bad = np.where(satisfaction == 0, 0.0, np.clip((3.5 - satisfaction) * 0.6, 0.0, 1.5)) + 0.3 * slow
            np.add.at(state.dissatisfaction, slots, bad.astype(np.float32))
        random = stream(self.seed, "tickets", day)
        size = len(state.alive)
        luck = random.random(size, dtype=np.float32)
        recent_rise = (day - state.rise_on.astype(np.int64) <= 25) * people.price_sensitivity
        network = 0.5 * np.log1p(state.outage / 60.0)
        money = 0.9 * recent_rise + 0.5 * np.minimum(state.failure_memory, 2.0)
        wanted = luck < 0.0016 * np.exp(np.minimum(network + money, 3.0))
        draws = random.random((8, size), dtype=np.float32)
        spread = random.standard_normal((2, size), dtype=np.float32)
        slots = np.flatnonzero(wanted & state.alive)
        if len(slots):
            self._open(state, day, slots, draws[:, slots], spread[:, slots], network[slots], money[slots])

    def _open(
        self, state: State, day: int, slots: Array, draws: Array, spread: Array, network: Array, money: Array
    ) -> None:
        weights = np.stack(
            [
                0.3 + money,
                0.2 + 1.2 * network,
                np.full(len(slots), 0.25),
                np.full(len(slots), 0.2),
                np.full(len(slots), 0.15),
            ]
        )
        bounds = np.cumsum(weights / weights.sum(axis=0), axis=0)
        category = np.minimum((draws[0] >= bounds).sum(axis=0), 4).astype(np.int8)
        priority = (1 + (draws[1] > 0.25) + (draws[1] > 0.75)).astype(np.int8)
        opened_at = day * DAY_SECONDS + ((0.3 + 0.6 * draws[2]) * DAY_SECONDS).astype(np.int64)
        # Priority 1 is the most urgent; a few tickets stay open for weeks.
        duration = np.clip(np.exp(0.1 + 0.35 * (priority - 2) + 1.15 * spread[0]), 0.02, 45.0)
        closed_at = opened_at + (duration * DAY_SECONDS).astype(np.int64)
        answer = np.clip(np.round(4.7 - 0.95 * np.log1p(duration) + 0.5 * spread[1]), 1, 5)
        satisfaction = np.where(draws[3] < 0.85, answer, 0).astype(np.int8)
        np.add.at(state.open_tickets, slots, 1)
        np.add.at(state.ticket_memory, slots, np.float32(1.0))
        state.opened_on[slots] = day
        closing_day = closed_at // DAY_SECONDS
        # A ticket closed on its opening day takes effect tomorrow: today's closings are already applied.
        effect_day = np.maximum(closing_day, day + 1)
        for when in np.unique(effect_day).tolist():
            chosen = effect_day == when
            self.closings[when].append((slots[chosen], satisfaction[chosen], duration[chosen] > 7.0))
        if day >= self.open_from:
            number = np.arange(self.count + 1, self.count + 1 + len(slots))
            self.count += len(slots)
            channel = np.searchsorted(np.array([0.45, 0.75, 0.92]), draws[4]).astype(np.int8)
            messages = (2 + (draws[5] * 4).astype(np.int8)).astype(np.int8)
            self.book.append(
                Opened(
                    day,
                    number,
                    slots,
                    opened_at,
                    closed_at,
                    category,
                    priority,
                    channel,
                    satisfaction,
                    messages,
                )
            )

    def deliver(self, since: int, until: int, ids: Array) -> list[str]:
        """Returns JSON lines of the tickets opened or closed in (since, until], as of the end of `until`."""
        lines: list[str] = []
        for opened in self.book:
            closing_day = opened.closed_at // DAY_SECONDS
            moved = ((closing_day > since) & (closing_day <= until)) | (opened.day > since)
            if moved.any():
                lines.extend(_render(opened, np.flatnonzero(moved), until, ids))
        self.book = [opened for opened in self.book if int(opened.closed_at.max()) // DAY_SECONDS > until]
        return lines


def _stamps(seconds: Array) -> list[str]:
    return [f"{text}Z" for text in seconds.astype("datetime64[s]").astype(str).tolist()]


def _render(opened: Opened, rows: Array, until: int, ids: Array) -> list[str]:
    limit = (until + 1) * DAY_SECONDS
    opened_at, closed_at = opened.opened_at[rows], opened.closed_at[rows]
    opened_text, closed_text = _stamps(opened_at), _stamps(closed_at)
    lines = []
    for position, row in enumerate(rows.tolist()):
        closed = closed_at[position] < limit
        satisfaction = int(opened.satisfaction[row])
        count = int(opened.messages[row])
        times = (
            opened_at[position]
            + (closed_at[position] - opened_at[position]) * np.arange(count) // (count - 1)
        ).astype(np.int64)
        said = ", ".join(
            f'{{"at": "{text}", "from": "{"agent" if turn % 2 else "customer"}"}}'
            for turn, text in enumerate(_stamps(times[times < limit]))
        )
        closing = f'"{closed_text[position]}"' if closed else "null"
        lines.append(
            f'{{"ticket_id": "T{int(opened.number[row]):07d}", "customer_id": "{ids[opened.slot[row]]}", '
            f'"opened_at": "{opened_text[position]}", "closed_at": {closing}, '
            f'"issue": {{"category": "{CATEGORIES[opened.category[row]]}", "priority": {int(opened.priority[row])}}}, '
            f'"channel": "{TICKET_CHANNELS[opened.channel[row]]}", '
            f'"satisfaction": {satisfaction if closed and satisfaction else "null"}, "messages": [{said}]}}'
        )
    return lines
