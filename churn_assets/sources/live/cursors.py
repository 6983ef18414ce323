"""Values of a cursor column: how far an extract has read, and from where the next one begins."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from churn_assets.sources.live.errors import ExtractError

# A moment has a time zone, a local time has none and is taken as UTC; the others are texts.
Kind = Literal["number", "moment", "local", "day", "text", "text T", "text day"]
OVERLAP_MINUTES, OVERLAP_NUMBERS = 60, 1000
EARLIEST = datetime(1, 1, 1)  # noqa: DTZ001 (in UTC, as all values here)
TEXT = re.compile(r"\d{4}-\d\d-\d\d(?:([ T])\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]00:?(?:00)?)?)?")


@dataclass(frozen=True)
class Cursor:
    """A value of the cursor column; times as UTC without a zone."""

    kind: Kind
    value: int | datetime

    @classmethod
    def of(cls, raw: Any, column: str) -> Self:
        """Returns a value as the database gives it.

        Raises:
            ExtractError: it is neither a time nor a whole number.
        """
        match raw:
            case bool():
                pass
            case int():
                return cls("number", raw)
            case Decimal() if raw.is_finite() and raw == int(raw):
                return cls("number", int(raw))
            case datetime() if raw.tzinfo:
                with suppress(OverflowError):  # in UTC it lies in no year that there is
                    return cls("moment", raw.astimezone(UTC).replace(tzinfo=None))
            case datetime():
                return cls("local", raw)
            case date():
                return cls("day", datetime.combine(raw, time()))
            case str() if found := TEXT.fullmatch(raw):
                kinds: dict[str | None, Kind] = {None: "text day", " ": "text", "T": "text T"}
                return cls(kinds[found[1]], datetime.fromisoformat(raw).replace(tzinfo=None))
        raise ExtractError(
            f"The cursor {column} has a value that is neither a whole number nor a time such as "
            f"2026-01-31 10:00:00 in UTC ({type(raw).__name__}). Name another column as cursor."
        )

    @classmethod
    def from_json(cls, content: Any) -> Self | None:
        """The inverse of `to_json`."""
        if content is None:
            return None
        kind, value = content
        return cls(kind, value if kind == "number" else datetime.fromisoformat(value))

    def to_json(self) -> list[Any]:
        """Kind and value, as JSON has them."""
        return [self.kind, str(self)] if self.is_time else [self.kind, self.value]

    def __str__(self) -> str:
        """The value as people read it."""
        return f"{self.value:,}" if isinstance(self.value, int) else self.value.isoformat(" ")

    @property
    def is_time(self) -> bool:
        """Whether it is a time, not a number."""
        return self.kind != "number"

    def at(self, moment: datetime) -> "Cursor":
        """The cursor of the same kind at a time of UTC without a zone."""
        return replace(self, value=moment)

    def of_type(self, raw: Any, column: str) -> Self | None:
        """The same value in the type that the column has now, as `raw` tells; None if it counted and tells times now.

        None, too, the other way round.
        """
        if isinstance(raw, str) and self.kind.startswith("text"):
            return self
        now = self.of(raw, column)
        return replace(self, kind=now.kind) if now.is_time == self.is_time else None

    def before(self, overlap: int | None) -> "Cursor":
        """The value from which the next extract begins, see `SourceDatabase.overlap`."""
        if isinstance(self.value, int):
            return replace(self, value=self.value - (OVERLAP_NUMBERS if overlap is None else overlap))
        minutes = OVERLAP_MINUTES if overlap is None else overlap
        try:
            return replace(self, value=self.value - timedelta(minutes=minutes))
        except OverflowError:
            return replace(self, value=EARLIEST)

    def bound(self) -> Any:
        """The value as the database compares it; texts and days are rounded down.

        The text of a midnight is its day, which goes before all texts of that day.
        """
        if isinstance(self.value, int):
            return self.value
        match self.kind:
            case "moment":
                return self.value.replace(tzinfo=UTC)
            case "day":
                return self.value.date()
            case "text day":
                return f"{self.value:%Y-%m-%d}"
            case "text" | "text T" if self.value.time() == time():
                return f"{self.value:%Y-%m-%d}"
            case "text" | "text T":
                return f"{self.value:%Y-%m-%d}{'T' if self.kind == 'text T' else ' '}{self.value:%H:%M:%S}"
        return self.value


def is_beyond(one: Cursor, other: Cursor) -> bool:
    """Whether `one` lies after `other`; both are times or both are numbers."""
    return one.value > other.value  # type: ignore[operator]
