"""Dagster's event log in SQLite, at half its cost."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster import EventLogEntry, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect

BUSY_SECONDS = 60
MOST_ENGINES = 32  # a file per run; Dagster's page reads those of many runs


class _Storing(threading.local):
    """The event that this thread stores.

    Attributes:
        until: closes at its end; None while no event is stored.
        connection: the transaction on the index, once one is needed.
    """

    until: ExitStack | None = None
    connection: Connection | None = None


class EventLog(SqliteEventLogStorage):
    """Dagster's own storage, in the same files, with one engine per file and one transaction on the index per event.

    Dagster makes an engine per statement, and a new engine compiles each statement anew. Connections are closed after
    each event as before: only then SQLite writes to the file of the run, which Dagster's page watches.

    `dagster.yaml` names this class.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._one_connection = threading.RLock()
        self._tables: set[str] = set()
        self._storing = _Storing()
        super().__init__(base_dir, inst_data)  # needs a connection

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """Returns the configuration: the folder that DAGSTER_HOME names."""
        return {"dagster_home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "EventLog":
        """Returns the storage in the folder in which Dagster keeps its events by default."""
        return cls(str(Path(config_value["dagster_home"], "history", "runs")), inst_data)

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[Connection]:
        """Returns a transaction on the events of one run."""
        shard = str(run_id)
        if shard not in self._engines:
            with super().run_connection(run_id):
                pass  # makes the file and its tables
        with self._transaction(shard) as connection:
            yield connection

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        """Returns a transaction on the events of assets and on the status of all runs."""
        if INDEX_SHARD_NAME not in self._engines:
            with super().index_connection():
                pass
        storing = self._storing
        if storing.until is None:
            with self._transaction(INDEX_SHARD_NAME) as connection:
                yield connection
            return
        if storing.connection is None:
            storing.connection = storing.until.enter_context(self._transaction(INDEX_SHARD_NAME))
        yield storing.connection

    def store_event(self, event: EventLogEntry) -> None:
        """Stores an event in the file of its run; in the index all of it or nothing, where Dagster commits thrice."""
        with ExitStack() as until:
            self._storing.until = until
            try:
                super().store_event(event)
            finally:
                self._storing.until = self._storing.connection = None

    def has_table(self, table_name: str) -> bool:
        """Returns whether the index has this table; without the lock, because a transaction may be open."""
        if table_name not in self._tables and inspect(self._engine(INDEX_SHARD_NAME)).has_table(table_name):
            self._tables.add(table_name)  # asked for every check of a run
        return table_name in self._tables

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        with self._one_connection, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            if len(self._engines) >= MOST_ENGINES:
                self._engines.clear()
            url, timeout = self.conn_string_for_shard(shard), {"timeout": BUSY_SECONDS}
            engine = self._engines[shard] = create_engine(url, poolclass=NullPool, connect_args=timeout)
        return engine

    def wipe(self) -> None:
        """Deletes all events; the files of the runs are made anew when they are needed."""
        self._engines.clear()
        self._tables.clear()
        super().wipe()
