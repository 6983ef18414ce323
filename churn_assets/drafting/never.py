"""Days that stand for none, such as 9999-12-31: which texts are such days, and how a contract declares them."""

import re
from collections.abc import Iterable

from churn_assets.contracts.columns import DAY_OF_ZEROS, MEANS_NONE, ZEROS
from churn_assets.sources.preview.day_patterns import iso_day, pattern_reader

NEVER = r"^(9999|0001|0000)[-/.]?\d\d[-/.]?\d\d|^\d\d?[-/.]\d\d?[-/.](9999|0001|0000)$"


def means_none(texts: Iterable[str], formats: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the property `meansNone` for a column in which these texts stand for none; () if it cannot say so.

    It replaces the default days of a contract, so these are part of it.

    Args:
        texts: such as 31.12.9999; a word for none is no day.
        formats: of the column, in Spark's letters; () for year-month-day.
    """
    readers = [pattern_reader(form) for form in formats] or [iso_day]
    days = set()
    for text in texts:
        read = next((day for reader in readers if (day := reader(text))), None)
        if re.match(DAY_OF_ZEROS, text):
            days.add(ZEROS)
        elif read is not None:
            days.add(read.date().isoformat())
        else:
            return ()
    return tuple(sorted({*MEANS_NONE, *days})) if days else ()
