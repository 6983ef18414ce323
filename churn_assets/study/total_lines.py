"""Drops a last line that holds the totals of a file and no customer."""

import re
from dataclasses import replace

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from churn_assets.inference.numerals import is_blank, numbers
from churn_assets.study.leak_finding import LeakFinding
from churn_assets.study.reading import FlatFile

_TOTAL = re.compile(
    r"(grand |sub)?totals?\b.*|sum|summe|gesamt(summe)?|insgesamt|totale?|totaal|somme|suma", re.IGNORECASE
)
COMPARED_ROWS = 1_000
# The line is one of totals if it has a number of at least this share of what the rows before it add up to.
TOTAL_SHARE = 0.5


def without_totals(file: FlatFile) -> tuple[FlatFile, list[LeakFinding]]:
    """Returns the file without a last line of totals, and a finding that tells it.

    Such a line begins with a word for total that no other row has in this column. Its other fields are blank, or one of
    them is the sum of a column.
    """
    table = file.table
    if table.num_rows < 3:
        return file, []
    last = {
        name: (column[-1].as_py() or "").strip()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    filled = [name for name, text in last.items() if not is_blank(pa.array([text]))[0]]
    if not filled or not _TOTAL.fullmatch(last[filled[0]]):
        return file, []
    before = table.slice(0, table.num_rows - 1)
    if pc.any(pc.equal(before[filled[0]], last[filled[0]])).as_py():
        return file, []
    if len(filled) > 1 and not any(_is_sum(before[name], last[name], file.delimiter) for name in filled[1:]):
        return file, []
    words = (
        f"The last line begins with {last[filled[0]]} and holds totals: it is no customer and was left out."
    )
    return replace(file, table=before), [LeakFinding(None, "warning", words)]


def _is_sum(column: pa.ChunkedArray, text: str, delimiter: str) -> bool:
    """Returns whether a text is a number near the sum of the column, by the mean of its first rows."""
    first = pc.utf8_trim_whitespace(column.slice(0, COMPARED_ROWS)).combine_chunks()
    first = first.filter(pa.array(~is_blank(first)))
    read = numbers(pa.concat_arrays([first, pa.array([text])]), delimiter)
    if read is None or len(first) < 3:
        return False
    *values, total = read.values.tolist()
    known = [value for value in values if value == value]
    expected = sum(known) / max(len(known), 1) * len(column)
    return bool(expected > 0 and total >= TOTAL_SHARE * expected)
