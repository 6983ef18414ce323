"""Checks SQL expressions in contracts and churn.yaml without Spark; Spark evaluates them later."""

import re
from collections.abc import Collection, Iterator

from churn_assets.contracts.words import closest

# Functions whose result differs between two runs over the same extracts; a name in backticks is a column.
_OF_THE_RUN = re.compile(
    r"(?<!`)\b(?:current_(?:date|time|timestamp|user)\b|localtime(?:stamp)?\b"
    r"|(?:now|curdate|randn?|random|uuid|shuffle|monotonically_increasing_id|spark_partition_id|input_file_name"
    r"|user|session_user)\s*\(|unix_timestamp\s*\(\s*\))",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
# Matches column names only: SQL keywords have no underscore, "(" follows a function, a field follows a point.
_NAME = re.compile(r"(?<![\w.`])`?([A-Za-z]\w*_\w*)`?(?!\w)(?!\s*\()")
_COMPARES = re.compile(
    r"[<>=]|\b(?:is|in|like|ilike|rlike|between|exists|isnull|isnotnull|isnan)\b", re.IGNORECASE
)
_OPERAND = (
    r"(?:(?!(?:and|or|not|is|in|like|between|case)\b)[A-Za-z]\w*|`[A-Za-z]\w*`|-?\d+(?:\.\d+)?|'[^'\\]*')"
)
_COMPARISON = (
    rf"{_OPERAND}(?:\s*(?:<>|!=|[<>]=?|=)\s*{_OPERAND}|\s+is\s+(?:not\s+)?null"
    rf"|\s+in\s*\(\s*{_OPERAND}(?:\s*,\s*{_OPERAND})*\s*\))"
)
_USUAL = re.compile(rf"\s*{_COMPARISON}(?:\s+(?:and|or)\s+{_COMPARISON})*\s*", re.IGNORECASE)
_CASE = re.compile(r"\s*\(*\s*case\b.*\bend\b", re.IGNORECASE | re.DOTALL)
_TEXT = r"'[^'\\]*'"
_COMPARED = re.compile(
    rf"(?<![\w.`])`?([A-Za-z]\w*)`?\s*(?:(?:=|==|<=>|<>|!=)\s*({_TEXT})"
    rf"|\s(?:not\s+)?in\s*\(\s*({_TEXT}(?:\s*,\s*{_TEXT})*)\s*\))",
    re.IGNORECASE,
)


def mistakes_in(sql: str, names: Collection[str] | None = None) -> list[tuple[str, str, str]]:
    """Returns the mistakes in an expression, each as (problem, remedy, what was probably meant).

    Args:
        sql: an expression or a condition.
        names: all names that it may read; None skips this check.
    """
    plain = _LITERAL.sub("''", sql)
    words = dict.fromkeys(found[0].rstrip("( )").lower() for found in _OF_THE_RUN.finditer(plain))
    wrong = [
        (
            f"{word} differs from run to run, and a month computed again must come out the same",
            "take it out; use an aggregate such as recency for the time since an event",
            "",
        )
        for word in words
    ]
    if names is not None:
        known = {name.lower() for name in names}
        read = dict.fromkeys(name for name in _NAME.findall(plain) if name.lower() not in {*known, *words})
        wrong += [(f"there is no {name} to read", "", closest(name, names)) for name in read]
    return wrong


def no_condition(sql: str) -> str | None:
    """Why an expression can be neither true nor false; None where it may be. Spark decides about the rest."""
    plain = _LITERAL.sub("''", sql)
    depth = 0
    for sign in plain:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    if depth:
        return "its parentheses do not match"
    if not _COMPARES.search(plain):
        return "it compares nothing"
    if _CASE.match(plain) and not _COMPARES.search(plain[plain.lower().rindex("end") :]):
        return "it is a CASE, which gives a value"
    return None


def is_usual_condition(sql: str) -> bool:
    """Whether SQL plainly is a condition: names compared with literals or names, joined by AND and OR alone.

    Whatever else there is needs a parser, which takes a tenth of a second to import.
    """
    return _USUAL.fullmatch(sql) is not None


def names_read(sql: str) -> list[str]:
    """Returns the names of the features that an expression reads."""
    return list(dict.fromkeys(_NAME.findall(_LITERAL.sub("''", sql))))


def compared_values(sql: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each name that a condition compares with string literals, and these: `status in ('open', 'failed')`."""
    for name, one, several in _COMPARED.findall(sql):
        yield name, [text[1:-1] for text in re.findall(_TEXT, one or several)]
