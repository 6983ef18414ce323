"""Parses days and moments by the formats of a contract as Spark does, without Spark."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

MONTHS = [date(2000, month, 1).strftime("%B").lower() for month in range(1, 13)]
SHORT = [name[:3] for name in MONTHS]
OFFSET = r"[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?"
ZONE = rf"(?:Z|(?:UTC|GMT|UT)(?:{OFFSET})?|{OFFSET}|[A-Z][A-Z]{{2,4}}|[A-Za-z]+/[A-Za-z_/+-]+\d*)"
OFFSET_PARTS = re.compile(r"(\d{1,2}):?(\d{1,2})?:?(\d{2})?")
PARTS = re.compile(r"'((?:[^']|'')*)'|([a-zA-Z])\2*|\[|\]|.", re.DOTALL)
# letter -> the field that it tells; letters with the same field are given by their range below
FIELDS = {
    "y": "year",
    "M": "month",
    "L": "month",
    "d": "day",
    "D": "day_of_year",
    "H": "hour",
    "k": "clock_hour",
    "h": "half_clock_hour",
    "K": "half_hour",
    "m": "minute",
    "s": "second",
}
RANGES = {
    "hour": range(24),
    "clock_hour": range(1, 25),
    "half_clock_hour": range(1, 13),
    "half_hour": range(12),
    "minute": range(60),
    "second": range(60),
}
ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
ZONE_BEHIND = rf"\s?({ZONE}|[+-]\d{{1,2}}(?::\d{{1,2}})?)?"
ISO_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})" + rf"(?::(\d{{1,2}})(?:\.(\d*))?{ZONE_BEHIND})?"
)
LOOSE_DAY = re.compile(r"(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ].*)?)?)?")
# A year 0 exists for Spark and is a leap year; Python has none, so such a day is parsed as this year's.
YEAR_ZERO = 4

Moment = datetime
Reader = Callable[[str], Moment | None]


def iso_day(text: str) -> Moment | None:
    """The day of `yyyy-MM-dd`; None for any other text."""
    found = ISO_DAY.fullmatch(text)
    return _moment({"year": int(found[1]), "month": int(found[2]), "day": int(found[3])}) if found else None


def loose_day(text: str) -> Moment | None:
    """The day of a text as Spark casts it: yyyy, yyyy-M, yyyy-M-d and what follows; None for another text."""
    found = LOOSE_DAY.fullmatch(text.strip())
    names = ("year", "month", "day")
    return (
        _moment({n: int(part) for n, part in zip(names, found.groups(), strict=True) if part})
        if found
        else None
    )


def iso_moment(text: str) -> Moment | None:
    """The moment of an ISO timestamp with at least hours and minutes; None for any other text."""
    found = ISO_MOMENT.fullmatch(text)
    if found is None:
        return None
    names = ("year", "month", "day", "hour", "minute", "second")
    told = {name: int(part) for name, part in zip(names, found.groups(), strict=False) if part is not None}
    return _in_utc(_moment(told), found[8])


@cache
def pattern_reader(pattern: str) -> Reader:
    """A function that parses texts by a format in Spark's letters; it returns None for a text that does not fit."""
    expression = re.compile(_expression(pattern), re.IGNORECASE)

    def read(text: str) -> Moment | None:
        found = expression.fullmatch(text)
        if found is None:
            return None
        told: dict[str, int] = {}
        zone: str | None = None
        for group, part in found.groupdict().items():
            if part is None:
                continue
            field = group.rpartition("_")[0]
            if field == "zone":
                zone = part
                continue
            value = _number(field, part)
            if told.setdefault(field.removeprefix("short_").removeprefix("long_"), value) != value:
                return None  # a field twice, with two values
        return _in_utc(_moment(told), zone)

    return read


def days_of(text: str, patterns: tuple[str, ...]) -> dict[str, Moment]:
    """Pattern -> what the text is by it, of those that parse the text."""
    found = {pattern: pattern_reader(pattern)(text) for pattern in patterns}
    return {pattern: moment for pattern, moment in found.items() if moment is not None}


def _expression(pattern: str) -> str:
    written, number = [], 0
    for found in PARTS.finditer(pattern):
        part, number = found[0], number + 1
        if part in "[]":
            written.append("(?:" if part == "[" else ")?")
        elif found[1] is not None:
            written.append(re.escape(found[1].replace("''", "'") or "'"))
        elif found[2]:
            written.append(_letters(found[2], len(part), number))
        else:
            written.append(re.escape(part))
    return "".join(written)


def _letters(letter: str, length: int, number: int) -> str:
    """The regular expression of a run of one letter, with its field as the name of the group."""
    field = FIELDS.get(letter)
    if letter in "ML" and length > 2:
        names, kind = (SHORT, "short_month") if length == 3 else (MONTHS, "long_month")
        return f"(?P<{kind}_{number}>{'|'.join(names)})"
    if letter == "y":
        digits = {1: r"-?\d{1,9}", 2: r"\d{2}"}.get(length, rf"\d{{{length}}}")
        return f"(?P<{'year' if length != 2 else 'short_year'}_{number}>{digits})"
    if letter == "S":
        return rf"(?P<fraction_{number}>\d{{1,{length}}})"
    if letter == "a":
        return rf"(?P<half_{number}>am|pm)"
    if letter == "G":
        return r"(?:AD|A|Anno Domini)"
    if field:
        digits = r"\d{1,9}" if length == 1 else rf"\d{{{length}}}"
        return f"(?P<{field}_{number}>{digits})"
    return rf"(?P<zone_{number}>{ZONE})"


def _number(field: str, part: str) -> int:
    if field == "short_year":
        return 2000 + int(part)
    if field == "short_month":
        return SHORT.index(part.lower()) + 1
    if field == "long_month":
        return MONTHS.index(part.lower()) + 1
    if field == "half":
        return int(part.lower() == "pm")
    return 0 if field == "fraction" else int(part)


def _moment(told: Mapping[str, int]) -> Moment | None:
    """The moment of these fields, None when there is no such day or hour."""
    if any(told[field] not in values for field, values in RANGES.items() if field in told):
        return None
    year = told.get("year", 1970)
    if not 0 <= year <= 9999:
        return None
    year = year or YEAR_ZERO
    if "day_of_year" in told:
        if not 1 <= told["day_of_year"] <= (date(year, 12, 31) - date(year, 1, 1)).days + 1:
            return None
        day = date(year, 1, 1) + timedelta(told["day_of_year"] - 1)
    else:
        month, number = told.get("month", 1), told.get("day", 1)
        if not 1 <= month <= 12 or not 1 <= number <= monthrange(year, month)[1]:
            return None
        day = date(year, month, number)
    return datetime(day.year, day.month, day.day, _hour(told), told.get("minute", 0), told.get("second", 0))  # noqa: DTZ001


def _hour(told: Mapping[str, int]) -> int:
    if "hour" in told:
        return told["hour"]
    if "clock_hour" in told:
        return told["clock_hour"] % 24
    return told.get("half_clock_hour", told.get("half_hour", 0)) % 12 + 12 * told.get("half", 0)


def _in_utc(moment: Moment | None, zone: str | None) -> Moment | None:
    """The moment in UTC; None when there is no such zone."""
    if moment is None or zone is None:
        return moment
    name = re.sub(r"^(UTC|GMT|UT|Z)(?=[+-]|$)", "", zone, flags=re.IGNORECASE)
    if not name:
        return moment
    if name[0] in "+-":
        hours, minutes, seconds = (int(part or 0) for part in OFFSET_PARTS.fullmatch(name[1:]).groups())  # type: ignore[union-attr]
        shift = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return moment - shift if name[0] == "+" else moment + shift
    if name not in _zones():
        return None
    return moment.replace(tzinfo=ZoneInfo(name)).astimezone(UTC).replace(tzinfo=None)


@cache
def _zones() -> set[str]:
    return available_timezones()
