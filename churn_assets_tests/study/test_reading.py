"""Files as programs write them: every encoding, separator and crookedness gives the same table, or a clear error."""

import csv
import gzip
import io
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.inference.delimiter_and_header import distinct
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
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
    assert "1 line with a wrong number of fields" in file.words()


def dump(delimiter: str, strays: dict[int, str], end: str = "\n") -> str:
    """1,000 rows written without quoting; some of the names hold a quotation mark."""
    rows = ["id,name,calls,left", *(f"{at},{strays.get(at, 'n')},{at % 7},Yes" for at in range(1000))]
    return end.join(rows).replace(",", delimiter) + end


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "strays", [{100: '"x y', 900: '"x y'}, {100: '"x y'}, {0: '"x'}, {100: '"Bob" Smith'}, {3: '5" pipe'}]
)
def test_a_stray_quotation_mark_swallows_no_rows(tmp_path: Path, strays: dict[int, str], end: str) -> None:
    for delimiter in "\t|":
        file = read(write(tmp_path, dump(delimiter, strays, end)))
        assert (file.table.num_rows, file.crooked) == (1000, ())
    for delimiter in ",;":
        path = write(tmp_path, dump(delimiter, strays, end))
        if all(text.startswith('"') and text.count('"') == 1 for text in strays.values()):
            with pytest.raises(StudyError, match=rf"quotation mark near line {min(strays) + 2} .* swallows"):
                read(path)
        else:
            assert read(path).table.num_rows == 1000


def test_letters_of_several_lines_are_one_value(tmp_path: Path) -> None:
    letters = ["Dear Sir,\nI am, as you know,\nunhappy", "High St 1,\nLondon,\nUK", "a, b\nc, d"]
    rows = [[str(at), letters[at % 3], "Yes"] for at in range(300)]
    file = read(write(tmp_path, text_of([["id", "letter", "left"], *rows], ",", "\n")))
    assert file.table["letter"].to_pylist()[:3] == letters
    assert file.table.num_rows == 300


def test_crooked_rows_are_counted_by_the_lines_they_cover(tmp_path: Path) -> None:
    lines = ["a,b,c"] + [f"{at},x,y" for at in range(300)]
    lines[7] = '6,"one\ntwo",too,many'
    file = read(write(tmp_path, "\n".join(lines) + "\n"))
    assert (file.table.num_rows, file.crooked) == (299, (8, 9))


@pytest.mark.parametrize(
    ("above", "titles"),
    [
        ("id,a,left\n", False),
        ("\n\nid,a,left\n", False),
        ('id,"a",left\n', False),
        ("id,a,left,\n", False),
        ("Customers of 2024\nid,a,left\n", True),
        ("Customers of 2024\n\nid,a,left\n", True),
        ("Customers of 2024,,\n,,\nid,a,left\n", True),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_stands_above_the_header_is_no_data(tmp_path: Path, above: str, titles: bool, end: str) -> None:
    text = above + "".join(f"{at},{at % 7},Yes\n" for at in range(50))
    file = read(write(tmp_path, text.replace("\n", end)))
    assert file.table.column_names == ["id", "a", "left"]
    assert (file.table.num_rows, file.table["id"][0].as_py(), file.crooked) == (50, "0", ())
    assert ("above the header" in file.words()) == titles


def test_a_header_may_hold_line_breaks(tmp_path: Path) -> None:
    file = read(write(tmp_path, 'id,"calls\nper month",left\n' + "1,2,Yes\n" * 9))
    assert file.table.column_names == ["id", "calls per month", "left"]
    assert (file.table.num_rows, file.crooked) == (9, ())


def test_a_separator_at_the_end_of_rows_alone_makes_an_empty_column(tmp_path: Path) -> None:
    file = read(write(tmp_path, "id,a,left\n" + "1,2,Yes,\n" * 9))
    assert file.table.column_names == ["id", "a", "left", "column_4"]
    assert file.table["column_4"].to_pylist() == [""] * 9


@pytest.mark.parametrize(
    ("names", "distinct_names"),
    [
        (["a_3", "a", "a"], ["a_3", "a", "a_3_"]),
        (["column_2", "", "a"], ["column_2", "column_2_", "a"]),
        (["a", "a", "a_2"], ["a", "a_2_", "a_2"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
    ],
)
def test_names_are_distinct(names: list[str], distinct_names: list[str]) -> None:
    assert distinct(names) == distinct_names


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x1f\x8b\x08rest", "a damaged gzip file"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], "a damaged gzip file"),
        (b"PAR1rest", "a Parquet file"),
        (b"a,b\n1,\x00\n" * 9, "holds zero bytes"),
        ("氏名,値\nあ,1\n".encode("shift-jis") * 9, "neither UTF-8 nor UTF-16 nor latin-1"),
        (b"only\none\ncolumn\n", "one column only"),
        (b"1,2,3\n4,5,6\n", "looks like data"),
        (b"C1,2024-01-31,5\nC2,2024-02-28,6\n", "looks like data"),
        (b"C1;31.01.2024 10:00;5\nC2;28.02.2024 09:30;6\n", "looks like data"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b,c\n1,2\n", "the header has 3 fields"),
        (b"a,b\n" + b"1,2,x\n" * 9, "header has 2 fields .* most rows have 3.*row.names"),
        (b"a,b\n1,2\n" + b"1,2,3\n" * 20 + b"1,2\n" * 60, "20 lines do not have the 2 fields"),
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


def test_a_file_compressed_by_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    text = "name;value\nJosé;1\nAnna;2\n".encode("cp1252")
    for name in ("file.csv.gz", "file.csv"):
        found = read(write(tmp_path, gzip.compress(text), name))
        assert found.table.to_pydict() == {"name": ["José", "Anna"], "value": ["1", "2"]}
        assert found.encoding == "cp1252"


def workbook(folder: Path) -> Path:
    """A cover sheet, an empty one, and two sheets of data; the first of these has a title above its header."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["Customers of the year"])
    book.create_sheet("empty")
    data = book.create_sheet("data")
    data.append(["Exported"])
    data.append(["name", "since", "price", "months", "active"])
    data.append(["Anna, B.", datetime(2024, 3, 1), 12.5, 3, True])  # noqa: DTZ001
    data.append(["Joe", None, 7.0, 4, False])
    other = book.create_sheet("Other")
    other.append(["a", "b"])
    other.append([1, 2])
    path = folder / "book.xlsx"
    book.save(path)
    return path


def test_a_workbook_is_read_from_its_first_sheet_with_a_header(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    found = read(path)
    assert found.table.to_pydict() == {
        "name": ["Anna, B.", "Joe"],
        "since": ["2024-03-01", ""],
        "price": ["12.5", "7"],
        "months": ["3", "4"],
        "active": ["True", "False"],
    }
    assert "sheet data" in found.words() and found.path == path
    assert read(path, "other").table.to_pydict() == {"a": ["1"], "b": ["2"]}
    with pytest.raises(StudyError, match=r"--sheet Datta: .* no such sheet. Did you mean data"):
        read(path, "Datta")
    with pytest.raises(StudyError, match="no Excel workbook"):
        read(write(tmp_path, "a,b\n1,2\n"), "data")
    with pytest.raises(StudyError, match="no readable Excel workbook"):
        read(write(tmp_path, b"PK\x03\x04rest", "broken.xlsx"))
