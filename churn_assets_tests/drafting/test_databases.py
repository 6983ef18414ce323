"""Drafts from the tables of a database load, and read these tables."""

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.drafting.databases import DatabaseToDraft, find_tables
from churn_assets.drafting.doubt import DraftError
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.live.extract import extract_new

TODAY = datetime.now(UTC).date()


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Customers that change, purchases that do not, and an empty table."""
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE customers (customer_id TEXT, region TEXT, email TEXT, updated_at TEXT)"
        )
        connection.execute(
            "CREATE TABLE purchases (id INTEGER, customer_id TEXT, bought_at TEXT, amount REAL)"
        )
        connection.execute("CREATE TABLE no_rows (customer_id TEXT)")
        at = f"{TODAY - timedelta(days=3)} 10:00:00"
        people = [(f"C{n:04d}", "NESW"[n % 4], f"k{n}@example.org", at) for n in range(60)]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", people)
        bought = [
            (n, f"C{n % 60:04d}", f"{TODAY - timedelta(days=400 - n // 4)} 09:30:00", 10.5 + n % 7)
            for n in range(1500)
        ]
        connection.executemany("INSERT INTO purchases VALUES (?, ?, ?, ?)", bought)
    connection.close()
    return f"sqlite:///{file}"


def test_init_drafts_contracts_that_read_the_tables(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", shop)
    folder = tmp_path / "business"
    done = CliRunner().invoke(cli, ["init", str(folder), "--from", "${SHOP_URL}", "--all"])
    assert done.exit_code == 0, done.output
    assert "no_rows: left out: the table has no rows" in done.output
    assert "churn-assets run extract --from" in done.output
    business = load_business(folder)
    customers, purchases = business.source("customers"), business.source("purchases")
    assert customers.origin and purchases.origin
    assert (customers.delivery, customers.origin.cursor) == ("changes", "updated_at")
    assert (purchases.delivery, purchases.origin.cursor) == ("changes", "bought_at")
    assert customers.origin.location == "${SHOP_URL}"
    assert customers.column("email").personal
    for source, rows in ((customers, 60), (purchases, 1500)):
        draft = tmp_path / "draft" / source.name
        draft.mkdir(parents=True)
        assert (
            extract_new(
                asker_of(source), str(tmp_path / "landing"), str(draft), datetime.now(UTC)
            ).record.rows
            == rows
        )


def test_only_the_named_tables_are_read(shop: str, tmp_path: Path) -> None:
    found = find_tables(DatabaseToDraft(shop, ("purchases",)), tmp_path, TODAY)
    assert [group.name for group in found.groups] == ["purchases"]
    with pytest.raises(DraftError, match=r"There is no table purchase\. Did you mean purchases\?"):
        find_tables(DatabaseToDraft(shop, ("purchase",)), tmp_path, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("${NOBODY_SET_THIS}", "NOBODY_SET_THIS is not set"),
        ("oracle://a:Kanarienvogel@b/c", "names none of postgresql"),
        ("postgresql://a:Kanarienvogel@127.0.0.1:1/c", "does not answer"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_its_password(
    tmp_path: Path, address: str, told: str
) -> None:
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "business"), "--from", address])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split()) and "Kanarienvogel" not in done.output


def test_databases_are_not_landed(tmp_path: Path, shop: str) -> None:
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "business"), "--from", shop, "--land"])
    assert done.exit_code == 2 and "run extract" in done.output
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "b"), "--from", str(tmp_path), "--table", "a"])
    assert done.exit_code == 2 and "--table goes with the address" in " ".join(done.output.split())


def test_a_password_in_the_address_does_not_reach_the_contract() -> None:
    from churn_assets.drafting.given_address import without_password

    assert without_password("postgresql://a:Kanarienvogel@b/c") == "postgresql://a:${DATABASE_PASSWORD}@b/c"
    for safe in ("postgresql://a:${X}@b/c", "${URL}", "postgresql://a@b/c"):
        assert without_password(safe) == safe


def test_the_calendar_begins_with_the_first_purchases(shop: str, tmp_path: Path) -> None:
    folder = tmp_path / "business"
    done = CliRunner().invoke(cli, ["init", str(folder), "--from", shop, "--table", "purchases"])
    assert done.exit_code == 0, done.output
    first = f"{TODAY - timedelta(days=400):%Y-%m}"
    assert f"churn-assets run extract --from {first} --to {TODAY:%Y-%m}" in done.output
    business = load_business(folder)
    assert business.file.calendar.start == first
    assert business.source("purchases").first_month is None
    assert "too few for a training" not in done.output


def test_a_database_file_and_the_bare_name_of_a_variable_are_told_how_to_be_named(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    file.write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "b"), "--from", str(file)])
    assert "sqlite:////" in done.output
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "b"), "--from", "CRM_URL"])
    assert "'${CRM_URL}'" in done.output
