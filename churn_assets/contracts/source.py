"""`Source`: a validated contract as the other packages read it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from churn_assets.contracts.custom_properties import Delivery, Role
from churn_assets.contracts.odcs import FileFormat, LogicalType, Severity
from churn_assets.contracts.origin import Origin

Compression = Literal["gz", "zst"]
NUMERIC = frozenset({"number", "integer"})
TIMES = frozenset({"date", "timestamp"})


@dataclass(frozen=True)
class Column:
    """One column: how it is delivered, what is accepted and what it means.

    `field` is the name of the delivered top-level field, `json_path` the path inside it (JSON lines only). `meaning` is
    the description in the contract, "" if there is none; `unit` is the unit of a number, if the contract has one.
    `decimal` and `thousands` are the separators of a number that is delivered as text. Of dates and timestamps:
    `means_none` are ISO days that mean none, `max_days_ahead` is how long after the extract a value may lie. `severity`
    says what becomes of a value that breaks a rule other than that of valid values.
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
    means_none: tuple[str, ...] = ()
    max_days_ahead: int | None = None
    severity: Literal["quarantine", "null_value"] = "quarantine"

    def allows(self, value: object) -> bool:
        """Whether a typed value is one of the valid values; True if the contract lists none."""
        plain = float(value) if isinstance(value, Decimal) else value
        return (
            not self.valid_values or plain in self.valid_values or str(plain) in map(str, self.valid_values)
        )


@dataclass(frozen=True)
class SpellColumns:
    """Which columns of a spell contain its dates and the reason of its end.

    `voluntary_reasons` are the values of `end_reason` that are the customer's choice. `date_order` says what becomes of
    a row whose end or expiry lies before its start.
    """

    started_on: str
    expires_on: str | None
    notice_on: str | None
    ended_on: str
    end_reason: str | None
    voluntary_reasons: tuple[str, ...]
    date_order: Literal["quarantine", "warn"] = "quarantine"


@dataclass(frozen=True)
class FormerColumn:
    """The column of an entity that tells former customers, and its values that do."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class AnswerColumn:
    """The column of an entity with a customer's answer, and its values, as text, that mean yes."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """How to reach the customers of an entity, and whether one may; see `ContractProperties`."""

    contact: tuple[str, ...] = ()
    consent: AnswerColumn | None = None
    objection: AnswerColumn | None = None
    account_owner: str | None = None


@dataclass(frozen=True)
class MonthRule:
    """A rule over a month of a source: a share, and what happens below `min_share` or above `max_share`.

    `volume`: rows of the usual number; `refusedShare`: refused rows; `fill`: filled rows of a column, of the usual;
    `relationships`: ids that the related source lacks; `idOverlap`: ids that are known, and most ids that are new and
    look like a known one.
    """

    rule: Literal["volume", "refusedShare", "fill", "relationships", "idOverlap"]
    min_share: float | None
    max_share: float
    severity: Literal["warn", "block"]


@dataclass(frozen=True)
class GapRule:
    """The most days between two extracts; with more, an extract counts as missing."""

    max_days: int
    severity: Literal["warn", "block"]


@dataclass(frozen=True)
class Source:
    """One declared source.

    `customer` is the name of the column with the natural id of the customer, `merged_into` that of the column with the
    id of the customer that this one was merged into. `encoding` is one that Python knows. `compression` is that of
    files whose names do not tell it. `origin` is where its extracts come from; None if somebody else delivers them.
    """

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
    compression: Compression | None
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    customer: str
    event_time: str | None
    spell: SpellColumns | None
    former: FormerColumn | None
    merged_into: str | None
    month_rules: tuple[MonthRule, ...]
    gap: GapRule | None
    frequency_days: int
    latency_days: int
    first_month: str | None
    reach: Reach = Reach()
    origin: Origin | None = None

    def column(self, name: str) -> Column:
        """Returns the column of that name; raises KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}; it has {', '.join(c.name for c in self.columns)}")

    @property
    def fields(self) -> tuple[str, ...]:
        """Delivered top-level fields, without repeats, in contract order: the columns of the bronze table."""
        return tuple(dict.fromkeys(c.field for c in self.columns))

    @property
    def attributes(self) -> tuple[Column, ...]:
        """Columns that tables after silver may contain: neither personal nor a natural id."""
        return tuple(c for c in self.columns if not c.personal and c.name != self.customer)

    @property
    def ids(self) -> frozenset[str]:
        """Names of the columns that identify something: the customer, the key and references to other sources."""
        return frozenset({self.customer, *self.key, *(c.name for c in self.columns if c.refers_to)})

    @property
    def lacks_times(self) -> bool:
        """Whether the rows have no event time by design.

        False for an event or treatment source without `event_time`: its contract has that mistake already.
        """
        return self.event_time is None and self.role not in ("event", "treatment")

    def attribute(self, name: str | None) -> Column | None:
        """Returns the attribute of that name; None if there is none."""
        return next((c for c in self.attributes if c.name == name), None)

    @property
    def personal(self) -> tuple[Column, ...]:
        """Personal columns other than the natural id: the columns of silver/customer_identity."""
        return tuple(c for c in self.columns if c.personal and c.name != self.customer)

    @property
    def silver_key(self) -> tuple[str, ...]:
        """The business key in silver, with customer_key in place of the natural id."""
        return tuple("customer_key" if name == self.customer else name for name in self.key)

    @property
    def comes_regularly(self) -> bool:
        """Whether extracts are expected: False for a one-time export, and for what delivers only when needed."""
        return self.delivery not in ("once", "as_needed")

    @property
    def events_stay(self) -> bool:
        """Whether the event time is part of the key, so that a correction cannot change the time of an event."""
        return self.event_time in self.key

    def month_rule(self, rule: str) -> MonthRule | None:
        """Returns the rule of that name over a month; None if the contract has none."""
        return next((r for r in self.month_rules if r.rule == rule), None)
