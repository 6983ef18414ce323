"""Guesses the encoding of a text from its first bytes."""

import codecs

MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Share of zero bytes, all at even or all at odd places, from which a text is UTF-16. It is low, because only Latin
# letters have a zero byte.
WIDE_SHARE = 1 / 40


def likely_encodings(head: bytes) -> tuple[str, ...]:
    """Returns Python's names of the encodings to try, in this order; () if the bytes are no text.

    By a byte order mark, by zero bytes, else UTF-8 or cp1252, the latin-1 of Windows.
    """
    if head.startswith(codecs.BOM_UTF8):
        return ("utf-8",)
    if wide := wide_encoding(head):
        return (codecs.lookup(wide).name,)
    return () if b"\0" in head else ("utf-8", "cp1252")


def wide_encoding(head: bytes) -> str | None:
    """Returns the encoding of a text with two or four bytes a character, by its mark or its zero bytes; else None."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    zeros = [head[place::4].count(0) / max(len(head[place::4]), 1) for place in range(4)]
    if min(zeros[2:]) > 0.9 > zeros[0]:
        return "UTF-32LE"
    if min(zeros[:2]) > 0.9 > zeros[3]:
        return "UTF-32BE"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (
        max(even, odd) < max(WIDE_SHARE * len(head), 2)
        or 4 * min(even, odd) > max(even, odd)
        or len(head) % 2
    ):
        return None
    encoding = "UTF-16LE" if odd > even else "UTF-16BE"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    # in a text with one byte a character, whose values are zeros, most line ends are not beside a zero
    if 2 * text.count("\n") <= head.count(b"\n") > 0:
        return None
    return encoding
