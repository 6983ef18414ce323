"""A source contract in our own words: what every room downstream asks about a source."""

from dataclasses import dataclass
from typing import Literal

from churn_assets.contracts.custom import Delivery, Role
from churn_assets.contracts.odcs import LogicalType, Severity

FileFormat = Literal["csv", "jsonl", "parquet"]
NUMERIC = frozenset({"number", "integer"})
TIMES = frozenset({"date", "timestamp"})


@dataclass(frozen=True)
class Column:
    """One column: how it is delivered, what is accepted and what it means.

    `field` is the delivered top-level name, `json_path` the way inside it (JSON lines only). `meaning` is what the
    contract says about the column, "" where it says nothing; `unit` is that of a number, if the contract names one.
    `decimal` and `thousands` are the signs in a number that is delivered as text.
    """

    name: str
    type: LogicalType
    spark_type: str
    field: str
    json_path: str | None
    aliases: tuple[str, ...]
    formats: tuple[str, ...]
    decimal: str
    thousands: str | None
    required: bool
    personal: bool
    minimum: float | str | None
    maximum: float | str | None
    pattern: str | None
    valid_values: tuple[str | int | float, ...]
    valid_severity: Severity
    transform: str | None
    refers_to: str | None
    meaning: str
    unit: str | None


@dataclass(frozen=True)
class SpellColumns:
    """Which columns of a spell carry its dates and its reason; `voluntary_reasons` end a spell by choice."""

    started_on: str
    expires_on: str | None
    notice_on: str | None
    ended_on: str
    end_reason: str | None
    voluntary_reasons: tuple[str, ...]


@dataclass(frozen=True)
class MonthRule:
    """A rule over a month of a source: shares of the usual volume, or of refused rows."""

    rule: Literal["volume", "refusedShare"]
    min_share: float | None
    max_share: float
    severity: Literal["warn", "block"]


@dataclass(frozen=True)
class GapRule:
    """How many days may lie between two extracts before one of them is missing."""

    max_days: int
    severity: Literal["warn", "block"]


@dataclass(frozen=True)
class Source:
    """One declared source. `customer` names the column with the natural id of the customer."""

    name: str
    description: str
    owner: str
    version: str
    role: Role
    delivery: Delivery
    format: FileFormat
    path: str
    delimiter: str
    encoding: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    customer: str
    event_time: str | None
    spell: SpellColumns | None
    month_rules: tuple[MonthRule, ...]
    gap: GapRule | None
    frequency_days: int
    latency_days: int
    first_month: str | None

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}; it has {', '.join(c.name for c in self.columns)}")

    @property
    def fields(self) -> tuple[str, ...]:
        """Delivered top-level fields, in contract order, each once: the columns of the bronze table."""
        return tuple(dict.fromkeys(c.field for c in self.columns))

    @property
    def attributes(self) -> tuple[Column, ...]:
        """Columns that may leave silver: neither personal nor the natural id."""
        return tuple(c for c in self.columns if not c.personal and c.name != self.customer)

    @property
    def lacks_times(self) -> bool:
        """Whether its rows are not meant to have a time; an event without one has a mistake in its contract."""
        return self.event_time is None and self.role not in ("event", "treatment")

    def attribute(self, name: str | None) -> Column | None:
        """The attribute of that name, None where there is none."""
        return next((c for c in self.attributes if c.name == name), None)

    @property
    def personal(self) -> tuple[Column, ...]:
        """Personal columns other than the natural id: what silver/customer_identity holds."""
        return tuple(c for c in self.columns if c.personal and c.name != self.customer)

    @property
    def silver_key(self) -> tuple[str, ...]:
        """The business key in silver, where customer_key stands for the natural id."""
        return tuple("customer_key" if name == self.customer else name for name in self.key)

    @property
    def events_stay(self) -> bool:
        """Whether no correction can move an event to another time, as that is part of its key."""
        return self.event_time in self.key

    def month_rule(self, rule: str) -> MonthRule | None:
        """The rule of that name over a month, if the contract has one."""
        return next((r for r in self.month_rules if r.rule == rule), None)
