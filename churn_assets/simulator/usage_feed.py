"""The usage extracts: collects days, adds dirt and builds an Arrow table; never keeps a whole month in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from churn_assets.simulator.behaviour import USAGE_COLUMNS
from churn_assets.simulator.dates import Array, to_day
from churn_assets.simulator.dirt import Dirt

LATEST_DAYS = 45
SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("day", pa.date32()),
        ("voice_minutes", pa.float64()),
        ("sms_count", pa.int32()),
        ("data_mb", pa.float64()),
        ("roaming_mb", pa.float64()),
        ("dropped_calls", pa.int32()),
        ("outage_minutes", pa.float64()),
    ]
)
VOICE, TEXTS, DATA, ROAMING, DROPS, OUTAGE = range(6)


@dataclass
class UsageRows:
    """number: 0 for null, negative for an unknown customer; day: epoch day; measures: (6, rows) float64."""

    number: Array
    day: Array
    measures: Array

    def take(self, rows: Array) -> UsageRows:
        """The given rows (indices or mask), copied."""
        return UsageRows(self.number[rows], self.day[rows], self.measures[:, rows])


def _join(parts: list[UsageRows]) -> UsageRows:
    return UsageRows(
        np.concatenate([part.number for part in parts]),
        np.concatenate([part.day for part in parts]),
        np.concatenate([part.measures for part in parts], axis=1),
    )


class UsageFeed:
    """Collects the days since the last extract and the rows to be delivered late."""

    def __init__(self, dirt: Dirt) -> None:
        self.dirt = dirt
        self.days: list[UsageRows] = []
        self.pending: list[tuple[Array, UsageRows]] = []

    def add(self, day: int, number: Array, measures: list[Array]) -> None:
        """Adds the rows of one day; measures in the order of USAGE_COLUMNS, rounded here to one decimal."""
        rounded = np.stack([np.round(values.astype(np.float64), 1) for values in measures])
        self.days.append(
            UsageRows(number.astype(np.int32), np.full(len(number), day, dtype=np.int32), rounded)
        )

    def deliver(self, extract_date: date) -> UsageRows:
        """Returns the rows of the extract: the days since the last one, with dirt, then the late rows that are due."""
        fresh = _join(self.days)
        self.days = []
        return _join([self._spoil(extract_date, fresh), *self._overdue(to_day(extract_date))])

    def _hold(self, rows: UsageRows, due: Array) -> None:
        if len(due):
            self.pending.append((due, rows))

    def _overdue(self, today: int) -> list[UsageRows]:
        ready, rest = [], []
        for due, rows in self.pending:
            now = due <= today
            if now.any():
                ready.append(rows.take(now))
            if not now.all():
                rest.append((due[~now], rows.take(~now)))
        self.pending = rest
        return ready

    def _spoil(self, extract_date: date, fresh: UsageRows) -> UsageRows:
        rates, today = self.dirt.rates, to_day(extract_date)
        random = self.dirt.random("usage", extract_date)
        size = len(fresh.number)
        bounds = np.cumsum(
            [rates.late, rates.correction, rates.duplicate / 2, rates.duplicate / 2, rates.unknown_customer]
        )
        kind = np.searchsorted(bounds, random.random(size), side="right")
        lag = random.integers(1, LATEST_DAYS + 1, size)
        due = np.maximum(today + 1, fresh.day + lag)
        factor = 0.3 + 0.5 * random.random(size)
        # A corrected row is delivered too low now and with the true values later.
        corrected = kind == 1
        self._hold(fresh.take(corrected), due[corrected])
        for late in (kind == 0, kind == 3):
            self._hold(fresh.take(late), due[late])
        stranger = fresh.take(kind == 4)
        stranger.number = -1 - (stranger.number % 997)
        twin = fresh.take(kind == 2)
        spoiled = self._broken(random, extract_date, kind)
        fresh.measures[VOICE : ROAMING + 1, corrected] *= factor[corrected]
        fresh.measures[TEXTS, corrected] = np.floor(fresh.measures[TEXTS, corrected])
        fresh.measures[:, corrected] = np.round(fresh.measures[:, corrected], 1)
        for rows, measure, value in spoiled:
            if measure is None:
                fresh.number[rows] = 0
            else:
                fresh.measures[measure, rows] = value
        return _join([fresh.take(kind != 0), twin, stranger])

    def _broken(
        self, random: np.random.Generator, extract_date: date, kind: Array
    ) -> list[tuple[Array, int | None, float]]:
        """Returns clean rows to break: null customer, absurd or negative numbers; limited as DirtRates describes."""
        rates = self.dirt.rates
        luck = random.random(len(kind))
        luck[kind < 5] = 1.0
        wanted = random.permutation(np.flatnonzero(luck < rates.null_key + rates.out_of_range))
        broken = self.dirt.allow("usage", extract_date, len(kind), wanted)
        null = luck[broken] < rates.null_key
        odd = broken[~null]
        return [
            (broken[null], None, 0.0),
            (odd[0::3], DATA, 9e9),
            (odd[1::3], DATA, -5.0),
            (odd[2::3], VOICE, -1.0),
        ]


def usage_table(rows: UsageRows) -> pa.Table:
    """Returns the rows as delivered; customer ids are dictionary-encoded in memory and plain strings in the file."""
    known = np.unique(rows.number)
    names = [
        f"C{number:07d}" if number > 0 else f"X{-number:07d}" if number < 0 else ""
        for number in known.tolist()
    ]
    position = np.searchsorted(known, rows.number).astype(np.int32)
    index = pa.array(position, mask=rows.number == 0)
    columns = {"customer_id": pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string()))}
    columns["day"] = pa.array(rows.day.astype(np.int32)).view(pa.date32())
    for name, values in zip(USAGE_COLUMNS, rows.measures, strict=True):
        integer = SCHEMA.field(name).type == pa.int32()
        columns[name] = pa.array(values.astype(np.int32) if integer else values)
    return pa.table({name: columns[name] for name in SCHEMA.names})
