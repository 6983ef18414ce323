"""A release in PostgreSQL and in a DuckDB file: whole, again, changed, killed, and without a word too many."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest

from churn_assets.local_servers.postgresql import SUPERUSER, PostgresqlServer, programs
from churn_assets.serving.publication.databases import READER
from churn_assets.serving.publication.published_tables import PublishedTable, published_tables
from churn_assets.serving.publication.publishing import publish, replace_rows
from churn_assets.serving.publication.statements import PublicationError
from churn_assets.serving.release.reading import Release, current_release, local_copy, open_release
from churn_assets_tests.serving.release import made
from churn_assets_tests.sources.databases.shop import PASSWORD

pytestmark = pytest.mark.one_python(reason="PostgreSQL and DuckDB keep the tables")

Rows = list[tuple[Any, ...]]
KEYS = made.KEYS[:3]
SCORES = pa.table(
    {
        "customer_key": KEYS,
        "as_of_date": pa.array([date(2025, 12, 31)] * 3),
        "model_version": ["3"] * 3,
        "probability": [0.1, 0.5, 0.9],
        "decile": pa.array([10, 5, 1], pa.int32()),
        "reason_1": ["it's 20 % dearer", 'few calls; "none"', None],
        "reason_2": [None, "contract ends in 3 days", None],
        "reason_3": pa.array([None] * 3, pa.string()),
    }
)
ODD = PublishedTable(
    "segments",
    pa.table(
        {
            "customer_key": KEYS[:2],
            "price": pa.array([Decimal("10.20"), None], pa.decimal128(10, 2)),
            "at": pa.array([datetime(2025, 12, 31, 23, 30, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "known": [True, None],
            "extracts": pa.array([["a", "b"], []], pa.list_(pa.string())),
            "left": pa.array([None, None], pa.date32()),
        }
    ),
    "one row per customer",
    {"price": "What it costs: 'all' 100 %."},
)
NAMES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'churn_assets'"
KILLED = """
import os, signal, sys
from churn_assets.serving.publication.publishing import replace_rows
from churn_assets_tests.serving.publication.test_publication import some

def tables():
    yield some(number=2)
    print("begun", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

replace_rows(sys.argv[1], tables())
"""


def some(name: str = "scores", number: int = 1, **columns: pa.Array) -> PublishedTable:
    """A small table whose rows tell the number of the publication."""
    rows = pa.table({"customer_key": KEYS[:number], "number": pa.array([number] * number), **columns})
    return PublishedTable(name, rows, "one row per customer", {"number": "Of the publication."})


@dataclass(frozen=True)
class Target:
    """A database to publish to, and a way to look into it."""

    address: str
    query: Callable[[str], Rows]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed on this machine")
    with PostgresqlServer(PASSWORD) as server:
        yield server.place


@pytest.fixture(params=["duckdb", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """An empty database."""
    if request.param == "duckdb":
        file = tmp_path / "churn.duckdb"

        def of_file(statement: str) -> Rows:
            with duckdb.connect(str(file)) as opened:
                opened.execute("SET TimeZone = 'UTC'")
                return opened.execute(statement).fetchall()

        yield Target(f"duckdb:{file}", of_file)
        return
    address = f"postgresql://{SUPERUSER}:{PASSWORD}@{request.getfixturevalue('postgresql')}"

    def of_server(statement: str) -> Rows:
        with psycopg.connect(address, autocommit=True) as opened:
            opened.execute("SET TIME ZONE 'UTC'")
            cursor = opened.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    yield Target(address, of_server)
    of_server("DROP SCHEMA IF EXISTS churn_assets CASCADE")
    of_server(f"DROP ROLE IF EXISTS {READER}")


def release_of(folder: Path, **tables: pa.Table) -> Release:
    """A release with these tables beside its customers."""
    made.publish(folder, **tables)
    pointer = current_release(str(folder))
    assert pointer is not None
    return open_release(local_copy(str(folder), pointer, folder))


def test_all_tables_of_a_release_can_be_queried(target: Target, tmp_path: Path) -> None:
    release = release_of(tmp_path / "serving", scores=SCORES)
    told = publish(release, target.address)
    assert told.rows == {"customers": 200, "scores": 3, "reasons": 3, "release": 1}
    assert told.absent["churn_rates"] == "gold/churn_rates was never materialised"
    assert target.query("SELECT count(*) FROM churn_assets.customers") == [(200,)]
    assert target.query("SELECT customer_key, probability, decile FROM churn_assets.scores ORDER BY 1") == [
        (KEYS[0], 0.1, 10),
        (KEYS[1], 0.5, 5),
        (KEYS[2], 0.9, 1),
    ]
    assert target.query("SELECT customer_key, place, reason FROM churn_assets.reasons ORDER BY 1, 2") == [
        (KEYS[0], 1, "it's 20 % dearer"),
        (KEYS[1], 1, 'few calls; "none"'),
        (KEYS[1], 2, "contract ends in 3 days"),
    ]
    assert target.query("SELECT release, as_of_date FROM churn_assets.release") == [
        (release.name, "2025-12-31")
    ]


def test_every_type_comes_back_as_it_was(target: Target) -> None:
    replace_rows(target.address, [ODD])
    found = target.query(
        'SELECT customer_key, price, "at", known, extracts, "left" FROM churn_assets.segments ORDER BY 1'
    )
    assert found == [
        (KEYS[0], Decimal("10.20"), datetime(2025, 12, 31, 23, 30, tzinfo=UTC), True, ["a", "b"], None),
        (KEYS[1], None, None, None, [], None),
    ]
    assert replace_rows(target.address, [ODD])[0] == {"segments": 2}, "the types are found as they were made"


def test_tables_and_columns_say_what_they_mean(target: Target) -> None:
    replace_rows(target.address, [ODD])
    if target.address.startswith("duckdb"):
        table = target.query("SELECT comment FROM duckdb_tables() WHERE table_name = 'segments'")
        price = target.query("SELECT comment FROM duckdb_columns() WHERE column_name = 'price'")
    else:
        table = target.query("SELECT obj_description('churn_assets.segments'::regclass)")
        price = target.query("SELECT col_description('churn_assets.segments'::regclass, 2)")
    assert (table, price) == ([("one row per customer",)], [("What it costs: 'all' 100 %.",)])


def test_a_view_of_a_user_stays_and_shows_the_new_rows(target: Target) -> None:
    replace_rows(target.address, [some(number=1)])
    target.query("CREATE VIEW churn_assets.mine AS SELECT customer_key, number FROM churn_assets.scores")
    for _ in range(2):
        replace_rows(target.address, [some(number=2, reason=pa.array(["new", "new"]))])
        assert target.query("SELECT number FROM churn_assets.mine") == [(2,), (2,)]
    assert target.query("SELECT reason FROM churn_assets.scores") == [("new",), ("new",)]
    replace_rows(target.address, [some(number=3)])
    assert target.query("SELECT DISTINCT reason FROM churn_assets.scores") == [(None,)], (
        "the column is not told any more"
    )


def test_a_column_of_another_type_is_refused_with_the_remedy(target: Target) -> None:
    replace_rows(target.address, [some(number=1)])
    text = PublishedTable("scores", pa.table({"number": ["one"]}), "", {})
    with pytest.raises(
        PublicationError, match=r"number of churn_assets\.scores is of type integer, and the release has text"
    ):
        replace_rows(target.address, [some("reasons"), text])
    assert target.query("SELECT number FROM churn_assets.scores") == [(1,)]
    assert target.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'churn_assets'"
    ) == [("scores",)]


def test_what_the_release_does_not_hold_any_more_is_emptied(target: Target, tmp_path: Path) -> None:
    publish(release_of(tmp_path / "first", scores=SCORES), target.address)
    told = publish(release_of(tmp_path / "second"), target.address)
    assert "scores" in told.absent
    assert target.query("SELECT count(*) FROM churn_assets.scores") == [(0,)]
    assert target.query("SELECT count(*) FROM churn_assets.reasons") == [(0,)]


def test_a_kill_in_the_middle_leaves_the_former_rows(target: Target) -> None:
    replace_rows(target.address, [some(number=1)])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, target.address],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "begun\n"), killed.stderr
    assert target.query("SELECT number FROM churn_assets.scores") == [(1,)]
    replace_rows(target.address, [some(number=3)])
    assert target.query("SELECT number FROM churn_assets.scores") == [(3,), (3,), (3,)]


def _all_text(query: Callable[[str], Rows], tables: Sequence[str]) -> str:
    return "\n".join(str(query(f"SELECT * FROM churn_assets.{name}")) for name in tables)


def test_only_known_tables_are_published_and_customers_are_keys(target: Target, tmp_path: Path) -> None:
    """The objections of a release, and whatever else it holds, stay in it."""
    secret = pa.table({"customer_key": ["canary-objection"]})
    release = release_of(tmp_path / "serving", scores=SCORES, objections=secret, notes=secret)
    told = publish(release, target.address)
    assert set(told.rows) == {table.name for table in published_tables(release)}
    assert {name for (name,) in target.query(NAMES)} == set(told.rows)
    assert "canary" not in _all_text(target.query, list(told.rows))


def test_rows_that_the_database_swallows_are_told(postgresql: str) -> None:
    address = f"postgresql://{SUPERUSER}:{PASSWORD}@{postgresql}"
    replace_rows(address, [some(number=1)])
    try:
        with psycopg.connect(address, autocommit=True) as opened:
            nothing = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
            opened.execute(nothing)
            opened.execute(
                "CREATE TRIGGER swallows BEFORE INSERT ON churn_assets.scores FOR EACH ROW EXECUTE FUNCTION swallow()"
            )
        with pytest.raises(PublicationError, match=r"scores\" holds 0 rows, and the release 2\. A trigger"):
            replace_rows(address, [some(number=2)])
        with psycopg.connect(address) as opened:
            assert opened.execute("SELECT number FROM churn_assets.scores").fetchall() == [(1,)]
    finally:
        with psycopg.connect(address, autocommit=True) as opened:
            opened.execute("DROP SCHEMA churn_assets CASCADE")
            opened.execute(f"DROP ROLE {READER}")
            opened.execute("DROP FUNCTION swallow")


def test_the_reader_may_read_and_not_write(postgresql: str) -> None:
    address = f"postgresql://{SUPERUSER}:{PASSWORD}@{postgresql}"
    try:
        assert replace_rows(address, [some(number=1)])[1] == ""
        with psycopg.connect(address, autocommit=True) as opened:
            opened.execute(f"SET ROLE {READER}")
            assert opened.execute("SELECT number FROM churn_assets.scores").fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                opened.execute("DELETE FROM churn_assets.scores")
    finally:
        with psycopg.connect(address, autocommit=True) as opened:
            opened.execute("DROP SCHEMA churn_assets CASCADE")
            opened.execute(f"DROP ROLE {READER}")


def test_a_user_who_may_not_make_the_role_is_told_what_to_ask_for(postgresql: str) -> None:
    with psycopg.connect(f"postgresql://{SUPERUSER}:{PASSWORD}@{postgresql}", autocommit=True) as opened:
        opened.execute("CREATE ROLE loader LOGIN PASSWORD 'loading'")
        opened.execute("CREATE DATABASE reports OWNER loader")
    try:
        address = f"postgresql://loader:loading@{postgresql.replace('/postgres', '/reports')}"
        rows, note = replace_rows(address, [some(number=1)])
        assert rows == {"scores": 1} and f"CREATE ROLE {READER} NOLOGIN" in note
        with psycopg.connect(address) as opened:
            assert opened.execute("SELECT number FROM churn_assets.scores").fetchall() == [(1,)], (
                "the rows are there"
            )
    finally:
        with psycopg.connect(f"postgresql://{SUPERUSER}:{PASSWORD}@{postgresql}", autocommit=True) as opened:
            opened.execute("DROP DATABASE reports")
            opened.execute("DROP ROLE loader")


def test_a_wrong_password_is_not_in_the_message(postgresql: str) -> None:
    with pytest.raises(PublicationError) as told:
        replace_rows(f"postgresql://{SUPERUSER}:wrong-geheim@{postgresql}", [some()])
    assert "wrong-geheim" not in str(told.value) and "password authentication failed" in str(told.value)
    assert told.value.__cause__ is None and told.value.__suppress_context__


@pytest.mark.parametrize(
    "address",
    [
        "mysql://me:geheim@host/db",
        "postgresql:me:geheim@host",
        "duckdb:",
        "postgresql://me:geheim@host:port/db",
    ],
)
def test_a_wrong_address_is_told_without_its_password(address: str) -> None:
    with pytest.raises(PublicationError) as told:
        replace_rows(address, [])
    assert "geheim" not in str(told.value)
    assert "Write postgresql://user@host:5432/database" in str(told.value)


def test_a_file_may_be_called_like_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "churn_assets.duckdb"
    for number in (1, 2):
        replace_rows(f"duckdb:{file}", [some(number=number)])
    with duckdb.connect(str(file), read_only=True) as opened:
        rows = opened.execute("SELECT number FROM churn_assets.churn_assets.scores").fetchall()
    assert rows == [(2,), (2,)]


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but a text that is longer than a header " * 200, encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(PublicationError, match="cannot be opened"):
        replace_rows(f"duckdb:{file}", [some()])
    assert file.read_bytes() == before
