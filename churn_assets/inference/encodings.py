"""Guesses the encoding of a text from its first bytes."""

import codecs

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def likely_encodings(head: bytes) -> tuple[str, ...]:
    """Returns Python's names of the encodings to try, in this order; () if the bytes are no text.

    By a byte order mark, by zero bytes, else UTF-8 or cp1252, the latin-1 of Windows.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return (name,)
    # Latin letters in UTF-16 without a mark: every other byte is zero
    if (zeros := head.count(0)) > len(head) // 4:
        return ("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be",)
    return () if zeros else ("utf-8", "cp1252")
