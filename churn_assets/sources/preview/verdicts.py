"""Types sampled rows and finds the rules that they break, with the verdicts of silver."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from churn_assets.contracts.columns import DAY_OF_ZEROS, EARLIEST, ZEROS
from churn_assets.contracts.source import TIMES, Column, Source
from churn_assets.sources.delivered_text import UNDECODED
from churn_assets.sources.preview.casts import Cast, Value, cast_of, without_blanks
from churn_assets.sources.readers.added_columns import BROKEN, ROW_NUMBER

EXACT = {"double": 2.0**53, "float": 2.0**24}
LARGEST = 1e38  # decimal(38,0)
STEP = re.compile(r"[^.\[\]]+")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class JudgedRows:
    """Sampled rows of one file.

    Attributes:
        row_numbers: of each row.
        raw: column -> delivered value of each row, text without blanks at its ends; None where there is none.
        typed: column -> the value in the type of the contract; None where it does not parse.
        broken: rule, as in silver/quarantine -> positions of the rows that break it, in the order of silver.
        warned: rule -> positions of the rows that break it and are kept.
        unjudged: columns that only a run can judge: computed by transformLogic, or with a pattern that Python has not.
    """

    row_numbers: list[int]
    raw: dict[str, list[Any]]
    typed: dict[str, list[Value | None]]
    broken: dict[str, list[int]]
    warned: dict[str, list[int]]
    unjudged: tuple[str, ...]

    def refused(self) -> dict[int, str]:
        """Position of a refused row -> the first rule that it breaks."""
        found: dict[int, str] = {}
        for rule, positions in self.broken.items():
            for position in positions:
                found.setdefault(position, rule)
        return found


def delivered_name(column: Column, names: Sequence[str]) -> str | None:
    """The name that a column has in a file; None when the file lacks it."""
    return next((name for name in (column.field, *column.aliases) if name in names), None)


def judge_rows(source: Source, names: Sequence[str], rows: pa.Table, extract_date: date) -> JudgedRows:
    """Judges rows as a reader returned them.

    Args:
        source: the contract.
        names: of the columns of the file, in file order; for JSON lines the fields of the contract.
        rows: values in columns "1", "2", ... by position; row_number, and of text formats `broken`.
        extract_date: of the file.
    """
    count, columns = rows.num_rows, [c for c in source.columns if not c.transform]
    raw = {c.name: _delivered(c, source, names, rows) for c in columns}
    raw |= {c.name: [None] * count for c in source.columns if c.transform}
    typed = {
        c.name: _typed(raw[c.name], cast_of(c, source.format, _exact(c, source, names, rows)))
        for c in columns
    }
    typed |= {c.name: [None] * count for c in source.columns if c.transform}
    broken, warned = {"unreadable": _unreadable(source, names, rows)}, dict[str, list[int]]()
    for c in columns:
        none = _days_that_mean_none(c, raw[c.name], typed[c.name])
        typed[c.name] = [None if at in none else value for at, value in enumerate(typed[c.name])]
        pairs = enumerate(zip(raw[c.name], typed[c.name], strict=True))
        (warned if c.severity == "null_value" else broken)[f"malformed:{c.name}"] = [
            at for at, (given, value) in pairs if given is not None and value is None and at not in none
        ]
    for c in columns:
        if c.required:
            broken[f"required:{c.name}"] = [at for at, value in enumerate(typed[c.name]) if value is None]
    for c in columns:
        for rule, breaks in _value_rules(c, extract_date):
            found = [at for at, value in enumerate(typed[c.name]) if value is not None and breaks(value)]
            kept = (c.valid_severity if rule == "valid" else c.severity) != "quarantine"
            (warned if kept else broken).setdefault(f"{rule}:{c.name}", []).extend(found)
    broken |= _later_events(source, typed, extract_date)
    order = _order(source, typed)
    if source.spell is not None and source.spell.date_order == "warn":
        warned |= order
    else:
        broken |= order
    return JudgedRows(
        rows[ROW_NUMBER].to_pylist(),
        raw,
        typed,
        {rule: positions for rule, positions in broken.items() if positions},
        {rule: positions for rule, positions in warned.items() if positions},
        tuple(c.name for c in source.columns if c.transform or (c.pattern and _compiled(c.pattern) is None)),
    )


def _delivered(column: Column, source: Source, names: Sequence[str], rows: pa.Table) -> list[Any]:
    name = delivered_name(column, names) if source.format != "jsonl" else column.field
    if name is None:
        return [None] * rows.num_rows
    values = rows[str(names.index(name) + 1)].to_pylist()
    if rows.num_rows and isinstance(next((v for v in values if v is not None), None), list | dict):
        values = [None if value is None else str(value) for value in values]
    if column.json_path:
        values = _each(values, lambda text: _inside(text, column.json_path or ""))
    return _each(values, _plain)


def _plain(value: Any) -> Any:
    """Text without blanks at its ends; a time without its zone, in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return without_blanks(value) if isinstance(value, str) else value


def _exact(column: Column, source: Source, names: Sequence[str], rows: pa.Table) -> float:
    """Up to where the delivered type of an id holds every whole number; infinite for a column that is no id."""
    name = delivered_name(column, names)
    if column.name not in source.ids or name is None or source.format != "parquet":
        return math.inf
    return EXACT.get(str(rows[str(names.index(name) + 1)].type), LARGEST)


def _inside(text: str, path: str) -> str | None:
    """The value at `$.a.b` in a JSON text, as text; None when there is none."""
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return None
    for step in STEP.findall(path)[1:]:
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    if found is None or isinstance(found, str):
        return found
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def _each(values: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    """The changed values; equal ones are changed once, and None stays."""
    changed = {value: change(value) for value in set(values) if value is not None}
    return [None if value is None else changed[value] for value in values]


def _typed(values: list[Any], cast: Cast) -> list[Value | None]:
    return _each(values, cast)


def _unreadable(source: Source, names: Sequence[str], rows: pa.Table) -> list[int]:
    """Positions of the rows that do not parse, or hold bytes of another encoding."""
    if source.format == "parquet":
        return []
    found = {at for at, text in enumerate(rows[BROKEN].to_pylist()) if text is not None}
    if source.format == "csv":
        read = {name for c in source.columns if (name := delivered_name(c, names)) is not None}
        for name in read:
            texts = rows[str(names.index(name) + 1)].to_pylist()
            found |= {at for at, text in enumerate(texts) if text is not None and re.search(UNDECODED, text)}
    return sorted(found)


def _days_that_mean_none(column: Column, raw: list[Any], typed: list[Value | None]) -> set[int]:
    """Positions of days that mean none."""
    zeros = re.compile(DAY_OF_ZEROS) if ZEROS in column.means_none else None
    return {
        at
        for at, (given, day) in enumerate(zip(raw, _days(typed), strict=True))
        if (day is not None and day.isoformat() in column.means_none)
        or (zeros is not None and isinstance(given, str) and zeros.fullmatch(given))
    }


def _value_rules(column: Column, extract_date: date) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """(rule, whether a value breaks it) in the order of silver."""
    low, high = (_bound(value, column) for value in (column.minimum, column.maximum))
    if low is not None:
        yield "range", lambda value: value < low
    if high is not None:
        yield "range", lambda value: value > high
    if column.max_days_ahead is not None:
        latest = extract_date + timedelta(days=column.max_days_ahead)
        yield "plausible", lambda value: bool((day := _days([value])[0]) and day > latest)
        if low is None:
            yield "plausible", lambda value: bool((day := _days([value])[0]) and day.isoformat() < EARLIEST)
    expression = _compiled(column.pattern) if column.pattern is not None else None
    if expression is not None:
        yield "pattern", lambda value: not expression.search(value)
    if column.valid_values:
        yield "valid", lambda value: not column.allows(value)


def _bound(value: float | str | None, column: Column) -> Any:
    if value is None or column.type not in TIMES:
        return value
    return (date if column.type == "date" else datetime).fromisoformat(str(value))


def _compiled(pattern: str) -> "re.Pattern[str] | None":
    """The pattern for Python, which calls the end of a text `\\Z`; None when it has no such expression."""
    try:
        return re.compile(ESCAPE.sub(lambda found: r"\Z" if found[1] == "z" else found[0], pattern), re.ASCII)
    except re.error:
        return None


def _later_events(
    source: Source, typed: dict[str, list[Value | None]], extract_date: date
) -> dict[str, list[int]]:
    """Events after their extract."""
    if source.event_time is None:
        return {}
    days = _days(typed[source.event_time])
    later = [at for at, day in enumerate(days) if day is not None and day > extract_date]
    return {f"future:{source.event_time}": later}


def _order(source: Source, typed: dict[str, list[Value | None]]) -> dict[str, list[int]]:
    """Ends and expiries before the start of their spell."""
    if source.spell is None:
        return {}
    starts, found = _days(typed[source.spell.started_on]), {}
    for name in filter(None, (source.spell.ended_on, source.spell.expires_on)):
        both = enumerate(zip(starts, _days(typed[name]), strict=True))
        found[f"order:{name}"] = [at for at, (start, end) in both if start and end and end < start]
    return found


def _days(values: list[Value | None]) -> list[date | None]:
    days = (value.date() if isinstance(value, datetime) else value for value in values)
    return [day if isinstance(day, date) else None for day in days]
