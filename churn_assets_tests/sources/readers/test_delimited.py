"""CSV files as Arrow tables: every row once and under its number, whatever is wrong with it and wherever blocks end."""

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from encodings.aliases import aliases
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.server import encoding_name
from churn_assets.contracts.source import Source
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources import delivered_text
from churn_assets.sources.delivered_text import CARRIAGE_RETURN, REPLACED, csv_rows
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.open_extract import open_text
from churn_assets.sources.readers import delimited
from churn_assets.sources.readers.delimited import read_csv

pytestmark = pytest.mark.one_python(reason="Arrow reads; other readers are asked on each Python")

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
COLUMNS = ["contact_id", "customer_id", "contacted_on", "arm", "offer"]
HEADER = ",".join(COLUMNS) + "\n"
TEXT = st.text('ab ,"\n', max_size=9)
ROW = st.tuples(st.just("R"), TEXT.map("C{}".format), st.just("2025-01-03"), TEXT.map("t{}".format), TEXT)
ROWS = st.lists(ROW, min_size=1, max_size=5)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


class Read(NamedTuple):
    """A row as read."""

    values: tuple[str | None, ...]
    broken: str | None


@contextmanager
def _delivered(content: bytes) -> Iterator[ExtractFile]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "a.csv")
        file.write_bytes(content)
        yield ExtractFile(str(file), "contacts/a.csv", date(2025, 1, 31), len(content))


def _read(text: str | bytes, source: Source = CONTACTS, columns: int = 5) -> dict[int, Read]:
    """Rows by their number."""
    content = text if isinstance(text, bytes) else text.encode(source.encoding)
    found = {}
    with _delivered(content) as file:
        for table in read_csv(source, file, columns):
            for row in table.to_pylist():
                number, broken = row.pop("row_number"), row.pop("broken")
                assert number not in found
                found[number] = Read(tuple(row.values()), broken)
    return found


def _written(rows: list[tuple[str, ...]], quoting: int, end: str = "\n") -> str:
    written = []
    for row in [COLUMNS, *rows]:
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator="\r\n").writerow(row)  # type: ignore[arg-type]
        written.append(text.getvalue().removesuffix("\r\n") + end)
    return "".join(written)


def _empty_as_null(rows: list[tuple[str, ...]]) -> dict[int, Read]:
    return {n: Read(tuple(v or None for v in row), None) for n, row in enumerate(rows, 1)}


@pytest.fixture(params=[(50, 400), delimited.BLOCKS], ids=["small", "usual"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows as well."""
    monkeypatch.setattr(delimited, "BLOCKS", request.param)


@pytest.mark.usefixtures("blocks")
@settings(max_examples=200)
@given(rows=ROWS, quoting=QUOTING, end=ENDS, whole=st.booleans())
def test_honest_quoted_fields_come_out_as_they_were_written(
    rows: list[tuple[str, ...]], quoting: int, end: str, whole: bool
) -> None:
    text = _written(rows, quoting, end)
    assert _read(text if whole else text.removesuffix(end)) == _empty_as_null(rows)


@pytest.mark.usefixtures("blocks")
@settings(max_examples=200)
@given(data=st.data(), rows=ROWS, quoting=QUOTING)
def test_with_one_quote_missing_or_too_many_no_row_is_lost_without_an_error(
    data: st.DataObject, rows: list[tuple[str, ...]], quoting: int
) -> None:
    """There may be more rows than were meant: a field that lost its first quote is cut at its line breaks."""
    text = _written(rows, quoting)
    at = data.draw(st.integers(len(HEADER), len(text)))
    there = text.find('"', at)
    removed = there >= 0 and data.draw(st.booleans())
    text = text[:there] + text[there + 1 :] if removed else text[:at] + '"' + text[at:]
    try:
        read = _read(text)
    except LandingError as error:
        assert str(error).startswith(("contacts/a.csv, line", "contacts/a.csv ends in the middle of row"))
    else:
        assert len(read) >= len(rows)


@settings(max_examples=500)
@given(text=st.text('a ,"\n\r', max_size=40))
def test_the_reader_and_the_look_at_quotes_see_the_same_rows(text: str) -> None:
    assume(text.strip("\n\r"))
    text += "\n"  # a last row without its end is a file that is cut, and refused
    try:
        read = _read(HEADER + text)
    except LandingError:
        assume(False)
    with _delivered((HEADER + text).encode()) as file, open_text(CONTACTS, file) as lines:
        [_, *rows] = csv_rows(lines, ",", 1000)
    assert [*sorted(read)] == [*range(1, len(rows) + 1)]
    for number, row in enumerate(rows, 1):
        values = (*(v.replace(CARRIAGE_RETURN, "\r") or None for v in row.values), *[None] * 5)[:5]
        written = row.text.rstrip("\r\n").replace(CARRIAGE_RETURN, "\r")
        broken = None if len(row.values) == 5 else written
        assert read[number] == Read(values, broken)


@given(
    rows=st.lists(st.sampled_from(["R,C,d,a,o", "R,C", "R,C,d,a,o,x", '"R\nR",C', ""])),
    block=st.integers(40, 90),
)
def test_rows_of_too_few_or_too_many_values_are_kept_wherever_a_block_ends(
    rows: list[str], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCKS", (block,))
        read = _read(HEADER + "".join(f"{row}\n" for row in rows))
    expected = [row for row in rows if row]
    assert [*sorted(read)] == [*range(1, len(expected) + 1)]
    for number, text in enumerate(expected, 1):
        assert read[number].broken == (None if text == "R,C,d,a,o" else text)
    values = {row.broken: row.values for row in read.values()}
    assert values.get("R,C", ("R", "C", None, None, None)) == ("R", "C", None, None, None)
    assert values.get("R,C,d,a,o,x", ("R", "C", "d", "a", "o")) == ("R", "C", "d", "a", "o")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("R,C,d,a,\n", ("R", "C", "d", "a", None)),
        ('R,C,d,a,""\n', ("R", "C", "d", "a", None)),
        ('R,C,d,a,5" pipe\n', ("R", "C", "d", "a", '5" pipe')),
        ('R,C,d,a,"said" twice\n', ("R", "C", "d", "a", "said twice")),
        ('R,C,d,a,"say ""hi"", you"\n', ("R", "C", "d", "a", 'say "hi", you')),
        ("R, C ,d,a\x00,\x00\n", ("R", " C ", "d", "a\x00", "\x00")),
    ],
)
def test_values_are_read_by_these_rules(text: str, values: tuple[str | None, ...]) -> None:
    assert _read(HEADER + text) == {1: Read(values, None)}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("at", range(36, 60))
def test_a_carriage_return_within_a_line_is_text(monkeypatch: pytest.MonkeyPatch, at: int, end: str) -> None:
    monkeypatch.setattr(delivered_text, "READ_BYTES", at)
    rows = ["R,C\rD,d,a\r,o", 'R,"\rC",d,a,"o\r\np"', "R,\rC\r"]
    read = _read(end.join([HEADER.removesuffix("\n"), *rows]) + end)
    assert read[1] == Read(("R", "C\rD", "d", "a\r", "o"), None)
    assert read[2] == Read(("R", "\rC", "d", "a", "o\r\np"), None)
    assert read[3].broken == (rows[2] if end == "\r\n" else "R,\rC")


@pytest.mark.parametrize("text", [HEADER, HEADER.removesuffix("\n"), HEADER + "\n\r\n\n"])
def test_a_file_without_rows_has_none(text: str) -> None:
    assert _read(text) == {}


def test_blank_lines_are_no_rows_and_blanks_are_one() -> None:
    assert _read(HEADER + "\nR,C,d,a,o\n\n   \n") == {
        1: Read(("R", "C", "d", "a", "o"), None),
        2: Read(("   ", None, None, None, None), "   "),
    }


@pytest.mark.parametrize("last", ['R,C,d,a,"o\n', 'R,C,"d\r\n', 'R,C,"d\ne'])
def test_a_file_that_ends_within_quotes_is_refused(last: str) -> None:
    with pytest.raises(LandingError, match=r"^contacts/a\.csv, line 3: a quote opens a field that never"):
        _read(HEADER + "R,C,d,a,o\n" + last)


ENCODINGS = sorted({name for alias in aliases if (name := encoding_name(alias))})


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_encoding_is_read_with_and_without_a_byte_order_mark(encoding: str, mark: str) -> None:
    if mark and encoding not in ("UTF-8", "UTF-16LE", "UTF-16BE", "utf-32-le", "utf-32-be"):
        return  # has none, or writes it by itself
    name = next(n for n in ("Käthe", "Катя", "Kathe") if n == n.encode(encoding, "replace").decode(encoding))
    text = f"{mark}{HEADER}R,{name},d,a,o\n" * (2 if not mark else 1)
    assert _read(text.encode(encoding), replace(CONTACTS, encoding=encoding))[1].values[1] == name


@pytest.mark.parametrize("block", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("encoding", "bad", "found"),
    [
        ("UTF-8", b"\xe4", "E4"),
        ("US-ASCII", b"\xe4", "E4"),
        ("windows-1252", b"\x81", "81"),
        ("big5", b"\xff", "FF"),
        ("shift_jis", b"\xff", "FF"),
    ],
)
def test_bytes_that_do_not_decode_are_named_with_their_place(
    monkeypatch: pytest.MonkeyPatch, encoding: str, bad: bytes, found: str, block: int
) -> None:
    monkeypatch.setattr(delivered_text, "READ_BYTES", block)
    head = HEADER.encode() + b"R,Kathe,d,a,o\nR,K"
    read = _read(head + bad + b"the,d,a,o\nR,K" + bad + b"the\n", replace(CONTACTS, encoding=encoding))
    at = len(head) + 1
    assert read[1] == Read(("R", "Kathe", "d", "a", "o"), None)
    assert read[2].values[1] == f"K{REPLACED}{found}@{at}{REPLACED}the"
    assert read[3].broken == f"R,K{REPLACED}{found}@{at + 14}{REPLACED}the"


def test_a_replacement_character_that_was_delivered_is_text() -> None:
    assert _read(f"{HEADER}R,K{REPLACED}the,d,a,o\n")[1].values[1] == f"K{REPLACED}the"


@pytest.mark.parametrize("last", ["R", "R,C,d", "R,C,d,", 'R,"C",d,a,"o', 'R,C,"d'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.usefixtures("blocks")
def test_a_file_that_ends_in_the_middle_of_a_row_is_cut(last: str, end: str) -> None:
    text = end.join([HEADER.rstrip(), *["R,C,d,a,o", "R,C", 'R,C,d,a,"two\nlines"'] * 30, last])
    with pytest.raises(
        LandingError,
        match=r"^contacts/a\.csv ends in the middle of row 91: the file is cut off\. Deliver it again\.$",
    ):
        _read(text)


@pytest.mark.parametrize("last", ["R,C,d,a,o", "R,C,d,a,o,x", "R,C,d,a,", "R,C\n", "R,C\r\n", "R,C\n\n\n"])
def test_a_last_row_that_has_all_values_or_a_line_end_is_not_cut(last: str) -> None:
    assert [*_read(f"{HEADER}R,C,d,a,o\n{last}")] == [1, 2]


def test_a_delimiter_beyond_ascii_is_one() -> None:
    text = (HEADER + 'R,C,d,a,"5,6"\nR,"C,D"\n').replace(",", "§")
    assert _read(text, replace(CONTACTS, delimiter="§")) == {
        1: Read(("R", "C", "d", "a", "5§6"), None),
        2: Read(("R", "C§D", None, None, None), 'R§"C§D"'),
    }


def test_a_text_of_two_megabytes_is_read_and_the_rows_around_it_stand_once() -> None:
    long = ("two words " * 100 + "\n") * 2100
    rows = [("R", f"C{n}", "d", "a", long if n in (700, 701) else "o") for n in range(1000)]
    assert _read(_written(rows, csv.QUOTE_MINIMAL)) == _empty_as_null(rows)


def test_a_row_that_no_block_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCKS", (100, 200))
    with pytest.raises(LandingError, match=r"a\.csv: the row after row 2 takes more than .* one row a line"):
        _read(HEADER + "R,C,d,a,o\n" * 2 + f"R,C,d,a,{'o' * 500}\n")


MEMORY = """
import resource, sys
from datetime import date
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.readers.delimited import read_csv

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

source = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
rows, before = 0, peak()
for table in read_csv(source, ExtractFile(sys.argv[1], "a.csv", date(2025, 1, 31), 0), 5):
    rows += table.num_rows
print(rows, peak() - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    block, times = "R,C,2025-01-03,treated,none\n" * 20_000, 500
    with (tmp_path / "a.csv").open("w") as file:
        file.write(HEADER)
        file.writelines(block for _ in range(times))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "a.csv")], capture_output=True, text=True, check=True
    )
    rows, grown = map(int, done.stdout.split())
    assert rows == 20_000 * times
    assert grown < 0.5 * (tmp_path / "a.csv").stat().st_size
