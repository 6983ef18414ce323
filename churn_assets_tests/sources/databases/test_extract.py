"""Extracts of SQLite and PostgreSQL: what is new, late, changed, killed or asked again; no row is lost or doubled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.extracts.asking import asker_of
from churn_assets.local_servers.postgresql import SUPERUSER
from churn_assets.sources.databases import reading
from churn_assets.sources.live import attempts
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import CannotAskAgain, extract_month, extract_new
from churn_assets_tests.sources.databases.shop import (
    EVENING,
    PASSWORD,
    Orders,
    Shop,
    contract,
    files,
    landed,
    numbers,
)

KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.live import landing_files
from churn_assets.sources.live.extract import extract_new
from churn_assets_tests.sources.databases.shop import EVENING, contract

source = contract(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
where = sys.argv[5]
if where == "rows":
    read = landing_files.ExtractDraft.add
    def add(self, table):
        read(self, table)
        os.kill(os.getpid(), signal.SIGKILL)
    landing_files.ExtractDraft.add = add
elif where == "finish":
    landing_files.ExtractDraft.finish = lambda self, record: os.kill(os.getpid(), signal.SIGKILL)
else:
    landing_files.sync_file = lambda file: os.kill(os.getpid(), signal.SIGKILL)
extract_new(asker_of(source), sys.argv[4], sys.argv[4] + "_draft", EVENING)
"""


def test_the_first_extract_holds_all_rows_and_the_next_what_is_new(shop: Shop) -> None:
    shop.orders.add((1, "2026-03-01 10:00:00"), (2, "2026-03-09 10:00:00"))
    first = shop.extract()
    assert (first.record.rows, first.before, str(first.newest)) == (2, None, "2026-03-09 10:00:00")
    assert first.name.startswith("orders/extract_date=2026-03-10/changes_20260310T231500")
    assert set(landed(shop.landing).column_names) == {"order_id", "customer_id", "ordered_at", "amount"}
    assert first.record.left_out == ("secret_note",)
    shop.orders.add((3, "2026-03-11 10:00:00"))
    again = shop.extract(1)
    assert (again.record.rows, str(again.newest)) == (2, "2026-03-11 10:00:00")  # 2 again, by the overlap
    assert numbers(shop.landing) == [1, 2, 2, 3]
    idle = shop.extract(2)
    assert (idle.record.rows, str(idle.record.end)) == (1, "2026-03-11 10:00:00")


def test_a_row_that_was_committed_late_comes_with_the_overlap(shop: Shop) -> None:
    shop.orders.add((1, "2026-03-09 10:00:00"))
    shop.extract()
    shop.orders.add((2, "2026-03-09 09:30:00"), (3, "2026-03-09 08:00:00"))
    assert shop.extract(1).record.rows == 2  # 3 is later than the overlap of an hour allows
    assert numbers(shop.landing) == [1, 1, 2]
    wide = contract(shop.folder, shop.location, shop.kind, table="orders", cursor="ordered_at", overlap=180)
    assert shop.extract(2, wide).record.rows == 3
    assert {*numbers(shop.landing)} == {1, 2, 3}


def test_a_row_without_a_cursor_value_is_never_missed(shop: Shop) -> None:
    shop.orders.add((1, "2026-03-09 10:00:00"), (2, None))
    shop.extract()
    shop.orders.add((3, None))
    shop.extract(1)
    assert {*numbers(shop.landing)} == {1, 2, 3}


def test_a_clock_that_runs_ahead_hides_no_rows(shop: Shop) -> None:
    shop.orders.add((1, "2099-01-01 00:00:00"))
    first = shop.extract()
    assert str(first.ahead) == "2099-01-01 00:00:00"
    shop.orders.add((2, "2026-03-11 10:00:00"))
    shop.extract(1)
    assert {*numbers(shop.landing)} == {1, 2}


def test_a_deleted_extract_is_asked_for_again(shop: Shop) -> None:
    """Also when later extracts are there: what is known has no gap."""
    shop.orders.add((1, "2026-03-09 10:00:00"))
    shop.extract()
    for day in (1, 2):
        shop.orders.add((day + 1, f"2026-03-1{day} 10:00:00"))
        shop.extract(day)
    files(shop.landing)[1].unlink()
    shop.orders.add((4, "2026-03-13 10:00:00"))
    assert shop.extract(3).before is not None
    assert {*numbers(shop.landing)} == {1, 2, 3, 4}
    for file in files(shop.landing):
        file.unlink()
    assert shop.extract(4).before is None
    assert numbers(shop.landing) == [1, 2, 3, 4]


def test_another_question_begins_anew(shop: Shop) -> None:
    """The former query left rows out; an extract of another one must not begin where it ended."""
    shop.orders.add((1, "2026-03-01 10:00:00"), (2, "2026-03-09 10:00:00"))
    own = {"cursor": "ordered_at"}
    some = "SELECT * FROM orders WHERE order_id > 1;"
    shop.extract(0, contract(shop.folder, shop.location, shop.kind, query=some, **own))
    assert numbers(shop.landing) == [2]
    more = "SELECT order_id, customer_id, ordered_at, amount FROM orders WHERE customer_id LIKE 'C%' AND 'a:b' <> 'c'"
    shop.extract(1, contract(shop.folder, shop.location, shop.kind, query=more, **own))
    assert numbers(shop.landing) == [1, 2, 2]


def test_a_whole_table_replaces_the_extract_of_the_same_day(shop: Shop) -> None:
    whole = contract(shop.folder, shop.location, shop.kind, "full", "entity", table="orders")
    shop.orders.add((1, "2026-03-01 10:00:00"))
    shop.extract(0, whole)
    shop.orders.run("DELETE FROM orders")
    shop.orders.add((2, "2026-03-02 10:00:00"))
    shop.extract(0, whole)
    assert numbers(shop.landing) == [2]
    shop.extract(1, whole)
    assert [f.parent.name for f in files(shop.landing)] == [
        "extract_date=2026-03-10",
        "extract_date=2026-03-11",
    ]


def test_an_empty_table_that_is_read_whole_does_not_say_that_all_have_gone(shop: Shop) -> None:
    whole = contract(shop.folder, shop.location, shop.kind, "full", "entity", table="orders")
    with pytest.raises(ExtractError, match="orders has no rows"):
        shop.extract(0, whole)
    assert not files(shop.landing)
    idle = shop.extract()  # by a cursor, nothing new is an answer
    assert (idle.record.rows, idle.newest, len(files(shop.landing))) == (0, None, 1)


def test_new_gone_and_changed_columns_are_told(shop: Shop) -> None:
    shop.orders.add((1, "2026-03-01 10:00:00"))
    assert shop.extract().changes == ()
    shop.orders.run(
        "ALTER TABLE orders ADD COLUMN channel TEXT", "ALTER TABLE orders DROP COLUMN secret_note"
    )
    assert shop.extract(1).changes == ("channel is new", "secret_note is gone")
    shop.orders.run("ALTER TABLE orders DROP COLUMN amount", "ALTER TABLE orders ADD COLUMN amount TEXT")
    shop.orders.run("UPDATE orders SET amount = '1,50'")
    [told] = shop.extract(2).changes
    assert told.startswith("amount was a") and told.endswith("and is text")


def test_a_month_that_is_over_is_asked_again(shop: Shop) -> None:
    """The months follow each other without a gap, so the first extract of today begins where they end."""
    shop.orders.add((1, "2025-12-31 10:00:00"), (2, "2026-01-31 23:59:59"), (3, "2026-02-01 00:00:00"))
    shop.orders.add((4, "2026-03-01 00:00:00"))
    for month in ("2026-01", "2026-02"):
        extract_month(
            asker_of(shop.source), str(shop.landing), shop.draft(), month, month == "2026-01", EVENING
        )
    held = {f.parent.name: landed(f.parent)["order_id"].to_pylist() for f in files(shop.landing)}
    assert held == {"extract_date=2026-01-31": [1, 2], "extract_date=2026-02-28": [3]}
    new = shop.extract()
    assert (str(new.before), new.record.rows) == ("2026-03-01 00:00:00", 1)
    assert numbers(shop.landing) == [1, 2, 3, 4]


def test_a_month_cannot_be_asked_again_where_rows_tell_no_past(shop: Shop) -> None:
    shop.orders.add((1, "2026-01-01 10:00:00"))
    own: dict[str, Any] = {"table": "orders", "cursor": "order_id"}
    for source, why in (
        (
            contract(shop.folder, shop.location, shop.kind, "full", "entity", table="orders"),
            "today's rows only",
        ),
        (contract(shop.folder, shop.location, shop.kind, role="entity"), "only its newest state"),
        (contract(shop.folder, shop.location, shop.kind, **own), "counts, and tells no month"),
    ):
        with pytest.raises(CannotAskAgain, match=why):
            extract_month(asker_of(source), str(shop.landing), shop.draft(), "2026-01", True, EVENING)
    assert not files(shop.landing)


def test_numbers_are_cursors_too(shop: Shop) -> None:
    source = contract(shop.folder, shop.location, shop.kind, table="orders", cursor="order_id", overlap=1)
    shop.orders.add((1, None), (5, None))
    shop.extract(0, source)
    shop.orders.add((6, None), (4, None), (3, None))
    assert shop.extract(1, source).record.rows == 3  # 4 to 6
    assert numbers(shop.landing) == [1, 4, 5, 5, 6]


@pytest.mark.parametrize("where", ["rows", "finish", "publish"])
def test_a_killed_extract_shows_nothing_and_the_next_one_is_whole(shop: Shop, where: str) -> None:
    shop.orders.add((1, "2026-03-01 10:00:00"), (2, "2026-03-09 10:00:00"))
    arguments = [str(shop.folder), shop.location, shop.kind, str(shop.landing), where]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not files(shop.landing)
    assert shop.extract().before is None
    assert numbers(shop.landing) == [1, 2]
    assert not [f for f in shop.landing.rglob("*") if f.name.startswith(".")]


def test_rows_come_as_of_one_moment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed while the rows come is not in this extract, wherever it stands."""
    if shop.kind == "sqlite":
        shop.orders.run("PRAGMA journal_mode=WAL")
    monkeypatch.setattr(reading, "BATCH", 2)
    shop.orders.add(*((n, f"2026-03-0{n} 10:00:00") for n in range(1, 7)))
    batches = reading.DatabaseSnapshot.batches

    def slow(self: reading.DatabaseSnapshot, *asked: Any) -> Iterator[pa.Table]:
        for number, table in enumerate(batches(self, *asked)):
            if number == 1:
                shop.orders.run("DELETE FROM orders WHERE order_id = 6")
                shop.orders.add((7, "2026-03-07 10:00:00"))
            yield table

    monkeypatch.setattr(reading.DatabaseSnapshot, "batches", slow)
    shop.extract()
    assert numbers(shop.landing) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"table": "ordres"}, r"There is no table ordres\. Did you mean orders\?"),
        ({"query": "SELECT order_id FROM nothing"}, "nothing"),
    ],
)
def test_what_is_not_there_is_named(shop: Shop, own: dict[str, str], told: str) -> None:
    source = contract(shop.folder, shop.location, shop.kind, "full", "entity", **own)
    with pytest.raises(ExtractError, match=told):
        shop.extract(0, source)


def test_columns_of_one_name_are_refused(shop: Shop) -> None:
    if shop.kind == "sqlite":
        pytest.skip("SQLite gives the second column another name")
    source = contract(shop.folder, shop.location, shop.kind, "full", "entity", query="SELECT 1 AS a, 2 AS a")
    said = "Duplicate column name 'a'" if shop.kind == "mysql" else "several columns called a"
    with pytest.raises(ExtractError, match=said):
        shop.extract(0, source)


def test_a_column_that_is_not_there_is_named(shop: Shop) -> None:
    shop.orders.run("ALTER TABLE orders RENAME COLUMN customer_id TO custmer_id")
    with pytest.raises(
        ExtractError, match=r"orders has no column customer_id\. Is it custmer_id for customer_id\?"
    ):
        shop.extract()


def test_a_lost_connection_is_tried_again_and_a_refused_login_is_not(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", postgresql)
    Orders(postgresql).add((1, "2026-03-01 10:00:00"))
    waits: list[float] = []
    monkeypatch.setattr(attempts.time, "sleep", waits.append)
    user, place = f"{SUPERUSER}:{PASSWORD}", postgresql.rpartition("@")[2]
    canary = "Kanarienvogel/4711@x"
    for address, told, tries in (
        ("postgresql://churn:${CANARY}@127.0.0.1:1/postgres", "does not answer", 2),
        (f"postgresql://churn:${{CANARY}}@{place}", "refuses.*password authentication failed", 0),
    ):
        monkeypatch.setenv("CANARY", canary)
        source = contract(tmp_path, address, "postgresql")
        with pytest.raises(ExtractError, match=told) as error:
            extract_new(asker_of(source), str(tmp_path / "landing"), str(tmp_path), EVENING)
        assert len(waits) == tries
        waits.clear()
        assert "Kanarienvogel" not in str(error.value) and error.value.__cause__ is None
        assert user not in str(error.value)


@pytest.mark.parametrize(
    ("location", "environ", "told"),
    [
        ("${SHOP_URL}", {}, "SHOP_URL is not set"),
        ("${SHOP_URL}", {"SHOP_URL_FILE": "/nowhere"}, "SHOP_URL_FILE names cannot be read"),
        ("${SHOP_URL}", {"SHOP_URL": "Kanarienvogel"}, "no address of sqlite"),
        ("${SHOP_URL}", {"SHOP_URL": "mysql://a:Kanarienvogel@b/c"}, "no address of sqlite"),
        ("sqlite:////nowhere/shop.db", {}, "no database file /nowhere/shop.db"),
    ],
)
def test_a_wrong_location_is_told_without_its_secrets(
    tmp_path: Path, location: str, environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ExtractError, match=told) as error:
        extract_new(asker_of(contract(tmp_path, location), environ), str(tmp_path), str(tmp_path), EVENING)
    assert "Kanarienvogel" not in str(error.value)


def test_a_missing_driver_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    source = contract(tmp_path, "mysql://reader@host/shop", "mysql")
    try:
        import pymysql  # noqa: F401
    except ImportError:
        with pytest.raises(ExtractError, match=r"Run `pip install 'churn-assets\[mysql\]'`"):
            extract_new(asker_of(source), str(tmp_path), str(tmp_path), EVENING)
    else:
        pytest.skip("the driver is installed here")


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"sqlite:///{tmp_path / 'shop.db'}\n", encoding="utf-8")
    Orders(f"sqlite:///{tmp_path / 'shop.db'}").add((1, "2026-03-01 10:00:00"))
    draft = tmp_path / "draft"
    draft.mkdir()
    environ = {"SHOP_URL_FILE": str(secret)}
    done = extract_new(
        asker_of(contract(tmp_path, "${SHOP_URL}"), environ), str(tmp_path / "landing"), str(draft), EVENING
    )
    assert done.record.rows == 1
