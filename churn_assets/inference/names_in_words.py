"""Names of columns as words."""

import re


def in_words(name: str) -> str:
    """Splits a column name into words at camelCase, underscores and dots; abbreviations keep their capitals."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.\s]+", " ", name).strip()
    return (
        " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in parted.split())
        or name
    )
