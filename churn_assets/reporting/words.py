"""Formats names, numbers and dates for people."""

import re
from datetime import date

BRACKETS = re.compile(r" *\([^()]*\)")


def spoken(name: str) -> str:
    """A name from the code as words: `soft_voting` becomes `soft voting`."""
    return name.replace("_", " ")


def capitalised(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]


def cell(value: object) -> str:
    """A value as a table cell: whole numbers with thousands separators, None as an empty cell."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def month_name(day: date) -> str:
    """`June 2025`."""
    return f"{day:%B %Y}"


def full_date(day: date) -> str:
    """`30 June 2025`."""
    return f"{day.day} {day:%B %Y}"


def short(sentence: str, limit: int = 60) -> str:
    """A sentence in at most `limit` characters: without what stands in brackets, else cut after a word and marked.

    Brackets hold what a reason is compared with, so that the reason stays true without them.
    """
    if len(sentence) <= limit:
        return sentence
    bare = BRACKETS.sub("", sentence).strip()
    if len(bare) <= limit:
        return bare
    cut = bare[:limit]
    kept = cut.rpartition(" ")[0].rstrip(" ,;:") or bare[: limit - 1]
    return f"{kept}…"
