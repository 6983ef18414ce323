"""What databases hold and say that an extract must survive: odd values, other types, and secrets in messages."""

import socket
import sqlite3
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from churn_assets.contracts.database import SourceDatabase
from churn_assets.drafting.databases import DatabaseToDraft, find_tables
from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.given_address import without_password
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.databases import address as addresses
from churn_assets.sources.databases.address import address_of
from churn_assets.sources.databases.patience import patience_with
from churn_assets.sources.live import attempts
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import KEY
from churn_assets_tests.sources.databases.shop import EVENING, Orders, Shop, contract, files, landed, numbers

CANARY = "Kanarienvogel"
SQLITE = pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("shop", ["postgresql"], indirect=True)


def _no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Attempts do not wait; the waits that were asked for."""
    waits: list[float] = []
    monkeypatch.setattr(attempts.time, "sleep", waits.append)
    return waits


@SQLITE
def test_a_text_that_is_not_utf_8_is_told_without_the_value(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = _no_waits(monkeypatch)
    shop.orders.run("INSERT INTO orders VALUES (1, CAST(X'4DFC6C6C6572' AS TEXT), '2026-03-01', 1, 'x')")
    with pytest.raises(
        ExtractError, match="refuses: the column customer_id holds text that is not UTF-8"
    ) as error:
        shop.extract()
    assert "ller" not in str(error.value) and waits == []


@SQLITE
def test_a_wrong_query_of_sqlite_is_no_lost_connection(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = _no_waits(monkeypatch)
    source = contract(shop.folder, shop.location, shop.kind, query="SELEC 1", cursor="ordered_at")
    with pytest.raises(ExtractError, match=r"refuses: .*syntax error"):
        shop.extract(0, source)
    assert waits == []
    with sqlite3.connect(shop.folder / "shop.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setitem(addresses.DRIVERS["sqlite"].connect, "timeout", 0.01)  # type: ignore[arg-type]
        with pytest.raises(ExtractError, match="does not answer: database is locked"):
            shop.extract()
    other.close()
    assert len(waits) == 2


def test_a_query_may_end_with_a_comment(shop: Shop) -> None:
    shop.orders.add((1, "2026-03-01 10:00:00"))
    query = "SELECT * FROM orders -- all of them"
    source = contract(shop.folder, shop.location, shop.kind, query=query, cursor="ordered_at")
    assert shop.extract(0, source).record.rows == 1


@POSTGRESQL
def test_days_without_end_are_days_that_mean_none(shop: Shop) -> None:
    """PostgreSQL's infinity has no day of Python; 9999-12-31 and 0001-01-01 mean none everywhere."""
    shop.orders.add((1, "2026-03-01 10:00:00"), (2, "infinity"), (3, "-infinity"))
    extract = shop.extract()
    assert str(extract.ahead) == "9999-12-31 23:59:59.999999"
    told = {row["order_id"]: f"{row['ordered_at']:%m-%d}" for row in landed(shop.landing).to_pylist()}
    assert told == {1: "03-01", 2: "12-31", 3: "01-01"}
    query = "SELECT order_id, 'infinity'::date AS d, '-infinity'::timestamp AS t, '2026-02-03'::date AS e FROM orders"
    source = contract(
        shop.folder,
        shop.location,
        shop.kind,
        "full",
        "entity",
        query=query.replace("order_id,", "order_id, customer_id, now() AS ordered_at,").replace("'", '"'),
    )
    assert source.origin
    object.__setattr__(source.origin, "query", query.replace("order_id,", "order_id, customer_id,"))
    shop.extract(1, source)
    row = landed(files(shop.landing)[-1].parent).to_pylist()[0]
    assert (str(row["d"]), str(row["t"])[4:10], str(row["e"])) == ("9999-12-31", "-01-01", "2026-02-03")


@POSTGRESQL
def test_a_value_that_python_cannot_hold_is_told_with_a_remedy(shop: Shop) -> None:
    shop.orders.add((1, "4713-01-01 BC"))
    with pytest.raises(ExtractError, match=r"DataError.*`query`"):
        shop.extract()


@POSTGRESQL
@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ("TEXT", "TIMESTAMPTZ USING ordered_at::timestamptz", 1),
        ("TIMESTAMPTZ", "TIMESTAMP", 1),
        ("TIMESTAMP", "DATE", 1),
        ("DATE", "TEXT", 1),
        (
            "INTEGER",
            "TIMESTAMPTZ USING to_timestamp(0) + ordered_at * '1 second'::interval",
            2,
        ),  # begins anew
        ("TIMESTAMPTZ", "INTEGER USING order_id", 2),
    ],
)
def test_a_cursor_may_change_its_type(shop: Shop, old: str, new: str, rows: int) -> None:
    values = (1, 2) if old == "INTEGER" else ("'2026-03-01 10:00:00'", "'2026-03-09 10:00:00'")
    shop.orders.run(
        "ALTER TABLE orders DROP COLUMN ordered_at",
        f"ALTER TABLE orders ADD COLUMN ordered_at {old}",
        *(
            f"INSERT INTO orders (order_id, customer_id, ordered_at) VALUES ({n}, 'C', {v})"
            for n, v in enumerate(values)
        ),
    )
    shop.extract()
    shop.orders.run(f"ALTER TABLE orders ALTER ordered_at TYPE {new}")
    again = shop.extract(1)
    assert again.record.rows == rows
    assert any(change.startswith("ordered_at was") for change in again.changes)
    assert shop.extract(2).before is not None


@SQLITE
def test_a_cursor_of_sqlite_may_become_a_time(shop: Shop) -> None:
    shop.orders.run(
        "DROP TABLE orders", "CREATE TABLE orders (order_id INTEGER, customer_id TEXT, ordered_at)"
    )
    shop.orders.run("INSERT INTO orders VALUES (1, 'C', 5)")
    shop.extract()
    shop.orders.run("UPDATE orders SET ordered_at = '2026-03-01 10:00:00'")
    again = shop.extract(1)
    assert (again.before, again.record.rows) == (None, 1)
    assert str(shop.extract(2).before) == "2026-03-01 10:00:00"


@SQLITE
@pytest.mark.parametrize("before", ["2026-03-09T10:00:00", "2026-03-09 10:00:00"])
@pytest.mark.parametrize("after", ["2026-03-09T12:00:00", "2026-03-09 12:00:00"])
def test_texts_of_times_may_be_written_in_two_ways(shop: Shop, before: str, after: str) -> None:
    shop.orders.add((1, before), (2, "2026-03-09 08:00:00"), (3, "2026-03-09T08:00:00"))
    shop.extract()
    shop.orders.add((4, after))
    shop.extract(1)
    assert {*numbers(shop.landing)} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://reader:Kana@{CANARY}@127.0.0.1:1/shop",
        f"postgresql://reader:Kana@{CANARY}/x@127.0.0.1:1/shop",
    ],
)
def test_an_at_sign_in_a_password_does_not_show_its_rest(tmp_path: Path, address: str) -> None:
    source = contract(tmp_path, "${SHOP_URL}", "postgresql")
    from churn_assets.sources.live.extract import extract_new

    with pytest.raises(ExtractError, match="%40") as error:
        extract_new(
            asker_of(source, {"SHOP_URL": address}), str(tmp_path / "landing"), str(tmp_path), EVENING
        )
    assert CANARY not in str(error.value)
    with pytest.raises(DraftError, match="%40") as refused:
        find_tables(DatabaseToDraft(address), tmp_path, EVENING.date())
    assert CANARY not in str(refused.value)


def test_secrets_among_the_parameters_of_an_address_are_neither_shown_nor_written() -> None:
    for address in (
        f"postgresql://127.0.0.1/shop?user=reader&password={CANARY}",
        f"postgresql://127.0.0.1/shop?odbc_connect=DRIVER%3Dx%3BPWD%3D{CANARY}",
    ):
        database = SourceDatabase("postgresql", address, "orders", None, None, None)
        assert CANARY not in address_of(database).shown
        assert CANARY not in without_password(address)
        assert without_password(address).endswith("=${DATABASE_PASSWORD}")


def test_a_server_that_does_not_speak_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    from churn_assets.sources.live.extract import extract_new

    _no_waits(monkeypatch)
    monkeypatch.setitem(addresses.DRIVERS["postgresql"].connect, "connect_timeout", 2)  # type: ignore[arg-type]
    monkeypatch.setattr(attempts, "WAITS", ())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ = {"SHOP_URL": f"postgresql://reader:{CANARY}@127.0.0.1:{silent.getsockname()[1]}/shop"}
        source = contract(tmp_path, "${SHOP_URL}", "postgresql")
        with pytest.raises(ExtractError, match="does not answer") as error:
            extract_new(asker_of(source, environ), str(tmp_path / "landing"), str(tmp_path), EVENING)
    assert CANARY not in str(error.value)


def test_a_table_may_have_any_name(shop: Shop) -> None:
    names = ("Order Items", "a.b", "select", "50%", "c:d")
    for name in names:
        written = shop.orders.engine.dialect.identifier_preparer.quote_identifier(name)
        shop.orders.run(
            f"DROP TABLE IF EXISTS {written}",
            f"CREATE TABLE {written} AS SELECT 1 AS order_id, 2 AS customer_id, 3 AS ordered_at",
        )
        table = f'"{name}"' if "." in name else name
        source = contract(shop.folder, shop.location, shop.kind, table=table, cursor="ordered_at")
        assert shop.extract(0, source).record.rows == 1
    with pytest.raises(ExtractError, match=r"double quotes"):
        shop.extract(0, contract(shop.folder, shop.location, shop.kind, table="a.b", cursor="ordered_at"))


@SQLITE
@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"asked": "x", "from_tomorrow": 1, "start": null, "end": null}']
)
def test_a_record_that_cannot_be_read_tells_nothing_so_its_rows_are_asked_for_again(
    shop: Shop, content: bytes
) -> None:
    """Such as that of a newer version: the source goes on, and loses no row."""
    shop.orders.add((1, "2026-03-01 10:00:00"), (2, "2026-03-09 10:00:00"))
    shop.extract()
    [file] = files(shop.landing)
    rows = pq.read_table(file, partitioning=None)
    pq.write_table(rows.replace_schema_metadata({KEY: content}), file)
    assert shop.extract(1).before is None
    assert numbers(shop.landing) == [1, 1, 2, 2]


@SQLITE
def test_init_reads_tables_of_any_name_and_leaves_out_what_it_cannot_read(shop: Shop, tmp_path: Path) -> None:
    shop.orders.run(
        'CREATE TABLE "../../a/b" AS SELECT 1 AS x',
        'CREATE TABLE "a.b" AS SELECT 1 AS x',
        "CREATE TABLE bad AS SELECT CAST(X'4DFC' AS TEXT) AS name",
    )
    folder = tmp_path / "deep" / "samples"
    folder.mkdir(parents=True)
    found = find_tables(DatabaseToDraft(f"sqlite:///{tmp_path / 'shop.db'}"), folder, EVENING.date())
    tables = {group.origin.properties["table"] for group in found.groups if group.origin}
    assert tables == {'"../../a/b"', '"a.b"'}
    assert [f.parent.parent for f in tmp_path.rglob("*.parquet")] == [folder, folder]
    told = {doubt.place: doubt.words for doubt in found.doubts}
    assert "no rows" in told["orders"]
    assert told["bad"].startswith("left out: ") and "not UTF-8" in told["bad"]
    with pytest.raises(DraftError, match="not UTF-8"):
        find_tables(DatabaseToDraft(f"sqlite:///{tmp_path / 'shop.db'}", ("bad",)), folder, EVENING.date())


def test_a_server_that_stops_in_the_middle_is_broken_off(postgresql: str) -> None:
    engine = create_engine(postgresql)
    with pytest.raises(OperationalError), engine.connect() as connection, patience_with(connection, 0.3):
        connection.exec_driver_sql("SELECT pg_sleep(0.1)")
        began = time.monotonic()
        connection.exec_driver_sql("SELECT pg_sleep(60)")
    assert time.monotonic() - began < 20
    with engine.connect() as connection, patience_with(connection, 0.2) as patience:
        assert patience is not None
        for _ in range(4):
            connection.exec_driver_sql("SELECT pg_sleep(0.1)")
            patience.renew()
    engine.dispose()


@SQLITE
def test_another_database_under_the_same_variable_is_asked_for_everything(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders.add((1, "2026-03-01 10:00:00"))
    shop.extract()
    other = f"sqlite:///{tmp_path / 'other.db'}"
    Orders(other).add((2, "2026-02-01 10:00:00"))
    monkeypatch.setenv("SHOP_URL", other)
    found = shop.extract(1)
    assert (found.record.rows, found.before) == (1, None)
    assert numbers(shop.landing) == [1, 2]


def test_user_and_password_are_no_part_of_the_question(tmp_path: Path) -> None:
    source = contract(tmp_path, "${SHOP_URL}", "postgresql")
    told = {
        asker_of(source, {"SHOP_URL": f"postgresql://{login}/{name}"}).digest()
        for login, name in (("a:old@h", "x"), ("b:new@h", "x"), ("a:old@h", "y"))
    }
    assert len(told) == 2
