"""File names in messages and tables."""


def shown(text: str) -> str:
    """A text that every terminal and table takes: bytes of file names that are no UTF-8 are escaped, as in caf\\xe9."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
