"""What MLflow and Dagster keep in PostgreSQL: dumped by pg_dump into the backup, read there by pg_restore.

A restore never writes into a server. It brings the dumps, and docs/backup.md tells how they get into a database.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from churn_assets.backup.manifest import DAGSTER_DUMP, MLFLOW_DUMP
from churn_assets.backup.restic import BackupError
from churn_assets.settings import Settings, is_uri, without_secrets

if TYPE_CHECKING:
    from sqlalchemy import URL

INSTALL = "Install PostgreSQL's client: apt install postgresql-client (Debian, Ubuntu)."
KINDS = ("postgresql", "postgres")
SECTIONS = ("storage", "run_storage", "event_log_storage", "schedule_storage")
OWN = ("churn_assets.", "dagster._core.storage.sqlite", "dagster._core.storage.runs.sqlite")
CONNECT_SECONDS = "15"
COPY = re.compile(r"^COPY (?:\S+\.)?(\S+) \((.*)\) FROM stdin;$")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
MEANT = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
SHOWN = 300
SECRET = re.compile("password|secret", re.IGNORECASE)


class NotDumped(BackupError):
    """A database that lies elsewhere cannot be dumped or asked; the message says why and what to do."""


@dataclass(frozen=True)
class PostgresqlAddress:
    """A database in PostgreSQL: how its clients are told of it, the password apart."""

    uri: str
    password: str | None

    def environment(self) -> dict[str, str]:
        """Of a client."""
        secret = {"PGPASSWORD": self.password} if self.password else {}
        return os.environ | {"PGCONNECT_TIMEOUT": CONNECT_SECONDS} | secret


def dump_all(settings: Settings, folder: Path) -> dict[str, str]:
    """Dumps what lies in PostgreSQL below the folder of a backup.

    Returns:
        store -> why it is not held, although it lies elsewhere.
    """
    lacking = dict[str, str]()
    kept: tuple[tuple[str, Callable[[], PostgresqlAddress | None], str], ...] = (
        ("mlflow.db", lambda: mlflow_address(settings), MLFLOW_DUMP),
        ("dagster", lambda: dagster_address(settings.home_path), DAGSTER_DUMP),
    )
    for store, find, dump in kept:
        try:
            if (address := find()) is not None:
                _dump(address, folder / dump)
        except NotDumped as error:
            (folder / dump).unlink(missing_ok=True)
            lacking[store] = str(error)
    return lacking


def mlflow_address(settings: Settings) -> PostgresqlAddress | None:
    """Where MLflow keeps its records; None if that is SQLite on this machine.

    Raises:
        NotDumped: it is neither.
    """
    uri = settings.mlflow_uri
    if uri.startswith("sqlite:///") or not is_uri(uri):
        return None
    if uri.split(":")[0].split("+")[0] in KINDS:
        return _address(uri)
    raise NotDumped(f"CHURN_TRACKING_URI is {without_secrets(uri)}: back it up where it lies")


def dagster_address(home: Path) -> PostgresqlAddress | None:
    """Where Dagster keeps its runs, by the file dagster.yaml of the home; None if that is SQLite there.

    Raises:
        NotDumped: it is neither, or the file cannot be read.
    """
    file = home / "dagster/dagster.yaml"
    if not file.is_file():
        return None
    try:
        content = _content(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        raise NotDumped(f"{file} cannot be read") from None
    found = None
    for section in (content[name] for name in SECTIONS if content.get(name)):
        if "sqlite" in section or str(section.get("module", "")).startswith(OWN):
            _require_here(section.get("sqlite") or section.get("config") or {}, home)
            continue
        stated = section.get("postgres") or section.get("config") or {}
        if "postgres" not in section and not str(section.get("module", "")).startswith("dagster_postgres"):
            raise NotDumped("dagster.yaml names a storage that is no PostgreSQL: back it up where it lies")
        found = _stated(stated)
    return found


@cache
def _content(text: str) -> Mapping[str, Any]:
    """Of a file in YAML; a backup asks several times."""
    found: Mapping[str, Any] = yaml.safe_load(text) or {}
    return found


def _require_here(stated: Mapping[str, Any], home: Path) -> None:
    """Checks that the SQLite files of a section of dagster.yaml lie in the home."""
    if folder := stated.get("base_dir"):
        place = Path(str(_value(folder))).expanduser().resolve()
        if not place.is_relative_to(home.resolve() / "dagster"):
            raise NotDumped(
                f"dagster.yaml puts Dagster's records into {place}: name no base_dir, or back it up there"
            )


def _stated(stated: Mapping[str, Any]) -> PostgresqlAddress:
    """The address in a section of dagster.yaml, whose values may be names of variables."""
    from sqlalchemy import URL

    if "postgres_url" in stated:
        return _address(str(_value(stated["postgres_url"])))
    section = stated.get("postgres_db") or {}
    parts = {name: _value(value) for name, value in section.items() if name != "params"}
    if not {"username", "hostname", "db_name"} <= parts.keys():
        raise NotDumped("dagster.yaml names a PostgreSQL without username, hostname or db_name")
    port = int(parts.get("port", 5432))
    user, host, name = (str(parts[key]) for key in ("username", "hostname", "db_name"))
    password = parts.get("password")
    query = {key: str(value) for key, value in (section.get("params") or {}).items()}
    return _told_apart(
        URL.create(KINDS[0], user, None if password is None else str(password), host, port, name, query)
    )


def _value(stated: Any) -> Any:
    if not isinstance(stated, dict):
        return stated
    name = str(stated.get("env"))
    if name not in os.environ:
        raise NotDumped(f"dagster.yaml takes its database from {name}, which is not set here: set it")
    return os.environ[name]


def _address(uri: str) -> PostgresqlAddress:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return _told_apart(make_url(uri))
    except ArgumentError:
        raise NotDumped(f"{without_secrets(uri)} is no address of a database") from None


def _told_apart(url: "URL") -> PostgresqlAddress:
    """An address without its password, which may stand in its query, too: everybody here sees a client's arguments.

    Raises:
        NotDumped: it has another secret, which a client takes as an argument only.
    """
    from sqlalchemy import URL

    stated, query = url.query.get("password", url.password), dict(url.query)
    query.pop("password", None)
    if left := sorted(name for name in query if SECRET.search(name)):
        raise NotDumped(
            f"the address of PostgreSQL has {', '.join(left)}, which others on this machine would see: put it into a "
            "service file of libpq, and name the service in its place"
        )
    bare = URL.create(KINDS[0], url.username, None, url.host, url.port, url.database, query)
    password = stated[-1] if isinstance(stated, tuple) else stated  # PostgreSQL takes the last one
    return PostgresqlAddress(bare.render_as_string(), None if password is None else str(password))


def in_flight(address: PostgresqlAddress, statuses: Sequence[str], own: str) -> dict[str, str]:
    """Runs of a Dagster in PostgreSQL that have begun and not ended: id -> job; `own` is left out.

    Raises:
        NotDumped: it cannot be asked.
    """
    listed = ", ".join(f"'{status}'" for status in statuses)
    query = f"SELECT json_build_array(run_id, pipeline_name) FROM runs WHERE status IN ({listed})"
    asked = [
        "psql",
        "--no-psqlrc",
        "--no-password",
        "--tuples-only",
        "--no-align",
        "--command",
        query,
        address.uri,
    ]
    rows = (json.loads(line) for line in _run(asked, address.environment()).splitlines() if line)
    return {run: job for run, job in rows if run != own}


def rows_of(dump: Path) -> dict[str, int]:
    """Table -> number of rows of a dump, all of which is read.

    Raises:
        NotDumped: it cannot be read.
    """
    found = dict[str, int]()
    with _copies(dump) as copies:
        for table, _, rows in copies:
            found[table] = sum(1 for _ in rows)
    return found


def table_of(dump: Path, name: str) -> tuple[list[str], list[list[str | None]]]:
    """Columns and rows of one table of a dump; none of a table that it does not have.

    Raises:
        NotDumped: it cannot be read.
    """
    with _copies(dump, "--table", name) as copies:
        for _, columns, rows in copies:
            return columns, [[_text(value) for value in row.split("\t")] for row in rows]
    return [], []


def _text(value: str) -> str | None:
    """A value as COPY writes it."""
    return None if value == r"\N" else ESCAPED.sub(lambda found: MEANT.get(found[1], found[1]), value)


@contextmanager
def _copies(dump: Path, *only: str) -> Iterator[Iterator[tuple[str, list[str], Iterator[str]]]]:
    """The tables of a dump: name, columns, and lines of rows, to be read in turn."""
    command = [_program("pg_restore"), "--data-only", *only, "--file=-", str(dump)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = (line.removesuffix("\n") for line in process.stdout or ())
        found = ((COPY.match(line), lines) for line in lines)
        yield (
            (head[1].strip('"'), [one.strip('"') for one in head[2].split(", ")], iter(rest.__next__, r"\."))
            for head, rest in found
            if head
        )
        for _ in lines:  # what was not asked for
            pass
        said = process.stderr.read() if process.stderr else ""
    if process.returncode:
        raise NotDumped(f"{dump.name} cannot be read: {said.strip()[:SHOWN]}")


def _dump(address: PostgresqlAddress, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    asked = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-password"]
    _run([*asked, f"--file={target}", address.uri], address.environment())


def _run(asked: Sequence[str], environment: Mapping[str, str]) -> str:
    command = [_program(asked[0]), *asked[1:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[:SHOWN]
        raise NotDumped(f"{asked[0]} failed: {without_secrets(said)}")
    return done.stdout


def _program(name: str) -> str:
    if (found := shutil.which(name)) is None:
        raise NotDumped(f"{name} is not installed. {INSTALL}")
    return found
