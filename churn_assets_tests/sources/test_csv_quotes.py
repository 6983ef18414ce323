"""Quotes that stand astray in a CSV file: rows inside a field are noticed, honest fields with line breaks pass."""

from dataclasses import replace
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources import csv_quotes
from churn_assets.sources.csv_quotes import check_quotes
from churn_assets.sources.landing import LandingError, list_extracts
from churn_assets_tests.lakes import extract_folder

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
HEADER = "contact_id,customer_id,contacted_on,arm,offer\n"
FILE = r"retention_contacts/extract_date=2025-01-31/a\.csv"


def _rows(count: int = 9) -> list[str]:
    return [f"R{i},C{i},2025-01-03,treated,none\n" for i in range(count)]


def _check(landing: Path, text: str, source: Source = CONTACTS) -> None:
    folder = extract_folder(landing, "retention_contacts", "2025-01-31")
    (folder / "a.csv").write_bytes(text.encode(source.encoding))
    (file,) = list_extracts(str(landing), source)
    check_quotes(source, file)


def _with(**lines: str) -> str:
    """Nine rows of five columns, some of them (`r3`) replaced."""
    rows = _rows()
    for place, line in lines.items():
        rows[int(place[1:])] = line + "\n"
    return HEADER + "".join(rows)


@pytest.mark.parametrize(
    "line",
    ['R3,C3,2025-01-03,treated,"none', 'R3,C3,2025-01-03,"treated,none', '"R3,C3,2025-01-03,treated,none'],
)
def test_a_quote_that_never_closes_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    honest = 'R1,C1,2025-01-03,treated,"two\nlines"'
    with pytest.raises(
        LandingError, match=rf"^{FILE}, line 6: a quote opens .*never closes.*Close the quote"
    ):
        _check(tmp_path, _with(r1=honest, r3=line))


def test_a_quote_that_never_closes_is_found_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_quotes, "BLOCK", 50)
    with pytest.raises(LandingError, match=r"line 5: a quote opens a field that never closes"):
        _check(tmp_path, _with(r3='R3,C3,2025-01-03,treated,"none'))


def test_a_header_that_never_closes_is_named_without_what_follows(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match=r"line 1: a quote opens") as caught:
        _check(tmp_path, HEADER.replace("arm", '"arm') + "".join(_rows()))
    assert "C3" not in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ('R3,C3,2025-01-03,treated,"none', 'R6,C6,2025-01-03,treated,none"'),
        ('R3,C3,2025-01-03,"treated,none', 'R6,C6,2025-01-03,treated",none'),
        ('"R3,C3,2025-01-03,treated,none', 'R6",C6,2025-01-03,treated,none'),
        ('R3,"C,3",2025-01-03,"treated,none', 'R6,C6,2025-01-03,treated","no,ne"'),
    ],
)
def test_rows_between_two_stray_quotes_are_named(tmp_path: Path, opens: str, closes: str, end: str) -> None:
    with pytest.raises(LandingError, match=rf"^{FILE}, lines 5 to 8: one field contains whole rows"):
        _check(tmp_path, _with(r3=opens, r6=closes).replace("\n", end))


def test_a_broken_row_between_two_stray_quotes_hides_the_others_no_more(tmp_path: Path) -> None:
    text = _with(r3='R3,C3,2025-01-03,treated,"none', r4="R4,C4,soon", r6='R6,C6,2025-01-03,treated,none"')
    with pytest.raises(LandingError, match=r"lines 5 to 8: one field contains whole rows"):
        _check(tmp_path, text)


def test_text_after_the_closing_quote_of_a_field_with_line_breaks_is_named(tmp_path: Path) -> None:
    text = _with(r3='R3,C3,2025-01-03,treated,"none', r6='R6,C6,2025-01-03,"trea,ted",none')
    with pytest.raises(LandingError, match=r"lines 5 to 8: text follows the closing quote"):
        _check(tmp_path, text)


def test_a_field_with_room_for_rows_is_doubted_where_another_quote_is_astray(tmp_path: Path) -> None:
    long = 'R3,C3,2025-01-03,treated,"a,b,c\nd,e"'
    _check(tmp_path, _with(r3=long))
    _check(tmp_path, _with(r3='R3,C3,2025-01-03,treated,"a,b\nc"', r6='R6,C6,2025-01-03,treated,5" pipe'))
    with pytest.raises(
        LandingError, match=r"lines 5 to 6: a field may contain other rows, because the quote in line 9"
    ):
        _check(tmp_path, _with(r3=long.replace(",e", ",e,f"), r6='R6,C6,2025-01-03,treated,5" pipe'))


@pytest.mark.parametrize(
    "line",
    [
        'R3,C3,2025-01-03,treated,"Main St 5\nSpringfield, IL, US, 62701, x"',
        'R3,C3,2025-01-03,"a ""b"",\r\n\n""",""',
        'R3,C3,2025-01-03,treated,5" pipe',
        'R3,C3,2025-01-03,treated,"said" twice',
        'R3,C3,2025-01-03,treated,"said" ',
        '"R3","C3","2025-01-03","treated","Dear Ann\n,,,,\nBob"',
    ],
)
@pytest.mark.parametrize("block", [7, 50, csv_quotes.BLOCK])
def test_fields_as_spark_reads_them_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, block: int
) -> None:
    monkeypatch.setattr(csv_quotes, "BLOCK", max(block, len(line) + 1))
    _check(tmp_path, _with(r3=line))
    _check(tmp_path, _with(r8=line).removesuffix("\n"))


def test_delimiter_and_encoding_of_the_contract_are_respected(tmp_path: Path) -> None:
    source = replace(CONTACTS, delimiter="|", encoding="UTF-16")
    _check(tmp_path, _with(r3='R3|C3|2025-01-03|treated|"no,"",ne"').replace(",", "|"), source)
    with pytest.raises(LandingError, match="line 5: a quote opens"):
        _check(tmp_path, _with(r3='R3|C3|2025-01-03|treated|"none').replace(",", "|"), source)
