"""Formats of days and moments, as far as they can be judged without Spark, which will read them.

The letters are those of https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html that parse.
"""

import re

# letter -> how often it may stand in a row
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
    """What is wrong with a format of days or moments, in words; None when nothing is."""
    plain = _QUOTED.sub(" ", pattern)
    if "'" in plain:
        return "a quote is not closed"
    if any(sign in plain for sign in "{}#") or _unopened(plain):
        return "braces, # and ] without [ have no meaning there; quote what is meant as it stands"
    for run in _RUN.finditer(plain):
        if len(run[0]) not in _COUNTS.get(run[1], ()):
            return f"{run[0]} is not understood"
    if "D" in plain and set(plain) & set("dML"):
        return "D is the day of the year; that of the month is d"
    if "y" not in plain or not ("D" in plain or ("d" in plain and set(plain) & set("ML"))):
        return "it does not tell year (yyyy), month (MM) and day (dd)"
    return None


def _unopened(plain: str) -> bool:
    depth = 0
    for sign in plain:
        depth += (sign == "[") - (sign == "]")
        if depth < 0:
            return True
    return False
