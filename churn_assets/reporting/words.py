"""Names, numbers and dates as people read them."""

from datetime import date


def spoken(name: str) -> str:
    """A name of the code in words: `soft_voting` as `soft voting`."""
    return name.replace("_", " ")


def capitalised(words: str) -> str:
    """With a capital letter at its beginning."""
    return words[:1].upper() + words[1:]


def counted(count: int, thing: str) -> str:
    """`1 customer`, `1,200 customers`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def cell(value: object) -> str:
    """A value in a table: whole numbers with thousands separators, an empty cell for what is not known."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def month_name(day: date) -> str:
    """`June 2025`."""
    return f"{day:%B %Y}"


def full_date(day: date) -> str:
    """`30 June 2025`."""
    return f"{day.day} {day:%B %Y}"
