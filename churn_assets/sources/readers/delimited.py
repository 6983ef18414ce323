"""CSV files as Arrow tables, with bounded memory however large the file is.

Only Arrow's parser decides what a row or a value is. A quoted field may contain delimiters and line breaks; a doubled
quote in it is text. A quote in an unquoted field is text, too (5" pipe). Text after a closing quote belongs to the
value ("said" twice becomes: said twice). Rows end with \\n or \\r\\n, or with \\r if the first line does. Blank lines
are not rows. An empty value is null, quoted or not.
"""

import io
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import count, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from churn_assets.contracts.source import Source
from churn_assets.sources.csv_quotes import CUT, check_quotes
from churn_assets.sources.delivered_text import CARRIAGE_RETURN, csv_rows
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.open_extract import open_utf8
from churn_assets.sources.readers.added_columns import BROKEN, ROW_NUMBER

# Bytes. A row must fit into a block, and Arrow reads 32 blocks ahead: the large ones are for files with larger rows.
BLOCKS = (2**20, 16 * 2**20)
TOO_LONG = "straddling object"  # Arrow's message for a row that does not fit into a block
# Added at the end of the file: a quoted value that never closes then contains a line break, so the quotes are checked.
ENDING = "\n\n"
DELIMITER = "\x1f"  # replaces the contract's delimiter when that is not ASCII, which Arrow does not accept
LINE_BREAKS = ("\n", "\r")

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def read_csv(source: Source, file: ExtractFile, columns: int) -> Iterator[pa.Table]:
    """The rows of a file: values as text in columns "1", "2", ... by position, `row_number` from 1, and `broken`.

    A row with too few or too many values is included, with nulls for missing values and without surplus ones.

    Raises:
        LandingError: the file ends in the middle of a row, a misplaced quote would hide rows, or a row is too long.
    """
    told, looked = 0, False
    for block in BLOCKS:
        try:
            for table, has_line_breaks in _Parse(source, file, columns).tables(block):
                if has_line_breaks and not looked:
                    check_quotes(source, file)
                    looked = True
                fresh = table.filter(pc.field(ROW_NUMBER) > told)  # the header is row 0
                if fresh.num_rows:
                    told = pc.max(fresh[ROW_NUMBER]).as_py()
                    yield fresh
            return
        except pa.ArrowInvalid as error:
            if TOO_LONG not in str(error):
                raise
            if not looked:
                check_quotes(source, file)
                looked = True
    raise LandingError(
        f"{file.name}: the row after row {told} takes more than {BLOCKS[-1] / 2**20:.0f} MB, or the file has no line "
        "ends. Deliver it with one row a line."
    )


class _Broken(list[tuple[int, str]]):
    """Number and text of the rows that Arrow refuses, in file order."""

    def __call__(self, row: arrow_csv.InvalidRow) -> str:
        self.append((row.number - 1, row.text))
        return "skip"

    def until(self, number: int) -> list[tuple[int, str]]:
        """Returns and removes the rows before this one."""
        found = [row for row in self if row[0] < number]
        del self[: len(found)]
        return found


class _Parse:
    """One pass over a file."""

    def __init__(self, source: Source, file: ExtractFile, columns: int) -> None:
        self.source, self.file = source, file
        self.names = [str(place) for place in range(1, columns + 1)]
        self.broken = _Broken()
        self.delimiter = source.delimiter if source.delimiter.isascii() else DELIMITER
        self.instead = {} if source.delimiter == self.delimiter else {source.delimiter: DELIMITER}
        self.stand_ins = {CARRIAGE_RETURN: "\r"} | {new: old for old, new in self.instead.items()}

    def tables(self, block: int) -> Iterator[tuple[pa.Table, bool]]:
        """Tables as in `read_csv`, with the header as row 0; each with whether a value has a line break."""
        number = 0
        with open_utf8(self.source, self.file, ENDING, self.instead) as text:
            for batch in self._reader(io.BufferedReader(text), block):
                numbers = _numbers(number, batch.num_rows, {row for row, _ in self.broken})
                number = int(numbers[-1]) + 1 if len(numbers) else number
                yield self._table(batch, numbers, self.broken.until(number))
            if not text.has_line_end:
                self._refuse_cut()
        none = pa.record_batch([pa.array([], pa.string())] * len(self.names), self.names)
        yield self._table(none, _numbers(number, 0, ()), self.broken.until(sys.maxsize))

    def _refuse_cut(self) -> None:
        """Raises LandingError when the last row has too few values; only for a file whose last row has no line end."""
        if not self.broken:
            return
        number, text = self.broken[
            -1
        ]  # at the end of the file, what is left of them comes behind all other rows
        if any(end in text for end in LINE_BREAKS):
            check_quotes(self.source, self.file)  # it may hold other rows, too
        if len(self._split(text)) < len(self.names):
            raise LandingError(f"{self.file.name} {CUT.format(row=number)}")

    def _reader(self, stream: io.BufferedReader, block: int) -> arrow_csv.CSVStreamingReader:
        return arrow_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            # Arrow numbers the rows that it refuses only when it uses no threads
            arrow_csv.ReadOptions(use_threads=False, block_size=block, column_names=self.names),
            arrow_csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=self.broken
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )

    def _table(
        self, batch: pa.RecordBatch, numbers: Numbers, broken: Sequence[tuple[int, str]]
    ) -> tuple[pa.Table, bool]:
        names = [*self.names, BROKEN, ROW_NUMBER]
        rows = pa.table([*batch.columns, pa.nulls(batch.num_rows, pa.string()), pa.array(numbers)], names)
        if broken:
            others = [[*self._values(text), text, number] for number, text in broken]
            rows = pa.concat_tables([rows, pa.table([*zip(*others, strict=True)], schema=rows.schema)])
        *texts, row_number = rows.columns
        line_breaks = any(_holds(text, end) for text in texts for end in LINE_BREAKS)
        for new, old in self.stand_ins.items():
            texts = [pc.replace_substring(text, new, old) if _holds(text, new) else text for text in texts]
        return pa.table([*texts, row_number], names), line_breaks

    def _values(self, text: str) -> list[str | None]:
        """The values of a broken row, cut or filled with None to the number of columns."""
        given = [value or None for value in self._split(text)[: len(self.names)]]
        return given + [None] * (len(self.names) - len(given))

    def _split(self, text: str) -> list[str]:
        """The values of a broken row."""
        [row] = csv_rows(io.StringIO(text, newline=""), self.delimiter, len(text))
        return row.values


def _numbers(first: int, rows: int, without: Collection[int]) -> Numbers:
    """The next `rows` row numbers from `first`, leaving out those in `without`."""
    if not without:
        return np.arange(first, first + rows)
    return np.fromiter(islice((n for n in count(first) if n not in without), rows), np.int64)


def _holds(text: pa.ChunkedArray, some: str) -> bool:
    buffers = (chunk.buffers()[2] for chunk in text.chunks)
    return any(buffer is not None and some.encode() in buffer.to_pybytes() for buffer in buffers)
