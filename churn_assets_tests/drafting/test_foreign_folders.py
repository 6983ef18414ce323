"""Drafts from folders of others: where names tell the date, one source for each pattern, and what is left out."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.folder import SourceFolder
from churn_assets.contracts.loader import load_business
from churn_assets.drafting.dated_names import DatedName
from churn_assets.sources.folders.copying import copy_new
from churn_assets_tests.drafting.commands import init, told
from churn_assets_tests.drafting.exports import export, purchases
from churn_assets_tests.http_server import serving
from churn_assets_tests.sources.folders.test_copying import _Quiet

CANARY = "Kanarienvogel"


@pytest.mark.parametrize(
    ("name", "pattern", "day", "source"),
    [
        ("sales_2024-01.csv", "sales_{yyyy-MM}.csv", date(2024, 1, 31), "sales"),
        ("crm/kunden_007_20240305.csv.gz", "crm/kunden_*_{yyyyMMdd}.csv.gz", date(2024, 3, 5), "kunden"),
        ("2024/03/05/calls.jsonl", "{yyyy}/{MM}/{dd}/calls.jsonl", date(2024, 3, 5), "calls"),
        (
            "year=2024/month=03/calls-1.parquet",
            "year={yyyy}/month={MM}/calls-*.parquet",
            date(2024, 3, 31),
            "calls",
        ),
        ("05.03.2024 Umsatz.csv", "{dd.MM.yyyy} Umsatz.csv", date(2024, 3, 5), "umsatz"),
        ("2024/x_20240305T101500.csv", "*/x_{yyyyMMdd}T*.csv", date(2024, 3, 5), "x"),
        ("a/extract_date=2024-03-05/1.csv", "a/extract_date={yyyy-MM-dd}/*.csv", date(2024, 3, 5), "a"),
        ("20240305.csv", "{yyyyMMdd}.csv", date(2024, 3, 5), "exports"),
    ],
)
def test_a_name_tells_pattern_day_and_source(name: str, pattern: str, day: date, source: str) -> None:
    found = DatedName.of(name, "exports")
    assert found is not None
    assert (found.pattern, found.day, found.source) == (pattern, day, source)


@pytest.mark.parametrize(
    "name", ["sales.csv", "sales_2024.csv", "x_20240231.csv", "a{b}_20240101.csv", "KW05-24.csv"]
)
def test_a_name_without_a_day_or_month_has_no_pattern(name: str) -> None:
    assert DatedName.of(name, "exports") is None


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """Purchases of 16 months, customers of two, and a file of another kind."""
    folder = tmp_path / "exports"
    purchases(folder / "out")
    for day in ("20240131", "20240229"):
        rows = [(f"C{n:03d}", "NESW"[n % 4]) for n in range(60)]
        export(folder / f"crm/dump_7_{day}.csv", "customer_id region", rows, ";")
    (folder / "readme.txt").write_text("nothing")
    (folder / "sketch_20240101.xlsx").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    return folder


@pytest.mark.parametrize("kind", ["folder", "http"])
def test_each_pattern_becomes_a_contract(
    exports: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    with serving(partial(_Quiet, directory=str(exports))) as server:
        address = f"file://{exports}" if kind == "folder" else f"http://127.0.0.1:{server.server_port}"
        done = init(tmp_path / "b", address)
    assert done.exit_code == 0, done.output
    business = load_business(tmp_path / "b")
    sales, dump = business.source("sales"), business.source("dump")
    assert isinstance(sales.origin, SourceFolder) and isinstance(dump.origin, SourceFolder)
    assert (sales.origin.kind, sales.origin.pattern.text) == (kind, "out/sales_{yyyy-MM}.csv")
    assert (dump.origin.pattern.text, dump.delimiter, dump.delivery) == (
        "crm/dump_*_{yyyyMMdd}.csv",
        ";",
        "full",
    )
    assert (sales.role, sales.delivery, dump.role) == ("event", "changes", "entity")
    assert business.file.calendar.start == "2024-01"
    for said in (
        "readme.txt: the name tells no day or month",
        "sketch: left out",
        "run extract --from 2024-01",
    ):
        assert said in told(done)
    assert "--cut-by-month" not in done.output
    monkeypatch.setenv("CHURN_BUSINESS", str(tmp_path / "b"))
    if kind == "http":
        return  # its server is gone
    first = CliRunner().invoke(cli, ["check"])  # the first command after the draft helps, and does not fail
    assert first.exit_code == 0 and "Nothing has been extracted yet" in told(first)
    assert "Now run churn-assets run extract --from 2024-01 --to " in told(first)
    later = datetime.now(UTC) + timedelta(days=1)
    for source in (sales, dump):
        draft = tmp_path / "draft" / source.name
        draft.mkdir(parents=True)
        landing = str(tmp_path / "home/landing")
        copied = copy_new(source, landing, str(draft), date(2024, 1, 1), date(2025, 12, 31), later)
        assert len(copied.copied) == (16 if source is sales else 2)
    checked = CliRunner().invoke(cli, ["check", "sales"])
    assert (checked.exit_code, "Nothing in the sample would stop a run" in checked.output) == (0, True)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("file://{here}/none", "cannot be read: FileNotFoundError"),
        ("file://host/x", "three slashes"),
        ("file://{here}/undated", "has no files to draft from"),
        ("sftp://a:" + CANARY + "/x@127.0.0.1/y", "with %2F for a / in a password"),
        ("s3://bucket/x?token=" + CANARY, "has no parameter token"),
        ("${NOBODY_SET_THIS}", "NOBODY_SET_THIS is not set"),
    ],
)
def test_what_cannot_be_drafted_is_told(tmp_path: Path, address: str, said: str) -> None:
    (tmp_path / "undated").mkdir()
    (tmp_path / "undated/a.csv").write_text("a,b\n1,2\n")
    done = init(tmp_path / "b", address.replace("{here}", str(tmp_path)))
    assert done.exit_code == 2 and said in told(done) and CANARY not in done.output


def test_a_pattern_that_fits_another_source_is_told(tmp_path: Path) -> None:
    purchases(tmp_path / "x", months=8)
    export(tmp_path / "x/s_1_a_202401.csv", "customer_id region", [(f"C{n:03d}", "N") for n in range(60)])
    export(tmp_path / "x/s_1_202402.csv", "customer_id region", [(f"C{n:03d}", "N") for n in range(60)])
    done = init(tmp_path / "b", f"file://{tmp_path}/x")
    assert done.exit_code == 0, done.output
    assert "s_*_{yyyyMM}.csv fits s_1_a_202401.csv of another source, too" in told(done)
