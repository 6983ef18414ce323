"""Files of text as bronze rows: each value under its name, provenance right, whatever does not fit in `rescued`."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import Source
from churn_assets.silver.conform import conform
from churn_assets.sources.delivered_text import REPLACED
from churn_assets.sources.landing import LandingError, list_extracts
from churn_assets_tests.bronze.rows import CONTACTS, CUSTOMERS, TICKETS, USAGE, Rows, read_rows
from churn_assets_tests.lakes import (
    business_copy,
    edit_yaml,
    extract_folder,
    write_csv,
    write_jsonl,
    write_parquet,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def csv_rows(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """One month of customers with everything that a CSV can do to us."""
    landing = tmp_path_factory.mktemp("csv")
    plain = [
        {"customer_id": "C1", "full_name": "Ann\nBe\r\nCe", "region": 'say "hi", you', "status": "active"},
        {"customer_id": "C2", "full_name": "", "region": "north", "status": "active"},
    ]
    write_csv(landing, "customers", "2025-01-07", plain, "bom", encoding="utf-8-sig")
    swapped = [{"loyalty_points": "17", "status": "former", "channel": "shop", "customer_id": "C3"}]
    write_csv(landing, "customers", "2025-01-14", swapped, "renamed")
    both = [{"customer_id": "C4", "status": "active", "channel": "new", "acquisition_channel": "old"}]
    write_csv(landing, "customers", "2025-01-21", both, "both names +1 %")
    folder = extract_folder(landing, "customers", "2025-01-31")
    (folder / "tokens.csv").write_text(
        "customer_id,region,status\nC5,north\nC6,south,active,extra,more\nC7,west,active\n", encoding="utf-8"
    )
    write_csv(landing, "customers", "2025-01-31", [], "empty", columns=["customer_id", "status"])
    return read_rows(spark, CUSTOMERS, landing)


def test_every_csv_row_is_there_once_numbered_from_one(csv_rows: Rows) -> None:
    assert set(csv_rows) == {
        ("bom.csv", 1),
        ("bom.csv", 2),
        ("renamed.csv", 1),
        ("both names +1 %.csv", 1),
        ("tokens.csv", 1),
        ("tokens.csv", 2),
        ("tokens.csv", 3),
    }


def test_provenance_is_the_extract_folder(csv_rows: Rows) -> None:
    row = csv_rows["renamed.csv", 1]
    assert row["source_file"] == "customers/extract_date=2025-01-14/renamed.csv"
    assert (row["extract_date"], row["extract_month"]) == (date(2025, 1, 14), "2025-01")
    other = csv_rows["both names +1 %.csv", 1]
    assert other["source_file"] == "customers/extract_date=2025-01-21/both names +1 %.csv"


def test_byte_order_mark_quotes_and_line_breaks_are_read_as_meant(csv_rows: Rows) -> None:
    row = csv_rows["bom.csv", 1]
    assert (row["customer_id"], row["region"]) == ("C1", 'say "hi", you')
    assert row["full_name"].replace("\r\n", "\n") == "Ann\nBe\nCe"
    assert csv_rows["bom.csv", 2]["customer_id"] == "C2"
    assert row["rescued"] is None


def test_columns_go_by_name_aliases_are_known_and_new_columns_are_rescued(csv_rows: Rows) -> None:
    row = csv_rows["renamed.csv", 1]
    assert (row["customer_id"], row["status"], row["acquisition_channel"]) == ("C3", "former", "shop")
    assert row["region"] is None
    assert row["rescued"] == {"loyalty_points": "17"}


def test_the_contract_name_wins_over_an_alias_and_the_other_is_rescued(csv_rows: Rows) -> None:
    row = csv_rows["both names +1 %.csv", 1]
    assert row["acquisition_channel"] == "old"
    assert row["rescued"] == {"channel": "new"}


def test_rows_with_too_few_or_too_many_tokens_are_rescued_whole(csv_rows: Rows) -> None:
    assert csv_rows["tokens.csv", 1]["rescued"] == {"_corrupt_record": "C5,north"}
    assert csv_rows["tokens.csv", 2]["rescued"] == {"_corrupt_record": "C6,south,active,extra,more"}
    assert csv_rows["tokens.csv", 3]["rescued"] is None
    assert csv_rows["tokens.csv", 3]["customer_id"] == "C7"


def test_json_lines_keep_nested_values_rescue_unknown_fields_and_broken_lines(
    spark: "SparkSession", tmp_path: Path
) -> None:
    whole = {
        "ticket_id": "T1",
        "issue": {"category": "billing", "priority": 1},
        "messages": [{"at": "x"}],
        "mood": "bad",
    }
    empty = {"ticket_id": None, "satisfaction": 4}
    lines = ["\ufeff" + json.dumps(whole), '{"ticket_id": "T2", "issue": {', "", json.dumps(empty), "[1, 2]"]
    write_jsonl(tmp_path, "tickets", "2025-01-07", lines, "t")
    rows = read_rows(spark, TICKETS, tmp_path)
    assert len(rows) == 4, "every line but the blank one is a row"
    first = rows["t.jsonl", 1]
    assert first["ticket_id"] == "T1"
    assert json.loads(first["issue"]) == {"category": "billing", "priority": 1}
    assert json.loads(first["messages"]) == [{"at": "x"}]
    assert first["rescued"] == {"mood": "bad"}
    assert rows["t.jsonl", 2]["rescued"] == {"_corrupt_record": '{"ticket_id": "T2", "issue": {'}
    assert rows["t.jsonl", 2]["ticket_id"] is None
    assert (rows["t.jsonl", 4]["ticket_id"], rows["t.jsonl", 4]["satisfaction"]) == (None, "4")
    assert rows["t.jsonl", 4]["rescued"] is None
    assert rows["t.jsonl", 5]["rescued"] == {"_corrupt_record": "[1, 2]"}


@pytest.mark.parametrize(
    "line", ['{"ticket_id": "T1"}{"ticket_id": "T2"}', '{"ticket_id": "T1"}, {"ticket_id": "T2"}']
)
def test_two_documents_on_one_line_are_rescued_whole(
    spark: "SparkSession", tmp_path: Path, line: str
) -> None:
    """As when files are put together of which one had no line break at its end: the second must not get lost."""
    write_jsonl(tmp_path, "tickets", "2025-01-07", [line, '{"ticket_id": "T3"} and more'], "t")
    rows = read_rows(spark, TICKETS, tmp_path)
    assert [row["ticket_id"] for row in rows.values()] == [None, None]
    assert rows["t.jsonl", 1]["rescued"] == {"_corrupt_record": line}


def test_json_lines_are_read_in_the_encoding_of_the_contract(spark: "SparkSession", tmp_path: Path) -> None:
    lines = '{"ticket_id": "Käthe"}\n{"ticket_id": "Kïthe"}\n'.encode("iso-8859-1")
    (extract_folder(tmp_path, "tickets", "2025-01-07") / "t.jsonl").write_bytes(lines)
    read = read_rows(spark, replace(TICKETS, encoding="ISO-8859-1"), tmp_path)
    assert [row["ticket_id"] for row in read.values()] == ["Käthe", "Kïthe"]
    read = read_rows(spark, TICKETS, tmp_path)
    assert [row["ticket_id"] for row in read.values()] == [None, None]
    assert all("_corrupt_record" in row["rescued"] for row in read.values())


def test_a_document_with_a_name_twice_is_rescued_whole(spark: "SparkSession", tmp_path: Path) -> None:
    line = '{"ticket_id": "T1", "ticket_id": "T2"}'
    write_jsonl(tmp_path, "tickets", "2025-01-07", [line], "t")
    [row] = read_rows(spark, TICKETS, tmp_path).values()
    assert (row["ticket_id"], row["rescued"]) == (None, {"_corrupt_record": line})


@pytest.mark.parametrize("encoding", ["UTF-8", "US-ASCII", "windows-1252", "UTF-16", "cp037", "big5"])
def test_tables_of_text_are_read_in_every_encoding_that_a_contract_may_name(
    spark: "SparkSession", tmp_path: Path, encoding: str
) -> None:
    name = "Kathe" if encoding in ("US-ASCII", "big5") else "Käthe"
    write_csv(tmp_path, "customers", "2025-01-31", [{"customer_id": name, "status": "x"}], encoding=encoding)
    read = read_rows(spark, replace(CUSTOMERS, encoding=encoding), tmp_path)
    assert [(row["customer_id"], row["status"]) for row in read.values()] == [(name, "x")]


def test_bytes_of_another_encoding_are_marked_for_silver(spark: "SparkSession", tmp_path: Path) -> None:
    text = "customer_id,status\n" + "".join(f"C{i},active\n" for i in range(1500)) + "Käthe,active\n"
    (extract_folder(tmp_path, "customers", "2025-01-31") / "a.csv").write_bytes(text.encode("iso-8859-1"))
    ids = [row["customer_id"] for row in read_rows(spark, CUSTOMERS, tmp_path).values()]
    at = len("customer_id,status\n") + sum(len(f"C{i},active\n") for i in range(1500)) + 2
    assert [i for i in ids if REPLACED in i] == [f"K{REPLACED}E4@{at}{REPLACED}the"]


def test_columns_without_a_name_are_rescued_by_their_place(spark: "SparkSession", tmp_path: Path) -> None:
    """A delimiter at the end of each line, as some programs write it."""
    folder = extract_folder(tmp_path, "customers", "2025-01-31")
    (folder / "a.csv").write_text("customer_id,,status,\nC1,x,active,\n", encoding="utf-8")
    row = read_rows(spark, CUSTOMERS, tmp_path)["a.csv", 1]
    assert (row["customer_id"], row["status"], row["rescued"]) == ("C1", "active", {"column 2": "x"})


def test_names_that_differ_in_case_only_are_one_column(spark: "SparkSession", tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "customers", "2025-01-31")
    (folder / "a.csv").write_text("customer_id,status,Status\nC1,active,former\n", encoding="utf-8")
    with pytest.raises(LandingError, match="the same name twice, at columns 2, 3"):
        read_rows(spark, CUSTOMERS, tmp_path)


def test_names_with_any_characters_are_rescued(spark: "SparkSession", tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "customers", "2025-01-31")
    (folder / "a.csv").write_text("customer_id,status,a`b.c d\nC1,active,x\n", encoding="utf-8")
    assert read_rows(spark, CUSTOMERS, tmp_path)["a.csv", 1]["rescued"] == {"a`b.c d": "x"}


OURS = {"extract_date": "yesterday", "Source_File": "a.txt", "row_number": "777", "rescued": "yes"}


def test_columns_that_are_called_like_ours_keep_their_values(spark: "SparkSession", tmp_path: Path) -> None:
    write_csv(tmp_path, "customers", "2025-01-31", [{"customer_id": "C1", "status": "active"} | OURS])
    row = read_rows(spark, CUSTOMERS, tmp_path)["part-1.csv", 1]
    assert (row["row_number"], row["extract_date"], row["rescued"]) == (1, date(2025, 1, 31), OURS)
    whole = {"customer_id": "C1", "day": date(2025, 1, 3), "voice_minutes": 1.0, "data_mb": 1.0}
    write_parquet(tmp_path, "usage", "2025-01-31", [whole | OURS])
    row = read_rows(spark, USAGE, tmp_path)["part-1.parquet", 1]
    assert (row["row_number"], row["extract_date"], row["rescued"]) == (1, date(2025, 1, 31), OURS)


def test_a_declared_column_may_be_delivered_under_a_name_of_ours(
    spark: "SparkSession", tmp_path: Path
) -> None:
    file = business_copy(tmp_path) / "contracts" / "customers.yaml"
    exported = {"name": "exported_on", "physicalName": "extract_date", "logicalType": "string"}
    edit_yaml(file, lambda c: c["schema"][0]["properties"].append(exported))
    write_csv(tmp_path, "customers", "2025-01-31", [{"customer_id": "C1", "status": "active"} | OURS])
    source = load_source(file)
    row = read_rows(spark, source, tmp_path)["part-1.csv", 1]
    assert row[source.column("exported_on").field] == "yesterday"
    assert row["extract_date"] == date(2025, 1, 31)


@pytest.mark.parametrize("header", ["Betr.", "price.net"])
def test_a_point_in_a_header_belongs_to_the_name(spark: "SparkSession", tmp_path: Path, header: str) -> None:
    file = business_copy(tmp_path) / "contracts" / "customers.yaml"
    named = {"name": "net_price", "physicalName": header, "logicalType": "number"}
    edit_yaml(file, lambda c: c["schema"][0]["properties"].append(named))
    write_csv(tmp_path, "customers", "2025-01-31", [{"customer_id": "C1", "status": "active", header: "9.5"}])
    source = load_source(file)
    files = list_extracts(str(tmp_path), source)
    frame = read_extracts(spark, source, files, str(tmp_path / "staged"))
    [row] = conform(frame, source).collect()
    assert (row["net_price"], row["rescued"]) == (9.5, None)


@pytest.mark.parametrize("source", [CUSTOMERS, TICKETS, USAGE], ids=lambda s: s.name)
def test_no_files_are_an_empty_frame_of_the_right_shape(
    spark: "SparkSession", tmp_path: Path, source: Source
) -> None:
    assert read_rows(spark, source, tmp_path) == {}


def test_a_file_without_a_required_column_is_named_with_the_remedy(
    spark: "SparkSession", tmp_path: Path
) -> None:
    write_csv(tmp_path, "customers", "2025-01-31", [{"id": "C1", "state": "active"}])
    with pytest.raises(LandingError) as caught:
        read_rows(spark, CUSTOMERS, tmp_path)
    message = str(caught.value)
    assert message.startswith("customers/extract_date=2025-01-31/part-1.csv lacks required columns: ")
    assert (
        "customer_id, status; it has 2 columns, and the contract knows none of them. Has the file a header line?"
        in message
    )
    assert "`aliases` in the contract of customers" in message


@pytest.mark.parametrize("row", ["C1,Erika,former", "C1,Erika,Erika"])
def test_an_error_about_a_file_without_a_header_line_tells_nothing_of_its_rows(
    spark: "SparkSession", tmp_path: Path, row: str
) -> None:
    (extract_folder(tmp_path, "customers", "2025-01-31") / "a.csv").write_text(f"{row}\n", encoding="utf-8")
    with pytest.raises(LandingError, match="Has the file a header line") as caught:
        read_rows(spark, CUSTOMERS, tmp_path)
    assert "Erika" not in str(caught.value)


def test_a_column_that_is_not_required_may_be_left_out(spark: "SparkSession", tmp_path: Path) -> None:
    row = {"contact_id": "R1", "customer_id": "C1", "contacted_on": "2025-01-03", "arm": "treated"}
    write_csv(tmp_path, "retention_contacts", "2025-01-07", [row])
    assert read_rows(spark, CONTACTS, tmp_path)["part-1.csv", 1]["cost"] is None
