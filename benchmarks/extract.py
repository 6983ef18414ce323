"""Memory and time of one extract from SQLite, or from a REST service that gives pages of 1,000 documents.

python -m benchmarks.extract [--kind api] [--rows 1000000]
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: benchmark-orders
name: orders
version: 1.0.0
status: active
servers:
  - server: shop
    type: KIND
    location: ${BENCHMARK_URL}
    customProperties: [ASKED, {property: cursor, value: ordered_at}]
schema:
  - name: orders
    properties:
      - {name: order_id, logicalType: integer, required: true, primaryKey: true}
      - {name: customer_id, logicalType: string, required: true, classification: personal}
      - {name: ordered_at, logicalType: timestamp, required: true}
      - {name: amount, logicalType: number, physicalType: "decimal(10,2)"}
      - {name: channel, logicalType: string}
      - {name: note, logicalType: string, classification: personal}
customProperties:
  - {property: role, value: event}
  - {property: delivery, value: changes}
  - {property: customer, value: customer_id}
  - {property: eventTime, value: ordered_at}
"""


ASKED = {
    "sqlite": "{property: table, value: benchmark_orders}",
    "api": "{property: paginator, value: {kind: page, parameter: page, first: 0}}",
}
COLUMNS = ("order_id", "customer_id", "ordered_at", "amount", "channel", "note")
BEGIN, PAGE = datetime(2025, 1, 1, tzinfo=UTC), 1_000


def order(n: int) -> tuple[object, ...]:
    """The values of an order."""
    return (
        n,
        f"C{n % 50_000:07d}",
        f"{BEGIN + timedelta(seconds=20 * n):%Y-%m-%d %H:%M:%S}",
        n % 10_000 / 100,
        ("shop", "web", "phone")[n % 3],
        f"order {n} of a customer who wrote a longer note {n * 7919 % 104_729}",
    )


@contextmanager
def served(rows: int) -> Iterator[str]:
    """A service with these orders; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            first = PAGE * int(parse_qs(urlsplit(self.path).query)["page"][0])
            some = range(first, min(first + PAGE, rows))
            body = json.dumps([dict(zip(COLUMNS, order(n), strict=True)) for n in some]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Requests are not logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fill(file: str, rows: int) -> None:
    """Makes the table."""
    orders = map(order, range(rows))
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE benchmark_orders (order_id INTEGER, customer_id TEXT, ordered_at TEXT, amount REAL, "
            "channel TEXT, note TEXT)"
        )
        connection.executemany("INSERT INTO benchmark_orders VALUES (?, ?, ?, ?, ?, ?)", orders)
    connection.close()


def extract(folder: Path, kind: str) -> None:
    """One extract; prints its rows, seconds, bytes, and the most memory of this process."""
    from churn_assets.contracts.contract import load_source
    from churn_assets.extracts.asking import asker_of
    from churn_assets.sources.live.extract import extract_new

    (folder / "orders.yaml").write_text(
        CONTRACT.replace("KIND", kind).replace("ASKED", ASKED[kind]), encoding="utf-8"
    )
    source = load_source(folder / "orders.yaml")
    (folder / "draft").mkdir()
    done = extract_new(asker_of(source), str(folder / "landing"), str(folder / "draft"), datetime.now(UTC))
    spent = time.process_time()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(
        f"{done.record.rows:,} rows, {done.size / 2**20:.1f} MiB, {done.seconds:.1f} s ({spent:.0f} s of processor), "
        f"{most:.0f} MiB of memory"
    )


def main() -> None:
    """Makes the source and extracts it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=ASKED, default="sqlite")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        extract(asked.only, asked.kind)
        return
    with tempfile.TemporaryDirectory() as place, served(asked.rows) as address:
        if asked.kind == "sqlite":
            fill(f"{place}/shop.db", asked.rows)
            address = f"sqlite:///{place}/shop.db"
        command = [sys.executable, "-m", "benchmarks.extract", "--kind", asked.kind, "--only", place]
        subprocess.run(command, env=os.environ | {"BENCHMARK_URL": address}, check=True)


if __name__ == "__main__":
    main()
