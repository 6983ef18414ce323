"""Extract files as Parquet files with the same rows, by their columns."""

import gzip
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.delivered_columns import Columns, delivered_columns
from churn_assets.sources.landing import ExtractFile, list_extracts
from churn_assets.sources.readers import staging
from churn_assets.sources.readers.staging import Staged, stage
from churn_assets_tests.lakes import extract_folder, write_csv

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
ROW = {"contact_id": "R1", "customer_id": "C1", "contacted_on": "2025-01-03", "arm": "treated"}


def _stage(landing: Path) -> Staged:
    return stage(CONTACTS, list_extracts(str(landing), CONTACTS), str(landing / "staged"))


def _refused(landing: Path) -> dict[str, str]:
    """Name of each refused file without its folder -> why."""
    return {Path(name).name: str(error) for name, _, error in _stage(landing).refused}


def test_files_with_the_same_columns_lie_together_and_each_row_tells_where_it_comes_from(
    tmp_path: Path,
) -> None:
    write_csv(tmp_path, "retention_contacts", "2025-01-31", [ROW, ROW | {"arm": None}], "a")
    write_csv(tmp_path, "retention_contacts", "2025-02-28", [ROW], "b")
    write_csv(tmp_path, "retention_contacts", "2025-02-28", [ROW | {"more": "x"}], "more")
    write_csv(tmp_path, "retention_contacts", "2025-03-31", [], "none", columns=["other", *ROW])
    found = _stage(tmp_path)
    assert {Path(name).name: rows for name, rows in found.rows.items()} == {
        "a.csv": 2,
        "b.csv": 1,
        "more.csv": 1,
        "none.csv": 0,
    }
    staged = {tuple(name for name, _ in columns): folder for columns, folder in found.folders.items()}
    assert [*staged] == [(*ROW,), (*ROW, "more")]
    rows = pq.read_table(staged[(*ROW,)]).to_pylist()
    assert sorted(rows, key=lambda row: (row["source_file"], row["row_number"])) == [
        {
            "1": "R1",
            "2": "C1",
            "3": "2025-01-03",
            "4": arm,
            "broken": None,
            "row_number": number,
            "extract_date": day,
            "source_file": f"retention_contacts/extract_date={day}/{name}.csv",
            "extract_month": f"{day:%Y-%m}",
        }
        for arm, number, day, name in [
            ("treated", 1, date(2025, 1, 31), "a"),
            (None, 2, date(2025, 1, 31), "a"),
            ("treated", 1, date(2025, 2, 28), "b"),
        ]
    ]
    [row] = pq.read_table(staged[(*ROW, "more")]).to_pylist()
    assert row["5"] == "x"


def test_every_file_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    for day in ("2025-01-31", "2025-02-28", "2025-03-31"):
        write_csv(tmp_path, "retention_contacts", day, [ROW])
    for day in ("2025-02-28", "2025-03-31"):
        write_csv(tmp_path, "retention_contacts", day, [{"id": "R1"}])
    cut = write_csv(tmp_path, "retention_contacts", "2025-04-30", [ROW] * 100_000)
    cut.write_bytes(cut.read_bytes()[:-20])
    staged = _stage(tmp_path)
    assert [(file.month, str(file.error).split(".csv")[1][:23]) for file in staged.refused] == [
        ("2025-02", " lacks required columns"),
        ("2025-03", " lacks required columns"),
        ("2025-04", " ends in the middle of "),
    ]
    assert staged.rows == {"retention_contacts/extract_date=2025-01-31/part-1.csv": 1}
    [folder] = staged.folders.values()
    assert pq.read_table(folder).num_rows == 1, "the rows of a file that is cut are gone"


@pytest.mark.parametrize("problem", [FileNotFoundError, PermissionError])
def test_a_file_that_is_gone_or_may_not_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: type[OSError]
) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path, "retention_contacts", "2025-01-31", [ROW], name)

    def columns(source: Source, file: ExtractFile) -> Columns:
        if file.name.endswith("a.csv"):
            raise problem(file.path)
        return delivered_columns(source, file)

    monkeypatch.setattr(staging, "delivered_columns", columns)
    staged = _stage(tmp_path)
    assert [str(file.error).partition(". ")[0].partition(".csv ")[2] for file in staged.refused] == [
        f"cannot be opened ({problem.__name__})"
    ]
    assert [Path(name).name for name in staged.rows] == ["b.csv"]


def test_files_are_read_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path, "retention_contacts", "2025-01-31", [ROW], name)
    both = threading.Barrier(2)

    def columns(source: Source, file: ExtractFile) -> Columns:
        both.wait(timeout=20)  # for the other file
        return delivered_columns(source, file)

    monkeypatch.setattr(pa, "cpu_count", lambda: 2)
    monkeypatch.setattr(staging, "delivered_columns", columns)
    assert len(_stage(tmp_path).rows) == 2


def test_a_header_that_never_closes_is_named_without_what_follows(tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "retention_contacts", "2025-01-31")
    (folder / "a.csv").write_text('contact_id,customer_id,"contacted_on,arm\nR1,C1,2025-01-03,treated\n')
    told = _refused(tmp_path)["a.csv"]
    assert "a.csv, line 1: a quote opens a field that never" in told
    assert "C1" not in told


TEXT = (",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n").encode() * 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X.CSV", TEXT),
        ("x.csv.gz", gzip.compress(TEXT)),
        ("x.Csv.GZ", gzip.compress(TEXT)),
        ("two members.csv.gz", gzip.compress(TEXT[:60]) + gzip.compress(TEXT[60:])),
        ("x.csv.zst", pa.compress(TEXT, "zstd", asbytes=True)),
    ],
)
def test_endings_go_by_any_case_and_tell_the_compression(tmp_path: Path, name: str, content: bytes) -> None:
    (extract_folder(tmp_path, "retention_contacts", "2025-01-31") / name).write_bytes(content)
    assert [*_stage(tmp_path).rows.values()] == [3]


def test_compression_may_be_declared_for_files_whose_names_do_not_tell_it(tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "retention_contacts", "2025-01-31")
    (folder / "a.csv").write_bytes(gzip.compress(TEXT))
    assert _refused(tmp_path) == {
        "a.csv": "retention_contacts/extract_date=2025-01-31/a.csv is compressed with gzip, not csv. "
        "End its name with .gz, or declare `compression: gz` in the contract's server."
    }
    source = replace(CONTACTS, compression="gz")
    (folder / "b.csv.zst").write_bytes(pa.compress(TEXT, "zstd", asbytes=True))
    (folder / "c.csv").write_bytes(TEXT)
    staged = stage(source, list_extracts(str(tmp_path), source), str(tmp_path / "staged"))
    assert [*staged.rows.values()] == [3, 3]
    assert [str(file.error) for file in staged.refused] == [
        (
            "retention_contacts/extract_date=2025-01-31/c.csv is a text, not gz data. "
            "Correct its name or `compression` in the contract's server."
        )
    ]


@pytest.mark.parametrize("keep", [0, 9, 100, 200_000, -4, -1])
@pytest.mark.parametrize("codec", ["gz", "zst"])
def test_compressed_data_that_break_off_are_a_file_that_is_cut(tmp_path: Path, codec: str, keep: int) -> None:
    rows = "".join(f"R{n},C{n * 7919 % 65536},2025-01-03,treated\n" for n in range(200_000)).encode()
    content = pa.compress(TEXT[:41] + rows, {"gz": "gzip", "zst": "zstd"}[codec], asbytes=True)
    assert len(content) > 200_000
    file = extract_folder(tmp_path, "retention_contacts", "2025-01-31") / f"a.csv.{codec}"
    file.write_bytes(content[:keep])
    assert "the file is cut off. Deliver it again." in _refused(tmp_path)[file.name]


def test_compressed_data_that_are_damaged_are_named(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT))
    content[-8:-4] = bytes(4)  # the check sum
    (extract_folder(tmp_path, "retention_contacts", "2025-01-31") / "a.csv.gz").write_bytes(content)
    assert _refused(tmp_path)["a.csv.gz"].endswith("its gz data are damaged. Deliver it again.")


HEADER = "contact_id;customer_id;contacted_on;arm"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"<!DOCTYPE HTML>\n<html><body>Please log in</body></html>\n",
            "is a web page (HTML), not csv. A login or an error page was saved",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00ff\n",
            "is a pointer of Git LFS, not csv. Run `git",
        ),
        (b"https://example.org/datasets/churn \n", "is the address of a file, not csv. Download"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive, not csv. Unpack it"),
        (HEADER.encode("utf-16"), "is a text in UTF-16, not csv. Declare `encoding: UTF-16`"),
        (HEADER.encode("utf-16-le"), "is a text in UTF-16LE, not csv. Declare `encoding: UTF-16LE`"),
        (b'{"contact_id": "R1"}\n', "is JSON lines, not csv. Name it *.jsonl"),
        (b"PAR1", "is a Parquet file, not csv. Name it *.parquet"),
        (b"%PDF-1.7", "is a PDF document, not csv."),
        (
            f"{HEADER}\nR1;C1;2025-01-03;treated\n".encode(),
            (
                "lacks required columns: contact_id, customer_id, contacted_on, arm; its header line is "
                f"'{HEADER}'. Is ';' the separator? Set `delimiter` in the contract's server; it is ','."
            ),
        ),
        (
            b"Contact-ID,customer_id,contacted on,group\n",
            (
                "lacks required columns: contact_id, contacted_on, arm; it has Contact-ID, customer_id, contacted on, "
                "group. Is it Contact-ID for contact_id, contacted on for contacted_on?"
            ),
        ),
        (
            b"R1,C1,2025-01-03,Erika\n",
            "it has 4 columns, and the contract knows none of them. Has the file a header line?",
        ),
        (
            b"R1;C1;2025-01-03;Erika\n",
            "it has 1 column, and the contract knows none of them. Has the file a header line?",
        ),
        (b"contact_id,customer_id,contac", "ends in the middle of its header line: the file is cut off."),
    ],
)
def test_a_file_that_is_not_what_the_contract_says_is_told_in_a_sentence(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (extract_folder(tmp_path, "retention_contacts", "2025-01-31") / "a.csv").write_bytes(content)
    message = _refused(tmp_path)["a.csv"]
    assert message.startswith("retention_contacts/extract_date=2025-01-31/a.csv ")
    assert told in message
    assert "Erika" not in message
