"""SQLite databases of MLflow and Dagster without what costs hundreds of tests their time and none of them asks for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import in_memory as events_in_memory
from dagster._core.storage.runs import in_memory as runs_in_memory
from sqlalchemy import Engine, event, inspect
from sqlalchemy.pool import SingletonThreadPool

OF_MLFLOW = "mlflow/store/db_migrations"


@contextmanager
def quick_databases(folder: Path) -> Iterator[None]:
    """Within the block this process waits for no disk when it commits, and migrates one database of MLflow.

    A new database of MLflow goes through 60 migrations: 1.8 CPU seconds and some hundred commits. The first is made in
    `folder`; each new one of this process is a copy of it. Besides, the versions of a schema are read once and not for
    each database: Dagster reads 89 of them to note the number of the newest one in an instance in memory.

    An instance of Dagster in memory keeps a connection for each thread, where Dagster opens one for each event; and its
    schema is known to be the newest, where Dagster looks at it again for each event of an asset.

    Processes that tests start have databases as shipped.
    """
    read, upgrade = ScriptDirectory.from_config, command.upgrade
    known: dict[str | None, ScriptDirectory] = {}
    migrated = folder / "mlflow.db"

    def read_once(config: Any) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    def migrate() -> None:
        from mlflow.store.db import utils

        engine = utils.create_sqlalchemy_engine(f"sqlite:///{migrated}")
        utils._initialize_tables(engine)
        engine.dispose()

    def upgrade_by_copy(config: Any, revision: str, *others: Any, **named: Any) -> None:
        connection, place = config.attributes.get("connection"), config.get_main_option("script_location")
        is_new = (
            place.endswith(OF_MLFLOW)
            and connection.dialect.name == "sqlite"
            and Path(connection.engine.url.database) != migrated
            and not inspect(connection).has_table("alembic_version")
        )
        if not is_new:
            return upgrade(config, revision, *others, **named)
        if not migrated.exists():
            migrate()
        with closing(sqlite3.connect(migrated)) as made:
            return made.backup(connection.connection.driver_connection)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ScriptDirectory, "from_config", read_once)
        patched.setattr(command, "upgrade", upgrade_by_copy)
        for module in (events_in_memory, runs_in_memory):
            patched.setattr(module, "NullPool", SingletonThreadPool)
        patched.setattr(
            events_in_memory.InMemoryEventLogStorage, "_has_asset_key_index_cols_on_connection", _is_newest
        )
        event.listen(Engine, "connect", _waits_for_no_disk)
        yield
        event.remove(Engine, "connect", _waits_for_no_disk)


def _is_newest(_storage: object, _connection: object) -> bool:
    return True


def _waits_for_no_disk(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF").close()
