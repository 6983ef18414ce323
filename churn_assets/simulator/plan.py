"""The plan of a simulation, the rates of dirt, and the summary of the written extracts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date

from churn_assets.months import month_of
from churn_assets.simulator.dates import month_end, parse_month, shift_month, to_day

TELECOM_SOURCES = ("customers", "subscriptions", "invoices", "usage", "tickets", "retention_contacts")
SHOP_SOURCES = ("transactions",)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DirtRates:
    """Rates of errors in the sources, as shares of delivered rows unless stated otherwise.

    Rows to refuse (malformed, unknown_category, out_of_range, null_key) are also limited to 0.45 % of the rows of each
    source and month, so a source with few rows may have none.
    change_month ("YYYY-MM", default the middle of the history) is when the customers file changes its columns and
    when a usage extract arrives truncated and is sent again in full.
    """

    duplicate: float = 0.003
    late: float = 0.004
    correction: float = 0.003
    missing: float = 0.02
    malformed: float = 0.0007
    unknown_category: float = 0.0007
    out_of_range: float = 0.0006
    null_key: float = 0.0003
    unknown_customer: float = 0.0004
    mixed_dates: float = 0.25
    byte_order_mark: float = 0.35
    schema_change: bool = True
    resent_extract: bool = True
    change_month: str | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, float) and not 0.0 <= value <= 1.0:
                raise ValueError(f"dirt rate {item.name}={value} is not a share; choose a number from 0 to 1")
        if self.change_month is not None:
            parse_month(self.change_month)

    @classmethod
    def none(cls) -> DirtRates:
        """Returns rates without dirt: every row is delivered once, in time, well-formed, with one schema."""
        off: dict[str, float | bool] = {
            item.name: False if item.type in (bool, "bool") else 0.0
            for item in fields(cls)
            if item.name != "change_month"
        }
        return cls(**off)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SimulationPlan:
    """Settings of one simulated world. Equal plans give equal bytes.

    customers: about how many are active on the first day. start: first day of the first month. months: at least 2.
    drift_from: "YYYY-MM", first month in which customers leave for other reasons than before; rows before it are the
    same as without drift. truncate: (source, "YYYY-MM") pairs whose extracts lose most of their rows. daily_from:
    "YYYY-MM", first month in which the sources that deliver changes deliver every day; the world and the extracts
    before it are the same as without it.
    """

    customers: int = 5000
    start: date = date(2025, 1, 1)
    months: int = 18
    seed: int = 7
    drift_from: str | None = None
    dirt: DirtRates = DirtRates()
    truncate: tuple[tuple[str, str], ...] = ()
    daily_from: str | None = None

    def __post_init__(self) -> None:
        if self.customers < 20:
            raise ValueError(f"customers={self.customers} is too few for a world; choose at least 20")
        if self.months < 2:
            raise ValueError(f"months={self.months} leaves no month to look back on; choose at least 2")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must not be negative")
        if self.start.day != 1:
            raise ValueError(f"start={self.start} must be the first day of a month")
        if self.drift_from is not None:
            parse_month(self.drift_from)
        if self.daily_from is not None and self.daily_from not in self.month_keys:
            raise ValueError(
                f"daily_from={self.daily_from} is not one of the months {self.month_keys[0]} to {self.month_keys[-1]}"
            )
        if self.dirt.change_month is not None and self.dirt.change_month not in self.month_keys:
            raise ValueError(f"dirt.change_month={self.dirt.change_month} is outside the simulated months")
        for source, month in self.truncate:
            if source not in TELECOM_SOURCES + SHOP_SOURCES:
                raise ValueError(
                    f"truncate names the unknown source {source!r}; known: {TELECOM_SOURCES + SHOP_SOURCES}"
                )
            if month not in self.month_keys:
                raise ValueError(
                    f"truncate names month {month!r}, which is outside {self.month_keys[0]}..{self.month_keys[-1]}"
                )

    @property
    def month_starts(self) -> tuple[date, ...]:
        """First day of every month."""
        return tuple(shift_month(self.start, offset) for offset in range(self.months))

    @property
    def month_keys(self) -> tuple[str, ...]:
        """Every month as "YYYY-MM"."""
        return tuple(month_of(first) for first in self.month_starts)

    @property
    def month_ends(self) -> tuple[date, ...]:
        """Last day of every month."""
        return tuple(month_end(first) for first in self.month_starts)

    @property
    def end(self) -> date:
        """Last day of the history."""
        return self.month_ends[-1]

    @property
    def change_extracts(self) -> tuple[date, ...]:
        """Extract dates of the sources that deliver changes.

        Days 7, 14, 21 and the last of every month; from daily_from on, every day.
        """
        return tuple(
            first.replace(day=day)
            for first in self.month_starts
            for last in (month_end(first).day,)
            for day in (range(1, last + 1) if self.is_daily(first) else (7, 14, 21, last))
        )

    def is_daily(self, day: date) -> bool:
        """Whether the sources that deliver changes deliver on every day of the month of `day`."""
        return self.daily_from is not None and month_of(day) >= self.daily_from

    @property
    def change_month(self) -> str:
        """The month in which the schema changes and a truncated extract is sent again."""
        return self.dirt.change_month or self.month_keys[self.months // 2]

    @property
    def drift_day(self) -> int | None:
        """Epoch day of the first day of the new regime, or None."""
        return None if self.drift_from is None else to_day(parse_month(self.drift_from))


@dataclass
class SimulationSummary:
    """Counts of one simulation.

    rows, files: per source. active, churners, involuntary: per month "YYYY-MM"; customers active on its last day,
    voluntary and involuntary ends in it. base_rate: mean over months of voluntary ends / customers active at the end
    of the month before. hazard_auc: pooled AUC of the true churn probability, None if no window has ended (always for
    the shop).
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    active: dict[str, int] = field(default_factory=dict)
    churners: dict[str, int] = field(default_factory=dict)
    involuntary: dict[str, int] = field(default_factory=dict)
    base_rate: float = 0.0
    hazard_auc: float | None = None
