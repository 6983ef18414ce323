"""Adds the errors of real deliveries: duplicates, gaps, malformed and impossible values, changed columns.

Dirt is added to finished rows with its own streams, so it changes neither the simulated world nor its truth.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from churn_assets.months import month_of
from churn_assets.simulator.dates import Array, to_day
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state_extracts import Columns

REFUSED_SHARE = 0.0045
# Share of the rows that remain in an extract listed in SimulationPlan.truncate, and in part 1 of a re-sent extract.
TRUNCATED_SHARE = 0.15
CUT_SHARE = 0.4

# (kind of dirt, column, value) for CSV sources.
BAD_VALUES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "customers": (
        ("malformed", "birth_date", "00.00.19"),
        ("unknown_category", "region", "XX"),
        ("out_of_range", "household_size", "99"),
    ),
    "subscriptions": (
        ("malformed", "started_on", "2O25-01-01"),
        ("malformed", "monthly_price", "n/a"),
        ("unknown_category", "plan", "gold"),
        ("out_of_range", "monthly_price", "-1.00"),
    ),
    "retention_contacts": (
        ("malformed", "contacted_on", "yesterday"),
        ("unknown_category", "offer", "mystery"),
        ("out_of_range", "cost", "-5.00"),
    ),
    "transactions": (("malformed", "date", "1997/xx/01"), ("out_of_range", "quantity", "9999")),
}


def _after(line: str, key: str, value: str) -> str:
    """Returns the JSON line with the first scalar after `"key": ` replaced by `value` (JSON text)."""
    start = line.index(f'"{key}": ') + len(key) + 4
    stop = min(position for position in (line.find(",", start), line.find("}", start)) if position >= 0)
    return line[:start] + value + line[stop:]


BAD_LINES: dict[str, tuple[tuple[str, Callable[[str], str]], ...]] = {
    "invoices": (
        ("malformed", lambda line: line[: len(line) // 2]),
        ("malformed", lambda line: _after(line, "due_on", '"soon"')),
        ("unknown_category", lambda line: _after(line, "status", '"bounced"')),
        ("out_of_range", lambda line: _after(line, "amount", "-999999.0")),
        ("null_key", lambda line: _after(line, "customer_id", "null")),
    ),
    "tickets": (
        ("malformed", lambda line: line[: len(line) // 2]),
        ("malformed", lambda line: _after(line, "opened_at", '"2025-13-45T99:00:00Z"')),
        ("unknown_category", lambda line: _after(line, "category", '"smarthome"')),
        ("out_of_range", lambda line: _after(line, "satisfaction", "11")),
        ("null_key", lambda line: _after(line, "customer_id", "null")),
    ),
}


class Dirt:
    """Adds the dirt of a plan to the rows of each extract."""

    def __init__(self, plan: SimulationPlan) -> None:
        self.plan = plan
        self.rates = plan.dirt
        self._month_rows: dict[tuple[str, str], int] = {}
        self._month_refused: dict[tuple[str, str], int] = {}

    def random(self, source: str, extract_date: date) -> np.random.Generator:
        """Returns the stream of this source and extract."""
        return stream(self.plan.seed, f"dirt {source}", to_day(extract_date))

    def allow(self, source: str, extract_date: date, rows: int, wanted: Array) -> Array:
        """Returns the first rows of `wanted`, at most as many as keep this source and month within REFUSED_SHARE."""
        key = (source, month_of(extract_date))
        self._month_rows[key] = self._month_rows.get(key, 0) + rows
        room = int(REFUSED_SHARE * self._month_rows[key]) - self._month_refused.get(key, 0)
        taken = wanted[: max(room, 0)]
        self._month_refused[key] = self._month_refused.get(key, 0) + len(taken)
        return taken

    def _picks(
        self, source: str, extract_date: date, rows: int, kinds: list[str]
    ) -> tuple[list[tuple[int, int]], Array]:
        """Draws (row, index into kinds) of the rows to spoil, and the rows to duplicate (never a spoiled one)."""
        random = self.random(source, extract_date)
        rates = np.array([getattr(self.rates, kind) / kinds.count(kind) for kind in kinds])
        bounds = np.cumsum(rates)
        luck = random.random(rows)
        spoiled = random.permutation(np.flatnonzero(luck < bounds[-1]))
        spoiled = self.allow(source, extract_date, rows, spoiled)
        picks = list(
            zip(spoiled.tolist(), np.searchsorted(bounds, luck[spoiled], side="right").tolist(), strict=True)
        )
        doubled = np.setdiff1d(np.flatnonzero(random.random(rows) < self.rates.duplicate), spoiled)
        return picks, doubled

    def spoil_columns(self, source: str, extract_date: date, columns: Columns) -> Columns:
        """Returns text columns with some bad values and appended exact duplicates; does not change the given lists."""
        rows = len(next(iter(columns.values())))
        bad = BAD_VALUES[source]
        picks, doubled = self._picks(source, extract_date, rows, [kind for kind, _, _ in bad])
        result = {name: list(values) for name, values in columns.items()}
        for row, index in picks:
            _, column, value = bad[index]
            result[column][row] = value
        for values in result.values():
            values.extend([values[row] for row in doubled.tolist()])
        return result

    def spoil_lines(self, source: str, extract_date: date, lines: list[str]) -> list[str]:
        """Returns JSON lines with some bad ones and appended exact duplicates; does not change the given list."""
        bad = BAD_LINES[source]
        picks, doubled = self._picks(source, extract_date, len(lines), [kind for kind, _ in bad])
        result = list(lines)
        for row, index in picks:
            result[row] = bad[index][1](result[row])
        result.extend([result[row] for row in doubled.tolist()])
        return result

    def dress_customers(
        self, extract_date: date, columns: Columns, slots: Array, size: int
    ) -> tuple[Columns, bool]:
        """Returns the customers file with gaps, two date formats and changed columns; and whether it starts with a BOM.

        slots: the slot of each row out of `size`. A customer has the same gaps and date format in every extract.
        """
        result = {name: list(values) for name, values in columns.items()}
        habits = stream(self.plan.seed, "dirt habits").random((size, 2))[slots]
        missing = habits[:, 0] < self.rates.missing
        other_format = habits[:, 1] < self.rates.mixed_dates
        result["household_size"] = [
            None if gone else value
            for value, gone in zip(result["household_size"], missing.tolist(), strict=True)
        ]
        result["birth_date"] = [
            f"{value[8:]}.{value[5:7]}.{value[:4]}" if other and value else value
            for value, other in zip(result["birth_date"], other_format.tolist(), strict=True)
        ]
        result = self.spoil_columns("customers", extract_date, result)
        if self.rates.schema_change and month_of(extract_date) >= self.plan.change_month:
            result = {
                ("channel" if name == "acquisition_channel" else name): values
                for name, values in result.items()
            }
            points = {text: str(50 * (index % 40)) for index, text in enumerate(columns["customer_id"])}
            result["loyalty_points"] = [points.get(text) for text in result["customer_id"]]
        mark = bool(self.random("byte order mark", extract_date).random() < self.rates.byte_order_mark)
        return result, mark

    def truncated(self, source: str, extract_date: date) -> bool:
        """Returns True if the plan truncates this extract."""
        return (source, month_of(extract_date)) in self.plan.truncate

    def resent(self, source: str, extract_date: date) -> bool:
        """Returns True if this extract has a truncated first file and a complete second file."""
        wanted = self.rates.resent_extract and source in ("usage", "transactions")
        middle = extract_date.day == 14 or source == "transactions"
        return wanted and middle and month_of(extract_date) == self.plan.change_month
