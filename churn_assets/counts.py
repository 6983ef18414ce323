"""Counts in sentences: `1 row has no value`, `1,200 rows have no value`."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """The count and what follows it: `1 row has`, `3 rows have`; without `many`, `one` with an s."""
    return f"{count:,} {form(count, one, many)}"


def form(count: int, one: str, many: str | None = None) -> str:
    """What follows a count, without the count: in "1 of 20 ids looks unlike the others", the verb."""
    return one if count == 1 else many or f"{one}s"
