"""The landing zone: which files are extracts, and which columns a file carries."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.delivered_columns import delivered_columns
from churn_assets.sources.landing import (
    ExtractFile,
    LandingError,
    first_delivered_month,
    list_everything,
    list_extracts,
)
from churn_assets_tests.lakes import (
    business_copy,
    edit_yaml,
    extract_folder,
    write_csv,
    write_jsonl,
    write_parquet,
)

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
CUSTOMERS = TELECOM.source("customers")


def _only(landing: Path, source: Source = CUSTOMERS) -> ExtractFile:
    (file,) = list_extracts(str(landing), source)
    return file


def test_extracts_are_listed_by_date_and_name_for_the_wanted_months(tmp_path: Path) -> None:
    row = {"customer_id": "C1"}
    for day, name in [("2025-02-28", "b"), ("2025-02-28", "a"), ("2025-01-31", "z"), ("2025-03-31", "a")]:
        write_csv(tmp_path, "customers", day, [row], name)
    files = list_extracts(str(tmp_path), CUSTOMERS, ["2025-01", "2025-02"])
    assert [f.name for f in files] == [
        "customers/extract_date=2025-01-31/z.csv",
        "customers/extract_date=2025-02-28/a.csv",
        "customers/extract_date=2025-02-28/b.csv",
    ]
    assert files[0].extract_date == date(2025, 1, 31) and files[0].month == "2025-01"
    assert files[0].path == f"{tmp_path}/{files[0].name}" and files[0].size == len("customer_id\nC1\n")
    assert len(list_extracts(str(tmp_path), CUSTOMERS)) == 4


def test_a_source_that_never_delivered_has_no_files(tmp_path: Path) -> None:
    assert list_extracts(str(tmp_path), CUSTOMERS) == []


def test_files_and_folders_that_are_being_written_are_left_alone(tmp_path: Path) -> None:
    write_csv(tmp_path, "customers", "2025-01-31", [{"customer_id": "C1"}], "done")
    folder = extract_folder(tmp_path, "customers", "2025-01-31")
    for name in ("more.csv.part", "_more.csv", ".more.csv", "_SUCCESS"):
        (folder / name).write_text("half a")
    (tmp_path / "customers" / "_staging").mkdir()
    (tmp_path / "customers" / ".extract_date=2025-02-28").mkdir()
    assert _only(tmp_path).name == "customers/extract_date=2025-01-31/done.csv"


@pytest.mark.parametrize(
    "folder",
    ["2025-01-31", "extract_date=2025-1-31", "extract_date=31.01.2025", "old-extract_date=2025-01-31", "old"],
)
def test_a_folder_of_another_name_is_refused_with_the_remedy(tmp_path: Path, folder: str) -> None:
    (tmp_path / "customers" / folder).mkdir(parents=True)
    with pytest.raises(
        LandingError, match=rf"customers/{folder} is not an extract folder.*extract_date=YYYY-MM-DD"
    ):
        list_extracts(str(tmp_path), CUSTOMERS)


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("2025-01-31", "2025-01"),
        ("extract_date=2025-1-31", "2025-01"),
        ("extract_date=2025-02-30", "2025-02"),
        ("extract_date=31.01.2025", "2025-01"),
        ("customers_20250131.csv", "2025-01"),
        ("customers_202501.csv", "2025-01"),
        ("2025-13-01", None),
        ("2025-01-31_to_2025-02-28", None),
        ("1234567890.csv", None),
        ("old", None),
    ],
)
def test_a_wrong_name_stands_in_the_listing_of_the_month_that_it_tells(
    tmp_path: Path, name: str, month: str | None
) -> None:
    (tmp_path / "customers" / name).mkdir(parents=True)
    for wanted in ("2025-01", "2025-02", "2025-03"):
        refused = list_everything(str(tmp_path), CUSTOMERS, [wanted]).refused
        assert [file.month for file in refused] == ([month] if month in (wanted, None) else [])


def test_a_day_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    extract_folder(tmp_path, "customers", "2025-02-30")
    with pytest.raises(LandingError, match=r"extract_date=2025-02-30.*Rename the folder"):
        list_extracts(str(tmp_path), CUSTOMERS)


def test_a_file_beside_the_extract_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "customers.csv").write_text("customer_id\n")
    with pytest.raises(LandingError, match=r"customers/customers\.csv is not an extract folder"):
        list_extracts(str(tmp_path), CUSTOMERS)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """As Spark writes: a folder of the file's name, with the parts in it."""
    (extract_folder(tmp_path, "customers", "2025-01-31") / "customers.csv").mkdir()
    with pytest.raises(LandingError, match=r"2025-01-31/customers\.csv is a folder.*Put its files beside it"):
        list_extracts(str(tmp_path), CUSTOMERS)


def test_a_file_in_place_of_a_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "customers").touch()
    with pytest.raises(LandingError, match=r"/customers is not a folder.*extract_date=YYYY-MM-DD"):
        list_extracts(str(tmp_path), CUSTOMERS)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path, "customers", "2025-01-31", [{"customer_id": "C1"}])
    with pytest.raises(LandingError, match=r"part-1\.jsonl: the contract of customers expects \*\.csv"):
        list_extracts(str(tmp_path), CUSTOMERS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_header_is_read_with_and_without_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    write_csv(
        tmp_path, "customers", "2025-01-31", [{"customer_id": "C1", "region": "north"}], encoding=encoding
    )
    columns = delivered_columns(CUSTOMERS, _only(tmp_path))
    assert columns == (("customer_id", "string"), ("region", "string"))


def _customers_with(tmp_path: Path, **server: str) -> Source:
    folder = business_copy(tmp_path)
    own = [{"property": key, "value": value} for key, value in server.items()]
    file = folder / "contracts" / "customers.yaml"
    edit_yaml(file, lambda c: c["servers"][0].update(customProperties=own))
    return load_source(file)


def test_delimiter_and_encoding_are_those_of_the_contract(tmp_path: Path) -> None:
    source = _customers_with(tmp_path, delimiter=";", encoding="ISO-8859-1")
    row = {"customer_id": "C1", "größe, brutto": "1"}
    write_csv(tmp_path, "customers", "2025-01-31", [row], encoding="iso-8859-1", delimiter=";")
    file = _only(tmp_path, source)
    assert [name for name, _ in delivered_columns(source, file)] == [
        "customer_id",
        "größe, brutto",
    ]


def test_another_encoding_than_contracted_is_refused(tmp_path: Path) -> None:
    write_csv(
        tmp_path, "customers", "2025-01-31", [{"customer_id": "C1", "größe": "1"}], encoding="iso-8859-1"
    )
    with pytest.raises(
        LandingError, match=r"customers/extract_date=2025-01-31/part-1\.csv is not UTF-8.*Set `encoding`"
    ):
        delivered_columns(CUSTOMERS, _only(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "customer_id,region,customer_id\n",
            r"part-1\.csv: the header has the same name twice, at columns 1, 3",
        ),
        ("", r"part-1\.csv has no header line"),
        ("\n\n", r"part-1\.csv has no header line"),
        (",,\n", r"part-1\.csv has no header line"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (extract_folder(tmp_path, "customers", "2025-01-31") / "part-1.csv").write_text(content)
    with pytest.raises(LandingError, match=message):
        delivered_columns(CUSTOMERS, _only(tmp_path))


def test_parquet_columns_come_with_their_types_and_json_lines_without(tmp_path: Path) -> None:
    usage, tickets = TELECOM.source("usage"), TELECOM.source("tickets")
    schema = pa.schema([("customer_id", pa.string()), ("day", pa.date32()), ("sms_count", pa.int32())])
    write_parquet(tmp_path, "usage", "2025-01-07", [], schema=schema)
    columns = delivered_columns(usage, _only(tmp_path, usage))
    assert columns == (("customer_id", "string"), ("day", "date32[day]"), ("sms_count", "int32"))
    write_jsonl(tmp_path, "tickets", "2025-01-07", [{"ticket_id": "T1"}])
    assert delivered_columns(tickets, _only(tmp_path, tickets)) == ()


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    usage = TELECOM.source("usage")
    (extract_folder(tmp_path, "usage", "2025-01-07") / "part-1.parquet").write_bytes(b"PAR1 not quite")
    with pytest.raises(
        LandingError,
        match=r"part-1\.parquet lacks the end of a Parquet file: the file is cut off\. Deliver it again",
    ):
        delivered_columns(usage, _only(tmp_path, usage))


def test_the_first_month_of_which_anything_came(tmp_path: Path) -> None:
    """Folders without files, files that are being written, and months before the calendar do not count."""
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    landing = str(tmp_path)
    assert first_delivered_month(landing, business.sources, "2025-01") is None
    write_csv(landing, "customers", "2025-03-31", [{"customer_id": "C1"}])
    extract_folder(landing, "usage", "2025-01-31")
    (extract_folder(landing, "tickets", "2025-02-28") / ".writing").touch()
    (extract_folder(landing, "tickets", "2025-00-99") / "a.jsonl").touch()
    (tmp_path / "invoices").touch()
    assert first_delivered_month(landing, business.sources, "2025-01") == "2025-03"
    write_csv(landing, "subscriptions", "2024-12-31", [{"customer_id": "C1"}])
    write_csv(landing, "subscriptions", "2025-02-07", [{"customer_id": "C1"}])
    extract_folder(landing, "subscriptions", "2025-02-14")
    assert first_delivered_month(landing, business.sources, "2025-01") == "2025-02"
