"""`churn-assets check` tells what a run would find, without an engine."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from churn_assets.cli.check import in_short
from churn_assets.cli.main import cli
from churn_assets.settings import COMING
from churn_assets_tests.lakes import (
    edit_yaml,
    extract_folder,
    settings_for,
    small_business,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import customer, subscription, ticket

DAYS = ("2025-01-31", "2025-02-28", "2025-03-31")
WIDE = {"COLUMNS": "400"}


@pytest.fixture
def business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = small_business(tmp_path)
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    for day in DAYS:
        _customers(tmp_path, day)
        _subscriptions(tmp_path, day)
        write_jsonl(tmp_path / "landing", "tickets", day, [ticket(1, "NATID0001", f"{day}T10:00:00Z")])
    yield folder


def _customer(number: int, **values: str) -> dict[str, str]:
    """A customer with all columns of the contract."""
    optional = (
        *("acquisition_channel", "household_size", "payment_method", "autopay", "paperless_billing"),
        *("device_class", "marketing_consent", "profiling_objection", "account_manager"),
    )
    return customer(number) | dict.fromkeys(optional, "") | values


def _subscription(number: int, **values: str) -> dict[str, str]:
    return subscription(number) | {"expires_on": "", "notice_on": ""} | values


def _customers(home: Path, day: str, **values: str) -> None:
    rows = [_customer(number, **values) for number in range(1, 21)]
    write_csv(home / "landing", "customers", day, rows)


def _subscriptions(home: Path, day: str, **values: str) -> None:
    rows = [_subscription(number, **values) for number in range(1, 21)]
    write_csv(home / "landing", "subscriptions", day, rows)


def _check(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["check", *arguments], env=WIDE)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def _line(result: Result, *words: str) -> str:
    """The one line of the output with these words."""
    found = [line for line in result.output.splitlines() if all(word in line for word in words)]
    assert len(found) == 1, result.output
    return found[0]


def test_a_good_business_passes_without_an_engine(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)  # an import of it fails
    result = _check()
    assert result.exit_code == 0, result.output
    assert "Nothing in the sample would stop a run." in result.output
    assert _line(result, "3 extracts, 2025-01-31 to 2025-03-31", "sampled 3 rows of 3 files")
    assert _line(result, "monthly_price", "number", "100%", "10 | 10 | 10")


def test_all_mistakes_of_the_declarations_come_with_the_sources_that_can_be_read(business: Path) -> None:
    edit_yaml(business / "churn.yaml", lambda content: content.update(windows={"gap_day": 7}))
    edit_yaml(business / "contracts" / "tickets.yaml", lambda content: content.update(naem="x"))
    result = _check()
    assert result.exit_code == 1
    assert "did you mean gap_days?" in result.output and "naem" in result.output
    assert "customers  (entity" in result.output and "tickets  (event" not in result.output
    assert "calendar, " not in result.output, "nothing is known of it"
    assert "A run would stop at: the declarations." in result.output


def test_a_renamed_column_is_told_with_its_new_name(business: Path, tmp_path: Path) -> None:
    rows = [_subscription(number) for number in range(1, 21)]
    for row in rows:
        row["Monthly-Price"] = row.pop("monthly_price")
    write_csv(tmp_path / "landing", "subscriptions", DAYS[2], rows)
    result = _check("subscriptions")
    assert result.exit_code == 1
    told = _line(result, "block", "part-1.csv lacks required columns: monthly_price")
    assert "Is it Monthly-Price for monthly_price?" in told
    assert "customers  (entity" not in result.output


def test_an_optional_column_that_was_renamed_is_a_warning(business: Path, tmp_path: Path) -> None:
    rows = [_subscription(number) for number in range(1, 21)]
    for row in rows:
        row["reason"] = row.pop("end_reason")
    write_csv(tmp_path / "landing", "subscriptions", DAYS[2], rows)
    result = _check("subscriptions")
    assert result.exit_code == 0
    assert "Renamed to reason?" in _line(result, "warn", "end_reason is missing in 1 of 3 files")


def test_an_optional_column_whose_values_stop_is_a_warning(business: Path, tmp_path: Path) -> None:
    for day in DAYS[:2]:
        _subscriptions(tmp_path, day, end_reason="price", ended_on="2025-01-15")
    result = _check("subscriptions")
    assert result.exit_code == 0
    assert "is filled in 100% of 2025-01-31, and in 0% of 2025-03-31" in _line(result, "warn", "end_reason:")


def test_values_that_do_not_parse_come_with_file_row_and_the_format_that_reads_them(
    business: Path, tmp_path: Path
) -> None:
    _subscriptions(tmp_path, DAYS[1], started_on="01/31/2025")
    result = _check("subscriptions")
    assert result.exit_code == 1, "more rows would be refused than the contract tolerates"
    told = _line(result, "warn", "started_on: 20 of 60 sampled rows are no date as yyyy-MM-dd or dd.MM.yyyy")
    assert "'01/31/2025' (subscriptions/extract_date=2025-02-28/part-1.csv row 1)" in told
    assert _line(result, "All of them read as MM/dd/yyyy: declare it")
    assert "2025-02 100.0%" in _line(result, "block", "would be refused; the contract tolerates 2.0%")


def test_numbers_in_another_notation_come_with_the_declaration_that_reads_them(
    business: Path, tmp_path: Path
) -> None:
    _subscriptions(tmp_path, DAYS[1], monthly_price="1.234,50")
    assert _line(_check("subscriptions"), "All of them read with `decimal: ','` and `thousands: '.'`")


def test_days_that_no_value_proves_are_a_warning(business: Path, tmp_path: Path) -> None:
    for day in DAYS:
        _subscriptions(tmp_path, day, started_on="03.04.2024")
    result = _check("subscriptions")
    told = _line(result, "warn", "started_on: 60 days could be MM.dd.yyyy as well as dd.MM.yyyy")
    assert "'03.04.2024' is 2024-04-03 or 2024-03-04" in told
    _subscriptions(tmp_path, DAYS[0], started_on="13.04.2024")
    assert "could be" not in _check("subscriptions").output


def test_ids_written_in_another_way_are_told_in_pairs(business: Path, tmp_path: Path) -> None:
    rows = [_subscription(number) | {"customer_id": f"NATID{number:04d}\u00a0"} for number in range(1, 21)]
    write_csv(tmp_path / "landing", "subscriptions", DAYS[2], rows)
    result = _check("subscriptions")
    assert _line(result, "warn", "20 of 40 ids have an invisible blank")
    told = _line(result, "warn", "20 of 40 sampled ids are not in customers")
    assert "20 of them look like an id of customers" in told and "'NATID0001' there" in told


def test_a_key_that_stands_twice_with_other_values_is_a_warning(business: Path, tmp_path: Path) -> None:
    write_csv(
        tmp_path / "landing", "customers", DAYS[2], [_customer(1), _customer(1, region="south"), _customer(2)]
    )
    assert "part-1.csv row 2" in _line(
        _check("customers"), "warn", "1 sampled rows repeat a key of their file"
    )


def test_every_file_that_is_not_read_is_told(business: Path, tmp_path: Path) -> None:
    folder = extract_folder(tmp_path / "landing", "customers", DAYS[2])
    (folder / "_x.csv").touch()
    assert "extract_date=2025-03-31/_x.csv (its name begins with _)" in _line(
        _check("customers"), "warn", "not read"
    )
    (folder / "x.txt").touch()
    assert "x.txt" in _line(_check("customers"), "block", "files:")


def test_months_without_an_extract_stop_a_run(business: Path, tmp_path: Path) -> None:
    (tmp_path / "landing" / "subscriptions" / f"extract_date={DAYS[1]}" / "part-1.csv").unlink()
    result = _check("subscriptions")
    assert result.exit_code == 1
    assert _line(result, "block", "no extract in 2025-02; a run over these months stops")
    assert _line(result, "-> Deliver them; a file with its header alone says that nothing changed.")


def test_the_remedy_for_missing_months_fits_the_source(business: Path, tmp_path: Path) -> None:
    """Of full extracts one without rows would say that nobody is left; months before the first may be none of it."""
    for day in DAYS[:2]:
        (tmp_path / "landing" / "customers" / f"extract_date={day}" / "part-1.csv").unlink()
    edit_yaml(business / "contracts" / "customers.yaml", _delivers_full)
    remedy = _line(_check("customers"), "-> Deliver them.")
    assert "header alone" not in remedy and "declare `generalAvailability: 2025-03-31`" in remedy
    result = _check("customers")
    assert _line(result, "1 extract, 2025-03-31 to 2025-03-31; 1 file, ", "sampled 20 rows of 1 file")


def test_the_newest_month_of_a_calendar_that_still_goes_on_is_not_over(
    business: Path, tmp_path: Path
) -> None:
    """As in `demo --days`: daily sources have begun the month, the others deliver at its end, and days wait to come."""
    write_jsonl(tmp_path / COMING, "tickets", "2025-05-03", [ticket(4, "NATID0001", "2025-05-03T10:00:00Z")])
    write_jsonl(
        tmp_path / "landing", "tickets", "2025-04-02", [ticket(2, "NATID0001", "2025-04-02T10:00:00Z")]
    )
    result = _check()
    assert result.exit_code == 0, result.output
    write_jsonl(
        tmp_path / "landing", "tickets", "2025-05-02", [ticket(3, "NATID0001", "2025-05-02T10:00:00Z")]
    )
    assert _line(_check("customers"), "block", "no extract in 2025-04; a run over these months stops")


def test_one_file_of_each_source_is_the_newest(business: Path) -> None:
    result = _check("customers", "--files", "1")
    assert result.exit_code == 0, result.output
    assert _line(result, "3 extracts, 2025-01-31 to 2025-03-31", "sampled 20 rows of 1 file")


def test_computed_columns_show_what_is_delivered(business: Path) -> None:
    def compute(contract: dict[str, Any]) -> None:
        [price] = [c for c in contract["schema"][0]["properties"] if c["name"] == "monthly_price"]
        price["transformLogic"] = "cast(`monthly_price` as double)"

    edit_yaml(business / "contracts" / "subscriptions.yaml", compute)
    result = _check("subscriptions")
    assert _line(result, "monthly_price", "computed", "10 | 10 | 10")
    assert _line(result, "note", "monthly_price: computed by transformLogic; only a run judges the result.")


def _delivers_full(contract: dict[str, Any]) -> None:
    [delivery] = [p for p in contract["customProperties"] if p["property"] == "delivery"]
    delivery["value"] = "full"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html><body>Please log in</body></html>\n", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "Git LFS"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml", "workbook"),
        ("customer_id,region\nC1,north\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_of_another_kind_is_named(business: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (extract_folder(tmp_path / "landing", "customers", DAYS[2]) / "part-1.csv").write_bytes(content)
    result = _check("customers")
    assert result.exit_code == 1
    assert said in _line(result, "block", "customers/extract_date=2025-03-31/part-1.csv")


def test_another_delimiter_is_told_with_the_header(business: Path, tmp_path: Path) -> None:
    rows = [_customer(number) for number in range(1, 21)]
    write_csv(tmp_path / "landing", "customers", DAYS[2], rows, delimiter=";")
    result = _check("customers")
    assert result.exit_code == 1
    assert "';'" in "".join(line for line in result.output.splitlines() if "block" in line)


def test_a_month_without_rows_and_an_empty_landing_zone_are_told(business: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "landing", "customers", DAYS[2], [], columns=list(_customer(1)))
    assert _line(_check("customers"), "note", "extract_date=2025-03-31/part-1.csv has no rows")
    for file in (tmp_path / "landing" / "customers").rglob("*.csv"):
        file.unlink()
    result = _check("customers")
    assert result.exit_code == 1 and _line(result, "block", "there is no extract in customers/")


def test_the_findings_as_json(business: Path, tmp_path: Path) -> None:
    _subscriptions(tmp_path, DAYS[1], monthly_price="x")
    result = _check("--json", "subscriptions")
    told: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == 1 and told["mistakes"] == ""
    [source] = told["sources"]
    assert source["remarks"][0]["severity"] == "block" and source["days"] == list(DAYS)


def test_sql_that_engines_read_differently_is_told_with_its_place_and_stops_nothing(business: Path) -> None:
    expression = {"name": "rounded", "sql": "rint(tenure_days)"}
    edit_yaml(business / "churn.yaml", lambda content: content["features"].append(expression))
    result = _check()
    assert result.exit_code == 0
    assert _line(result, "1 expression is not proven to mean the same on Sail as on Spark")
    assert _line(result, "churn.yaml:", "features[", "sql")
    assert _line(result, "rint rounds halves differently")
    [told] = json.loads(_check("--json").output)["differences"]
    assert told["path"].endswith(".sql") and told["remedy"] == "use round(x)"


def test_sql_that_sail_is_told_to_compute_and_refuses_stops_a_run(
    business: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expression = {"name": "rounded", "sql": "rint(tenure_days)"}
    edit_yaml(business / "churn.yaml", lambda content: content["features"].append(expression))
    monkeypatch.setenv("CHURN_ENGINE", "sail")
    result = _check()
    assert result.exit_code == 1
    assert _line(result, "so CHURN_ENGINE=sail refuses them")
    assert _line(result, "A run would stop at: the SQL above.")
    assert _check("--json").exit_code == 1


def test_an_unknown_source_is_a_usage_error(business: Path) -> None:
    result = _check("custmers")
    assert result.exit_code == 2 and "There is no source custmers" in result.output


def test_the_doctor_tells_the_same_in_short_and_no_value(business: Path, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, business)
    assert in_short(settings) == ("ok", "nothing wrong in 123 sampled rows of 3 sources")
    _subscriptions(tmp_path, DAYS[1], monthly_price="secret")
    status, told = in_short(settings)
    assert status == "fail" and "monthly_price: 20 of 60 sampled rows are no number" in told
    assert "secret" not in told


def test_values_out_of_bounds_and_days_far_ahead_are_told_by_their_rule(
    business: Path, tmp_path: Path
) -> None:
    _customers(tmp_path, DAYS[0], household_size="99")
    _subscriptions(tmp_path, DAYS[0], started_on="2045-01-01")
    result = _check()
    assert (
        "household_size: 20 of 60 sampled rows lie outside 1 to 20; these rows lose the value."
        in result.output
    )
    told = _line(
        result, "warn", "started_on: 20 of 60 sampled rows are more than 3653 days after the extract"
    )
    assert "a run refuses them" in told
