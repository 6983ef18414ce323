"""Files as programs write them: every encoding, separator and crookedness gives the same table, or a clear error."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.study.errors import StudyError, column_named
from churn_assets.study.reading import read
from churn_assets_tests.study.files import write

ROWS = [["1", "Müller, Zoë", "3,5"], ["2", 'say "ja"; bitte', ""], ["3", "two\nlines", " "]] * 3


def text_of(rows: list[list[str]], delimiter: str, end: str = "\r\n") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_encoding_and_separator_gives_the_same_table(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    text = text_of([["id", "größe", "wert"], *ROWS], delimiter)
    file = read(write(tmp_path, text.encode(encoding)))
    assert file.delimiter == delimiter
    assert file.table.column_names == ["id", "größe", "wert"]
    assert [list(row.values()) for row in file.table.to_pylist()] == ROWS
    assert file.crooked == ()


FIELD = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=("Cs", "Cc")), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=3, max_size=12), st.sampled_from(",;\t"))
def test_what_was_written_is_read(tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str) -> None:
    kept = [[f"k{at}", *row] for at, row in enumerate(rows)]
    text = text_of([["name", "b", "c", "d"], *kept], delimiter, "\n")
    file = read(write(tmp_path, text.encode("utf-8-sig")))
    assert [list(row.values()) for row in file.table.to_pylist()] == kept


def test_names_are_trimmed_filled_and_made_distinct(tmp_path: Path) -> None:
    file = read(write(tmp_path, " a ,,a,b\n1,2,3,4\n5,6,7,8\n"))
    assert file.table.column_names == ["a", "column_2", "a_3", "b"]


def test_the_hint_of_excel_is_not_data(tmp_path: Path) -> None:
    file = read(write(tmp_path, "sep=;\r\na;b\r\n1;2\r\n3;4\r\n"))
    assert (file.delimiter, file.table.num_rows) == (";", 2)


def test_a_few_crooked_rows_are_left_out_and_named(tmp_path: Path) -> None:
    lines = ["a,b"] + [f"{at},x" for at in range(300)]
    lines[7] = "6,x,too many"
    file = read(write(tmp_path, "\n".join(lines) + "\n"))
    assert (file.table.num_rows, len(file.crooked)) == (299, 1)
    assert "1 rows with a wrong number of fields" in file.words()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (b"PK\x03\x04rest", "an Excel workbook or a zip archive"),
        (b"\x1f\x8b\x08rest", "a gzip archive"),
        (b"PAR1rest", "a Parquet file"),
        (b"a,b\n1,\x00\n" * 9, "holds zero bytes"),
        ("氏名,値\nあ,1\n".encode("shift-jis") * 9, "neither UTF-8 nor UTF-16 nor latin-1"),
        (b"only\none\ncolumn\n", "one column only"),
        (b"1,2,3\n4,5,6\n", "looks like data"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b\n1,2\n" + b"1,2,3\n" * 20 + b"1,2\n" * 60, "20 rows do not have the 2 fields"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        read(write(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"nothing\.csv: there is no such file"):
        read(tmp_path / "nothing.csv")


def test_a_missing_column_is_answered_with_its_neighbours() -> None:
    assert column_named(" customerid ", ["customerID", "Churn"], "--id") == "customerID"
    with pytest.raises(StudyError, match=r"--target Churned: .* Did you mean Churn\?"):
        column_named("Churned", ["customerID", "Churn"], "--target")
