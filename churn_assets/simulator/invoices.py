"""Simulates billing: one invoice per active subscription and month, and its payment.

The whole payment path of an invoice is drawn when it is issued; its effects on the customer apply day by day.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from churn_assets.simulator.dates import NEVER, Array, iso_dates, to_date
from churn_assets.simulator.population import METHODS, PLAN_DATA, Population
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import State

STATUSES = ("open", "paid", "failed", "overdue")
OPEN, PAID, FAILED, OVERDUE = range(4)
DUE_DAYS = 14
LATE_FEE = 5.0


@dataclass
class Issue:
    """Invoices issued on one day: number, slot, amounts per line item, up to three (day, status) steps."""

    day: int
    number: Array
    slot: Array
    method: Array
    items: Array
    step_days: Array
    step_status: Array

    def status_at(self, day: int) -> tuple[Array, Array]:
        """Status code and paid_on (epoch day or NEVER) of each invoice at the end of `day`."""
        status = np.zeros(len(self.number), dtype=np.int8)
        paid_on = np.full(len(self.number), NEVER, dtype=np.int32)
        for when, what in zip(self.step_days, self.step_status, strict=True):
            reached = when <= day
            status = np.where(reached, what, status)
            paid_on = np.where(reached & (what == PAID), when, paid_on)
        return status, paid_on


class Billing:
    """Issues invoices and tracks their payment. Only invoices issued from `open_from` (epoch day) on are delivered."""

    def __init__(self, seed: int, open_from: int) -> None:
        self.seed = seed
        self.open_from = open_from
        self.issued = 0
        self.issues: list[Issue] = []
        self.agenda: dict[int, list[tuple[Array, int, bool]]] = defaultdict(list)

    def step(self, state: State, people: Population, day: int) -> None:
        """Applies today's payment events to the customers, then issues today's invoices."""
        fade = np.float32(np.exp(-1.0 / 60.0))
        state.failure_memory *= fade
        for slots, status, was_unpaid in self.agenda.pop(day, []):
            if status == PAID:
                state.unpaid[slots] -= int(was_unpaid)
            else:
                state.failure_memory[slots] += 0.5 if was_unpaid else 1.0
                state.unpaid[slots] += 0 if was_unpaid else 1
        random = stream(self.seed, "billing", day)
        size = len(state.alive)
        luck = random.random(size, dtype=np.float32)
        state.stressed[:] = np.where(state.stressed, luck > 1.0 / 150.0, luck < 1.3e-4)
        due = (people.billing_day == to_date(day).day) & state.alive & (people.joined_on < day)
        draws = random.random((5, size), dtype=np.float32)
        slots = np.flatnonzero(due)
        if len(slots):
            self._issue(state, people, day, slots, draws[:, slots])

    def _issue(self, state: State, people: Population, day: int, slots: Array, draws: Array) -> None:
        items = _amounts(state, people, day, slots)
        state.data_used[slots] = 0.0
        state.roaming_used[slots] = 0.0
        step_days, step_status = _payment_path(state, day, slots, draws)
        for position in range(3):
            for when in np.unique(step_days[position]).tolist():
                if when == NEVER:
                    continue
                for status in (PAID, FAILED, OVERDUE):
                    chosen = (step_days[position] == when) & (step_status[position] == status)
                    if chosen.any() and (position > 0 or status != PAID):
                        self.agenda[when].append((slots[chosen], status, position > 0))
        if day >= self.open_from:
            number = np.arange(self.issued + 1, self.issued + 1 + len(slots))
            self.issued += len(slots)
            self.issues.append(
                Issue(day, number, slots, state.method[slots].copy(), items, step_days, step_status)
            )

    def deliver(self, since: int, until: int, ids: Array) -> list[str]:
        """Returns JSON lines of the invoices issued or changed in (since, until], as of the end of `until`."""
        lines: list[str] = []
        for issue in self.issues:
            moved = ((issue.step_days > since) & (issue.step_days <= until)).any(axis=0) | (issue.day > since)
            if moved.any():
                lines.extend(_render(issue, np.flatnonzero(moved), until, ids))
        last = [int(np.where(issue.step_days < NEVER, issue.step_days, 0).max()) for issue in self.issues]
        self.issues = [issue for issue, day in zip(self.issues, last, strict=True) if day > until]
        return lines


def _amounts(state: State, people: Population, day: int, slots: Array) -> Array:
    """Amounts of shape (5, invoices): plan, extra usage, roaming, late fee, credit (negative); EUR, two decimals."""
    allowance = PLAN_DATA[people.plan[slots]] * 60.0
    extra = np.where(
        people.plan[slots] < 3, np.clip((state.data_used[slots] - allowance) / 1000.0, 0.0, 25.0) * 0.8, 0.0
    )
    price = state.price[slots]
    credit = np.where(state.credit_until[slots] >= day, -state.credit_share[slots] * price, 0.0)
    late_fee = np.where(state.unpaid[slots] > 0, LATE_FEE, 0.0)
    return np.round(
        np.stack([price, extra, state.roaming_used[slots] * 0.004, late_fee, credit]).astype(np.float64), 2
    )


def _payment_path(state: State, day: int, slots: Array, draws: Array) -> tuple[Array, Array]:
    """Draws days (NEVER: no step) and statuses of up to three steps, both of shape (3, invoices).

    No step falls within ten days of issue, so every invoice is delivered as open at least once.
    """
    stressed, autopay = state.stressed[slots], state.autopay[slots]
    size = len(slots)
    due = day + DUE_DAYS
    good = draws[0] < np.where(stressed, 0.12, np.where(autopay, 0.985, 0.93))
    attempted = autopay | (draws[1] < 0.3)
    first_day = np.where(
        good,
        np.where(autopay, due, day + 11 + (draws[1] * 4).astype(np.int32)),
        np.where(attempted, due, due + 1),
    )
    first = np.where(good, PAID, np.where(attempted, FAILED, OVERDUE))
    recovers = draws[2] < np.where(stressed, 0.08, 0.75)
    second_day = np.where(good, NEVER, first_day + 4 + (draws[3] * 10).astype(np.int32))
    second = np.where(recovers, PAID, OVERDUE)
    same = ~good & (first == OVERDUE) & ~recovers
    third_day = np.where(good | recovers | stressed, NEVER, first_day + 16 + (draws[4] * 20).astype(np.int32))
    second_day = np.where(same, NEVER, second_day)
    days = np.stack([first_day, second_day, third_day]).astype(np.int32)
    return days, np.stack([first, second, np.full(size, PAID)]).astype(np.int8)


def _render(issue: Issue, rows: Array, until: int, ids: Array) -> list[str]:
    status, paid_on = issue.status_at(until)
    issued, due = to_date(issue.day).isoformat(), to_date(issue.day + DUE_DAYS).isoformat()
    paid = ["null" if text is None else f'"{text}"' for text in iso_dates(paid_on[rows])]
    amounts = np.round(issue.items[:, rows].sum(axis=0), 2).tolist()
    lines = []
    for number, customer, amount, code, when, method, plan, usage, roaming, fee, credit in zip(
        issue.number[rows].tolist(),
        ids[issue.slot[rows]].tolist(),
        amounts,
        status[rows].tolist(),
        paid,
        issue.method[rows].tolist(),
        *issue.items[:, rows].tolist(),
        strict=True,
    ):
        items = f'{{"item": "plan", "amount": {plan}}}'
        for name, value in (("usage", usage), ("roaming", roaming), ("late_fee", fee), ("credit", credit)):
            if value:
                items += f', {{"item": "{name}", "amount": {value}}}'
        lines.append(
            f'{{"invoice_id": "I{number:08d}", "customer_id": "{customer}", "issued_on": "{issued}", '
            f'"due_on": "{due}", "amount": {amount}, "payment": {{"status": "{STATUSES[code]}", "paid_on": {when}, '
            f'"method": "{METHODS[method]}"}}, "lines": [{items}]}}'
        )
    return lines
