"""Tells which parts of regular expressions and of formats of dates the engines read differently."""

import re
from collections.abc import Collection
from math import prod

_PLAIN_ESCAPES = frozenset(r"\.+*?()|[]{}^$-/") | {"t", "n", "r", "z", "A"}
_IN_CLASS = frozenset(r"\.+*?()|[]{}^$-/tnr")
_MOST_REPEATS = 100
_MOST_NESTED = 1000  # the repeats of a pattern multiplied: Sail refuses one that becomes too large
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_LETTERS = frozenset({"yyyy", "MM", "M", "dd", "d", "HH", "H", "mm", "ss"})
# Construct -> what to write in its place.
_OTHERWISE = {
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[A-Za-z0-9_]",
    r"\W": "[^A-Za-z0-9_]",
    r"\s": r"[ \t\n\r]",
    r"\S": r"[^ \t\n\r]",
    r"\b": "(^|[^A-Za-z0-9_])",
    r"\h": r"[ \t]",
    r"\Z": r"\z",
}


def differences(pattern: str) -> list[tuple[str, str]]:
    """Returns what the engines read differently in a pattern, each as (what stands there, what to write instead)."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        length, doubt = _next(pattern, at)
        found += [doubt] if doubt and doubt not in found else []
        at += length
    if prod(int(most or least) for least, most in _REPEAT.findall(pattern)) > _MOST_NESTED:
        found.append(
            (f"repeats within repeats, more than {_MOST_NESTED:,} in all", "* or +, or smaller numbers")
        )
    return found


def _next(pattern: str, at: int) -> tuple[int, tuple[str, str] | None]:
    """Returns the length of the construct that starts here, and what differs in it."""
    rest = pattern[at:]
    match rest[0]:
        case "\\":
            braces = re.match(r"\\[A-Za-z](\{[^}]*\})?", rest)
            return len(braces[0]) if braces else 2, _escape(rest[:2], _PLAIN_ESCAPES)
        case "[":
            return _class(rest)
        case "(":
            return _group(rest)
        case "$":
            return 1, ("$, which on Spark also matches before a last line break", r"\z")
        case ".":
            return 1, (". as any character, which excludes other line breaks on each engine", r"[^\n]")
        case "{":
            return _repeat(rest)
        case "}" | "]":
            return 1, (f"a single {rest[0]}", rf"\{rest[0]}")
        case "*" | "+" | "?":
            return _quantifier(rest)
    return 1, None


def _escape(escape: str, known: frozenset[str]) -> tuple[str, str] | None:
    if escape[1:] in known and len(escape) == 2:
        return None
    if escape[1:].isdigit():
        return f"the back-reference {escape}", "an expression without it"
    return escape, _OTHERWISE.get(escape, "the characters themselves")


def _class(rest: str) -> tuple[int, tuple[str, str] | None]:
    """A class such as [^a-z]."""
    at = 2 if rest.startswith("[^") else 1
    start = at
    while at < len(rest) and (rest[at] != "]" or at == start):
        if rest[at] == "\\":
            if doubt := _escape(rest[at : at + 2], _IN_CLASS):
                inside = _OTHERWISE.get(doubt[0], "")
                plain = inside[1:-1] if inside.startswith("[") and not inside.startswith("[^") else ""
                return len(rest), (f"{doubt[0]} in [ ]", plain or "the characters themselves")
            at += 2
            continue
        if rest[at] in "[]" or rest[at : at + 2] in ("&&", "--", "~~", "||"):
            sign = rest[at] if rest[at] in "[]" else rest[at : at + 2]
            return len(rest), (f"{sign} in [ ]", "the characters themselves, and a sign as \\" + sign[0])
        at += 1
    return at + 1, None


def _group(rest: str) -> tuple[int, tuple[str, str] | None]:
    if not rest.startswith("(?"):
        return 1, None
    if rest.startswith("(?:"):
        return 3, None
    if re.match(r"\(\?<?[=!]", rest):
        return 3, ("a look-ahead or look-behind", "two conditions, or a group")
    if re.match(r"\(\?<", rest):
        return 3, ("a named group", "a group without a name")
    return 2, ("a flag such as (?i)", "lower(...) around the value")


def _repeat(rest: str) -> tuple[int, tuple[str, str] | None]:
    known = _REPEAT.match(rest)
    if known is None:
        return max(1, rest.find("}") + 1), ("a single {", r"\{")
    most = max(int(known[1]), int(known[2] or 0))
    length, doubt = _quantifier(rest, len(known[0]))
    if most > _MOST_REPEATS:
        return length, (f"more than {_MOST_REPEATS} repeats", "* or +, and a condition on the length")
    return length, doubt


def _quantifier(rest: str, length: int = 1) -> tuple[int, tuple[str, str] | None]:
    following = rest[length : length + 1]
    if following == "+":
        return length + 1, (f"the possessive {rest[: length + 1]}", rest[:length])
    return length + (following == "?"), None


def groups(pattern: str) -> int | None:
    """Returns the number of groups of a pattern; 0 for one that only Java can read, None if it has a mistake."""
    if differences(pattern):
        return 0
    try:
        return re.compile(pattern.replace(r"\z", r"\Z")).groups
    except re.error:
        return None


def matches_nothing(pattern: str) -> bool:
    """Returns whether a pattern of both engines matches an empty text, which each finds at other places."""
    try:
        return not differences(pattern) and re.search(pattern.replace(r"\z", r"\Z"), "") is not None
    except re.error:
        return False


def differences_of_format(written: str, also: Collection[str] = ()) -> list[tuple[str, str]]:
    """Returns what is not proven in a format of dates, each as (what stands there, what to write instead).

    `also`: further letters that the caller can read on both engines.
    """
    plain = re.sub(r"'[^']*'", "", written)
    runs = dict.fromkeys(found[0] for found in re.finditer(r"([A-Za-z])\1*", plain))
    found = [(run, "the letters yyyy, MM, dd, HH, mm, ss") for run in runs if run not in {*_LETTERS, *also}]
    return found + [(sign, "another sign") for sign in dict.fromkeys(plain) if sign in "[]{}#"]
