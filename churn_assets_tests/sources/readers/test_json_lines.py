"""JSON lines as Arrow tables: every document once and under the number of its line, values as they were written."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.delivered_text import REPLACED
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.readers import json_lines
from churn_assets.sources.readers.json_lines import read_json_lines

TICKETS = load_business(SHIPPED_BUSINESSES / "telecom").source("tickets")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def _read(content: str | bytes, source: Source = TICKETS) -> dict[int, dict[str, Any]]:
    """Rows by number: fields by name, `others` and `broken`; without what is null."""
    found = {}
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        file = ExtractFile(str(path), "tickets/a.jsonl", date(2025, 1, 31), 0)
        for table in read_json_lines(source, file):
            for row in table.to_pylist():
                number = row.pop("row_number")
                assert number not in found
                names = dict(enumerate(source.fields, 1))
                values = {names[int(k)] if k.isdigit() else k: v for k, v in row.items()}
                found[number] = {name: value for name, value in values.items() if value is not None}
    return found


@given(written=st.lists(VALUES, max_size=8), compact=st.booleans(), block=st.integers(1, 50))
def test_each_value_comes_out_on_its_line_wherever_blocks_end(
    written: list[Any], compact: bool, block: int
) -> None:
    style: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": None}
    lines = [json.dumps({"issue": value}, **style) for value in written]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "BLOCK", block)
        read = _read("".join(f"{line}\n" for line in lines))
    assert [*read] == [*range(1, len(written) + 1)]
    for value, row in zip(written, read.values(), strict=True):
        assert "broken" not in row
        text = row.get("issue")
        assert (text if isinstance(value, str) or value is None else json.loads(text)) == value


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("-0", "-0"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ('"k\\u00e4\\n \\"x\\""', 'kä\n "x"'),
        ('{ "a" : [1.50, null, {}], "b" : "x  y \\u00e4" }', '{"a":[1.50,null,{}],"b":"x  y ä"}'),
    ],
)
def test_numbers_stay_as_they_were_written_and_blanks_between_parts_go(written: str, text: str) -> None:
    assert _read(f'{{"issue": {written}}}') == {1: {"issue": text}}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "[1]",
        "null",
        '{"issue": 1',
        '{"issue": 1} {"issue": 2}',
        '{"issue": 01}',
        '{"issue": "\\ud800"}',
        '{"issue": 1, "issue": 2}',
        '{"issue": {"a": 1, "a": 2}}',
        '{"issue": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=lambda line: line[:30],
)
def test_what_is_no_object_with_names_that_differ_is_kept_whole(line: str) -> None:
    expected = {1: {"broken": line}} if line else {}
    assert _read(f'{line}\n{{"issue": "x"}}') == expected | {2: {"issue": "x"}}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_counted_and_are_no_rows(end: str) -> None:
    lines = ["\ufeff" + '{"ticket_id": "T1"}', "", "  ", '{"ticket_id": "T2"}']
    expected = {1: {"ticket_id": "T1"}, 4: {"ticket_id": "T2"}}
    assert _read(end.join(lines)) == expected
    assert _read(end.join(lines) + end) == expected


def test_an_alias_stands_in_where_the_name_has_no_value_and_other_names_are_kept() -> None:
    columns = tuple(replace(c, aliases=("id",)) if c.field == "ticket_id" else c for c in TICKETS.columns)
    source = replace(TICKETS, columns=columns)
    read = _read('{"ticket_id": null, "id": 7, "mood": {"a": 1}, "x": null}', source)
    assert read == {1: {"ticket_id": "7", "others": '{"mood":"{\\"a\\":1}","x":null}'}}


def test_a_value_under_a_second_name_of_a_field_is_kept() -> None:
    """As in CSV: the name of the contract counts, and the alias is among the others."""
    columns = tuple(
        replace(c, aliases=("id", "no")) if c.field == "ticket_id" else c for c in TICKETS.columns
    )
    source = replace(TICKETS, columns=columns)
    assert _read('{"id": 8, "ticket_id": 7, "no": null}', source) == {
        1: {"ticket_id": "7", "others": '{"id":"8"}'}
    }


def test_bytes_that_do_not_decode_break_their_line_alone() -> None:
    read = _read(b'{"ticket_id": "K\xe4the"}\n{"ticket_id": "\xef\xbf\xbd"}\n')
    broken = f'{{"ticket_id": "K{REPLACED}E4@17{REPLACED}the"}}'
    assert read == {1: {"broken": broken}, 2: {"ticket_id": REPLACED}}
    assert _read(b'{"ticket_id": "K\xe4the"}', replace(TICKETS, encoding="ISO-8859-1")) == {
        1: {"ticket_id": "Käthe"}
    }


@pytest.mark.parametrize(
    "encoding", ["UTF-16", "UTF-16LE", "utf-32-be", "windows-1252", "cp037", "shift_jis"]
)
def test_lines_are_found_in_every_encoding(encoding: str) -> None:
    name = "Kathe" if encoding == "shift_jis" else "Käthe"
    text = f'{{"ticket_id": "{name}"}}\n\n{{"ticket_id": "T2"}}'
    read = _read(text.encode(encoding), replace(TICKETS, encoding=encoding))
    assert read == {1: {"ticket_id": name}, 3: {"ticket_id": "T2"}}


@pytest.mark.parametrize(
    "last", ["{", '{"ticket_id', '{"ticket_id": "T', '{"ticket_id": 1', '{"issue": {"a": 1}', '{"issue": "}']
)
@pytest.mark.parametrize("block", [7, 2**20])
def test_a_file_that_ends_in_the_middle_of_a_line_is_cut(
    monkeypatch: pytest.MonkeyPatch, last: str, block: int
) -> None:
    monkeypatch.setattr(json_lines, "BLOCK", block)
    with pytest.raises(
        LandingError,
        match=r"^tickets/a\.jsonl ends in the middle of line 4: the file is cut off\. Deliver it again\.$",
    ):
        _read('{"ticket_id": "T1"}\n\n{"ticket_id": "T2"}\n' + last)


@pytest.mark.parametrize(
    "last", ['{"ticket_id": "T"}', '{"a": 1, "a": 2}', "x", "[1", '{"ticket_id": \n', " "]
)
def test_a_last_line_that_is_whole_or_no_object_is_not_cut(last: str) -> None:
    assert 1 in _read('{"ticket_id": "T1"}\n' + last)


def test_a_file_without_line_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BLOCK", 100)
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 1000)
    line = '{"ticket_id": "T"}\n'
    with pytest.raises(
        LandingError, match=r"^tickets/a\.jsonl: line 3 takes more than .* one document a line"
    ):
        _read(line * 2 + "[" + '{"ticket_id": "T"},' * 100)
