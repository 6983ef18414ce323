"""The error of a study, and the look-up of column names that the user gave."""

from collections.abc import Iterable
from difflib import get_close_matches


class StudyError(ValueError):
    """The file or the request cannot be studied; the message states file, column or row, and the remedy."""


def column_named(name: str, columns: Iterable[str], option: str, kind: str = "column") -> str:
    """Returns the column with that name, compared without case and surrounding blanks if none is spelt the same.

    Args:
        option: the option with the name, for the message: "--target".
        kind: what is named, for the message.

    Raises:
        StudyError: no such column; the message lists the nearest names.
    """
    known = list(columns)
    if name in known:
        return name
    folded = {column.strip().casefold(): column for column in reversed(known)}
    if (found := folded.get(name.strip().casefold())) is not None:
        return found
    near = [folded[hit] for hit in get_close_matches(name.strip().casefold(), list(folded), n=3, cutoff=0.5)]
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise StudyError(f"{option} {name}: the file has no such {kind}.{meant} Its {kind}s: {listed}.")
