"""Checks date and timestamp formats without Spark; Spark parses with them later.

Allowed are the letters of https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html that Spark can parse.
"""

import re
from datetime import date, datetime

# letter -> allowed lengths of a run of it
_COUNTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("dhHkKms", (1, 2)),
    **dict.fromkeys("MLGz", (1, 2, 3, 4)),
    **dict.fromkeys("xXZ", (1, 2, 3, 4, 5)),
    "a": (1,),
    "V": (2,),
    "O": (1, 4),
    "D": (1, 2, 3),
    "y": tuple(range(1, 7)),
    "S": tuple(range(1, 10)),
}
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_RUN = re.compile(r"([a-zA-Z])\1*")


def wrong_format(pattern: str) -> str | None:
    """Returns what is wrong with a date or timestamp format, as text; None if it is valid."""
    plain = _QUOTED.sub(" ", pattern)
    if "'" in plain:
        return "a quote is not closed"
    if any(sign in plain for sign in "{}#") or _unopened(plain):
        return "braces, # and ] without [ are not allowed in a format; put literal text in single quotes"
    for run in _RUN.finditer(plain):
        if len(run[0]) not in _COUNTS.get(run[1], ()):
            return f"{run[0]} is not understood"
    if "D" in plain and set(plain) & set("dML"):
        return "D is the day of the year; that of the month is d"
    if "y" not in plain or not ("D" in plain or ("d" in plain and set(plain) & set("ML"))):
        return "it lacks one of year (yyyy), month (MM) and day (dd)"
    return None


def _unopened(plain: str) -> bool:
    depth = 0
    for sign in plain:
        depth += (sign == "[") - (sign == "]")
        if depth < 0:
            return True
    return False


# Each of these is another valid day if day, month and two-digit year swap places.
_SAMPLES = (date(2003, 4, 5), date(2010, 11, 12), date(2012, 10, 11))
_PLAUSIBLE = range(1900, 2100)
_OPTIONAL = re.compile(r"\[[^\]]*\]")
_PART = re.compile(r"([a-zA-Z])\1*|'(?:[^']|'')*'|.")
# part of a format -> Python's directive, and a regular expression of the texts that it matches
_DIRECTIVES = {
    "yy": ("%y", r"\d\d"),
    "MMM": ("%b", r"[A-Z]\w+"),
    "MMMM": ("%B", r"[A-Z]\w+"),
    "y": ("%Y", r"\d+"),
    "M": ("%m", r"\d\d?"),
    "d": ("%d", r"\d\d?"),
    "D": ("%j", r"\d{1,3}"),
    "yyyy": ("%Y", r"\d{4}"),
    "MM": ("%m", r"\d\d"),
    "dd": ("%d", r"\d\d"),
    "DDD": ("%j", r"\d{3}"),
}


def contradiction(one: str, other: str) -> str | None:
    """Returns an example of a text that the two formats parse as different days; None if there is none."""
    for day in _SAMPLES:
        text = "".join(_written(part, day) for part in _parts(one))
        read = _read(other, text)
        if read not in (None, day):
            return f"{text} is {day} by {one}, but {read} by {other}"
    return None


def _parts(pattern: str) -> list[str]:
    """Splits a format into runs of one letter, quoted texts and single other characters; drops optional parts."""
    plain = _OPTIONAL.sub("", pattern).replace("L", "M")
    return [found[0] for found in _PART.finditer(plain)]


def _written(part: str, day: date) -> str:
    """Returns the text of `day` for one part of a format; time parts become ones, since only days matter here."""
    if part in _DIRECTIVES:
        text = day.strftime(_DIRECTIVES[part][0])
        return text.lstrip("0") if len(part) == 1 else text
    if part[0] == "'":
        return part[1:-1].replace("''", "'") or "'"
    return "1" * len(part) if part[0].isalpha() else part


def _read(pattern: str, text: str) -> date | None:
    """Returns the day that a format parses from a text; None if it does not match or the year is implausible."""
    parts = _parts(pattern)
    told = [part for part in parts if part in _DIRECTIVES]
    expression = "".join(
        f"({_DIRECTIVES[part][1]})" if part in _DIRECTIVES else re.escape(_written(part, _SAMPLES[0]))
        for part in parts
    )
    found = re.fullmatch(expression, text)
    if found is None:
        return None
    try:
        day = datetime.strptime(" ".join(found.groups()), " ".join(_DIRECTIVES[p][0] for p in told)).date()  # noqa: DTZ007
    except (ValueError, re.error):
        return None  # no such day, or a field twice
    return day if day.year in _PLAUSIBLE else None
