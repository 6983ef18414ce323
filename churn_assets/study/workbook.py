"""Reads a sheet of an Excel workbook as delimited text, for the reader of text files."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile

from churn_assets.inference.delimiter_and_header import SAMPLE_ROWS, ShapeError, shape
from churn_assets.study.errors import StudyError, column_named


@contextmanager
def sheet_as_text(path: Path, sheet: str | None) -> Iterator[tuple[Path, str]]:
    """Gives a UTF-8 file, separated by commas, with the values of a sheet, and the sheet's name; removes it at exit.

    Args:
        sheet: its name; None takes the first sheet that has a header and rows.

    Raises:
        StudyError: no workbook; no such sheet; no sheet with a header.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise StudyError(
            f"{path.name} is no readable Excel workbook ({error}). Save it again without a password, or as CSV."
        ) from error
    try:
        name = (
            _first_with_header(book)
            if sheet is None
            else column_named(sheet, book.sheetnames, "--sheet", "sheet")
        )
        if name is None:
            listed = ", ".join(book.sheetnames)
            raise StudyError(
                f"No sheet of {path.name} has a header with rows below it. Its sheets: {listed}."
            )
        with TemporaryDirectory() as folder:
            text = Path(folder) / "sheet.csv"
            with text.open("w", encoding="utf-8", newline="") as file:
                _write(book[name], file)
            yield text, name
    finally:
        book.close()


def _first_with_header(book: Any) -> str | None:
    for name in book.sheetnames:
        head = io.StringIO()
        _write(book[name], head, SAMPLE_ROWS)
        try:
            found = shape(name, head.getvalue())
        except ShapeError:
            continue
        if head.getvalue().count("\n") > found.lines:
            return str(name)
    return None


def _write(sheet: Any, file: Any, rows: int | None = None) -> None:
    if not hasattr(sheet, "iter_rows"):  # a sheet that is a chart
        return
    writer = csv.writer(file, lineterminator="\n")
    for row in islice(sheet.iter_rows(values_only=True), rows):
        cells = [_text(value) for value in row]
        if any(cells):
            writer.writerow(cells)


def _text(value: Any) -> str:
    """Returns a cell as text: days and moments as ISO 8601, whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.strftime("%Y-%m-%d") if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
