"""A small source of orders in a database, for tests of extracts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import create_engine

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import Source
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.live.extract import Extract, extract_new

PASSWORD = "Blaubeere-77"  # of the PostgreSQL server
EVENING = datetime(2026, 3, 10, 23, 15, tzinfo=UTC)
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: test-orders
name: orders
version: 1.0.0
status: active
servers:
  - server: shop
    type: {kind}
    location: {location}
    customProperties: {own}
schema:
  - name: orders
    properties:
      - {{name: order_id, logicalType: integer, required: true, primaryKey: true}}
      - {{name: customer_id, logicalType: string, required: true, classification: personal}}
      - {{name: ordered_at, logicalType: timestamp, required: true}}
      - {{name: amount, logicalType: number, physicalType: "decimal(10,2)"}}
customProperties:
  - {{property: role, value: {role}}}
  - {{property: delivery, value: {delivery}}}
  - {{property: customer, value: customer_id}}
  {time}
"""
TABLE = (
    "CREATE TABLE orders (order_id INTEGER, customer_id TEXT, ordered_at {time}, amount NUMERIC(10,2), "
    "secret_note TEXT)"
)


def contract(
    folder: Path,
    location: str,
    kind: str = "sqlite",
    delivery: str = "changes",
    role: str = "event",
    **own: Any,
) -> Source:
    """The source of orders; `own` are properties of its server, by default the table and its cursor."""
    asked = own or {"table": "orders", "cursor": "ordered_at"}
    shown = [f"{{property: {name}, value: {value!r}}}" for name, value in asked.items()]
    text = CONTRACT.format(
        kind=kind,
        location=location,
        own=f"[{', '.join(shown)}]",
        role=role,
        delivery=delivery,
        time="- {property: eventTime, value: ordered_at}" if role == "event" else "",
    )
    file = folder / "orders.yaml"
    file.write_text(text, encoding="utf-8")
    return load_source(file)


class Orders:
    """The table of orders; times are texts in SQLite, moments in PostgreSQL, and without a zone in MySQL."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        kinds = {"sqlite": "TEXT", "postgresql": "TIMESTAMPTZ", "mysql": "DATETIME(6)"}
        self.run("DROP TABLE IF EXISTS orders", TABLE.format(time=kinds[self.engine.dialect.name]))

    def run(self, *statements: str) -> None:
        """Runs statements in one transaction."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def add(self, *orders: tuple[int, str | None]) -> None:
        """Adds orders of a number and a time."""
        for number, at in orders:
            time = f"'{at}'" if at else "NULL"
            self.run(
                "INSERT INTO orders (order_id, customer_id, ordered_at, amount) "
                f"VALUES ({number}, 'C{number}', {time}, {number}.50)"
            )


class Shop(NamedTuple):
    """A database with its orders, its contract and an empty landing zone."""

    orders: Orders
    source: Source
    landing: Path
    folder: Path
    location: str
    kind: str

    def extract(self, days: int = 0, source: Source | None = None) -> Extract:
        """An extract of so many days after the first evening."""
        return extract_new(
            asker_of(source or self.source), str(self.landing), self.draft(), EVENING + timedelta(days=days)
        )

    def draft(self) -> str:
        """An empty folder."""
        folder = self.folder / "draft" / str(len([*self.folder.glob("draft/*")]))
        folder.mkdir(parents=True)
        return str(folder)


def landed(landing: Path) -> pa.Table:
    """All rows of all files that bronze would read."""
    return pa.concat_tables(
        [pq.read_table(f, partitioning=None) for f in files(landing)], promote_options="permissive"
    )


def files(landing: Path) -> Sequence[Path]:
    """The files that bronze would read, in its order."""
    return sorted(f for f in landing.rglob("*.parquet") if not f.name.startswith("."))


def numbers(landing: Path) -> list[int]:
    """The numbers of all orders in the landing zone, repeats included."""
    return sorted(landed(landing)["order_id"].to_pylist())
