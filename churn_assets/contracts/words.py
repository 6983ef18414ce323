"""Formats values, lists and guesses for messages about declarations."""

import difflib
from collections.abc import Iterable

LISTED = 20


def closest(word: object, known: Iterable[object]) -> str:
    """Returns the known word that was probably meant, "" if none is close; ignores case, `_`, `-` and spaces."""
    by_plain = {plain(k): str(k) for k in known}
    wanted = plain(word)
    exchanged = [p for p in by_plain if sorted(p) == sorted(wanted)]
    near = exchanged or difflib.get_close_matches(wanted, by_plain, 1)
    return by_plain[near[0]] if near else ""


def plain(word: object) -> str:
    """Returns a name without what its spellings differ by: case, `_`, `-` and spaces."""
    return str(word).casefold().replace("_", "").replace("-", "").replace(" ", "")


def with_article(noun: str) -> str:
    """Returns `an integer`, `a date`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(words: Iterable[object]) -> str:
    """Returns `a, b, c`; a list of more than 20 is cut, with its length."""
    all_words = [str(word) for word in words]
    more = f", ... ({len(all_words)} in all)" if len(all_words) > LISTED else ""
    return ", ".join(all_words[:LISTED]) + more


def shown(value: object) -> str:
    """Returns a value as it is in the file; cuts long text."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping of keys"
        case list():
            return "a list"
        case str():
            return repr(value if len(value) <= 60 else f"{value[:57]}...")
    return str(value)
