"""Memory and time of one extract from SQLite or, with an address, from a database of your own.

    python -m benchmarks.extract [--rows 1000000] [--url postgresql+psycopg://user:password@host/database]

Makes the table `benchmark_orders` and drops it at the end.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

BATCH = 20_000
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: benchmark-orders
name: orders
version: 1.0.0
status: active
servers:
  - server: shop
    type: {kind}
    location: ${{BENCHMARK_URL}}
    customProperties: [{{property: table, value: benchmark_orders}}, {{property: cursor, value: ordered_at}}]
schema:
  - name: orders
    properties:
      - {{name: order_id, logicalType: integer, required: true, primaryKey: true}}
      - {{name: customer_id, logicalType: string, required: true, classification: personal}}
      - {{name: ordered_at, logicalType: timestamp, required: true}}
      - {{name: amount, logicalType: number, physicalType: "decimal(10,2)"}}
      - {{name: channel, logicalType: string}}
      - {{name: note, logicalType: string, classification: personal}}
customProperties:
  - {{property: role, value: event}}
  - {{property: delivery, value: changes}}
  - {{property: customer, value: customer_id}}
  - {{property: eventTime, value: ordered_at}}
"""


def fill(url: str, rows: int) -> None:
    """Makes the table."""
    from sqlalchemy import create_engine, text

    kind = "TEXT" if url.startswith("sqlite") else "TIMESTAMPTZ"
    insert = text("INSERT INTO benchmark_orders VALUES (:n, :c, :t, :a, :k, :d)")
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    with create_engine(url).begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS benchmark_orders"))
        connection.execute(
            text(
                f"CREATE TABLE benchmark_orders (order_id INTEGER, customer_id TEXT, ordered_at {kind}, "
                "amount NUMERIC(10,2), channel TEXT, note TEXT)"
            )
        )
        for first in range(0, rows, BATCH):
            connection.execute(
                insert,
                [
                    {
                        "n": n,
                        "c": f"C{n % 50_000:07d}",
                        "t": f"{begin + timedelta(seconds=20 * n):%Y-%m-%d %H:%M:%S}",
                        "a": n % 10_000 / 100,
                        "k": ("shop", "web", "phone")[n % 3],
                        "d": f"order {n} of a customer who wrote a longer note {n * 7919 % 104_729}",
                    }
                    for n in range(first, min(first + BATCH, rows))
                ],
            )


def extract(kind: str, folder: Path) -> None:
    """One extract; prints its rows, seconds, bytes, and the most memory of this process."""
    from churn_assets.contracts.contract import load_source
    from churn_assets.sources.databases.extract import extract_new

    (folder / "orders.yaml").write_text(CONTRACT.format(kind=kind), encoding="utf-8")
    source = load_source(folder / "orders.yaml")
    (folder / "draft").mkdir()
    done = extract_new(source, str(folder / "landing"), str(folder / "draft"), datetime.now(UTC))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(
        f"{done.record.rows:,} rows, {done.size / 2**20:.1f} MiB, {done.seconds:.1f} s, {most:.0f} MiB of memory"
    )


def main() -> None:
    """Fills the table and extracts it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        kind, folder = asked.only.split(":", 1)
        extract(kind, Path(folder))
        return
    with tempfile.TemporaryDirectory() as place:
        url = asked.url or f"sqlite:///{place}/shop.db"
        fill(url, asked.rows)
        kind = url.partition(":")[0].partition("+")[0]
        command = [sys.executable, "-m", "benchmarks.extract", "--only", f"{kind}:{place}"]
        subprocess.run(command, env=os.environ | {"BENCHMARK_URL": url}, check=True)


if __name__ == "__main__":
    main()
