"""Extracts of JSON documents: rows and record in one file, which every reader of JSON lines reads."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from churn_assets.contracts.source import Source
from churn_assets.sources.json_text import parsed
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.live import documents, extract
from churn_assets.sources.live import records as live_records
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.documents import DocumentDraft
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.landing_files import publish
from churn_assets.sources.live.records import Record, newest_record, record_of_file, records
from churn_assets.sources.readers.json_lines import read_json_lines
from churn_assets_tests.sources.databases.shop import contract

DAY, NOW = date(2026, 3, 10), datetime(2026, 3, 10, 23, 15, tzinfo=UTC)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    made = contract(tmp_path, "sqlite:///x.db")
    object.__setattr__(made, "format", "jsonl")
    return made


def _landed(tmp_path: Path, source: Source, *lines: str, kinds: int = 1) -> tuple[Path, Record]:
    draft = DocumentDraft(str(tmp_path / "draft"))
    draft.add([parsed(line) for line in lines])
    end = Cursor("moment", datetime(2026, 3, 9, 10))  # noqa: DTZ001 (cursors have no zone)
    named = {f"column {n}": "text" for n in range(kinds)}
    record = Record("asked", NOW, draft.rows, None, end, named, ("n\u00f6te",))
    publish(draft.finish(record.to_json()), str(tmp_path), source, DAY, f"changes_1{draft.ending}")
    return tmp_path / f"orders/extract_date={DAY}/changes_1.jsonl.gz", record


@pytest.mark.parametrize("kinds", [0, 1, 200_000])
def test_a_file_holds_its_documents_and_its_record(tmp_path: Path, source: Source, kinds: int) -> None:
    lines = ['{"order_id":12345678901234567890,"amount":1.50,"more":{"a":[1,null]}}', '{"order_id":2}']
    file, record = _landed(tmp_path, source, *lines, kinds=kinds)
    assert gzip.decompress(file.read_bytes()).decode().splitlines() == lines
    assert records(str(tmp_path), source) == [record]
    assert newest_record(str(tmp_path), source) == record
    [extract] = list_extracts(str(tmp_path), source)
    [table] = read_json_lines(source, extract)
    assert table["1"].to_pylist() == ["12345678901234567890", "2"]
    assert table["4"].to_pylist() == ["1.50", None]
    assert table["others"].to_pylist() == ['{"more":"{\\"a\\":[1,null]}"}', None]


def test_an_extract_without_documents_has_a_record_too(tmp_path: Path, source: Source) -> None:
    _, record = _landed(tmp_path, source)
    assert records(str(tmp_path), source) == [record]
    [extract] = list_extracts(str(tmp_path), source)
    assert [*read_json_lines(source, extract)] == []


def test_a_file_that_was_cut_has_no_record(tmp_path: Path, source: Source) -> None:
    """So its rows are asked for again."""
    file, _ = _landed(tmp_path, source, '{"order_id":1}')
    whole = file.read_bytes()
    for length in (0, 10, len(whole) - 300, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert records(str(tmp_path), source) == []


def test_kinds_tell_what_the_members_are(tmp_path: Path) -> None:
    draft = DocumentDraft(str(tmp_path))
    draft.add([parsed('{"a":1,"b":"x","c":null,"d":[],"e":{},"f":true}'), parsed('{"a":1.5,"b":2,"c":1}')])
    assert draft.kinds() == {
        "a": "a number",
        "b": "values of several kinds",
        "c": "an integer",
        "d": "a list",
        "e": "an object",
        "f": "yes or no",
    }


@pytest.mark.parametrize(("seconds", "ahead"), [(20.0, False), (5.0, True)])
def test_a_row_that_changed_while_the_answer_came_is_not_of_the_future(seconds: float, ahead: bool) -> None:
    newest = Cursor.of(NOW + timedelta(seconds=10), "at")
    end, future = extract._end(extract.Question(DAY, NOW), newest, seconds)
    assert end == Cursor.of(NOW, "at")
    assert future == (newest if ahead else None)


def test_a_document_of_twenty_mebibytes_lands_and_one_that_bronze_refuses_does_not(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = "x" * 20 * 2**20
    _landed(tmp_path, source, f'{{"order_id":1,"customer_id":"{large}"}}')
    [extract] = list_extracts(str(tmp_path), source)
    [table] = read_json_lines(source, extract)
    assert table["2"].to_pylist() == [large]
    monkeypatch.setattr(documents, "LONGEST_LINE", 10)
    with pytest.raises(ExtractError, match="A document has more than"):
        DocumentDraft(str(tmp_path / "other")).add([{"order_id": 12345}])


def test_a_store_that_gives_no_file_is_not_a_file_without_a_record(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "landing" / source.path / "extract_date=2026-03-10"
    folder.mkdir(parents=True)
    (folder / "a.jsonl.gz").write_bytes(b"broken")
    name = f"{source.path}/extract_date=2026-03-10/a.jsonl.gz"
    landing = str(tmp_path / "landing")
    assert record_of_file(landing, name) is None and records(landing, source) == []
    assert record_of_file(landing, f"{name}.gone") is None
    local = pafs.LocalFileSystem()

    class Store:
        """Lists files, and gives none."""

        get_file_info = staticmethod(local.get_file_info)

        def open_input_file(self, _: str) -> None:
            raise OSError("the connection was reset")

    monkeypatch.setattr(live_records, "filesystem", lambda place: (Store(), place))
    for ask in (lambda: record_of_file(landing, name), lambda: records(landing, source)):
        with pytest.raises(ExtractError, match=r"a\.jsonl\.gz cannot be read"):
            ask()


def test_ids_as_names_of_members_do_not_grow_the_record_without_end(tmp_path: Path) -> None:
    draft = DocumentDraft(str(tmp_path))
    draft.add([{"order_id": 1, f"{n:0100}": 1} for n in range(12_000)])
    draft.add([{"order_id": "A"}])
    assert 10_000 < len(draft.kinds()) < 11_000 and draft.kinds()["order_id"] == "values of several kinds"
