"""Memory and time of one extract from SQLite.

python -m benchmarks.extract [--rows 1000000]
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: benchmark-orders
name: orders
version: 1.0.0
status: active
servers:
  - server: shop
    type: sqlite
    location: ${BENCHMARK_URL}
    customProperties: [{property: table, value: benchmark_orders}, {property: cursor, value: ordered_at}]
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


def fill(file: str, rows: int) -> None:
    """Makes the table."""
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    orders = (
        (
            n,
            f"C{n % 50_000:07d}",
            f"{begin + timedelta(seconds=20 * n):%Y-%m-%d %H:%M:%S}",
            n % 10_000 / 100,
            ("shop", "web", "phone")[n % 3],
            f"order {n} of a customer who wrote a longer note {n * 7919 % 104_729}",
        )
        for n in range(rows)
    )
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE benchmark_orders (order_id INTEGER, customer_id TEXT, ordered_at TEXT, amount REAL, "
            "channel TEXT, note TEXT)"
        )
        connection.executemany("INSERT INTO benchmark_orders VALUES (?, ?, ?, ?, ?, ?)", orders)
    connection.close()


def extract(folder: Path) -> None:
    """One extract; prints its rows, seconds, bytes, and the most memory of this process."""
    from churn_assets.contracts.contract import load_source
    from churn_assets.extracts.asking import asker_of
    from churn_assets.sources.live.extract import extract_new

    (folder / "orders.yaml").write_text(CONTRACT, encoding="utf-8")
    source = load_source(folder / "orders.yaml")
    (folder / "draft").mkdir()
    done = extract_new(asker_of(source), str(folder / "landing"), str(folder / "draft"), datetime.now(UTC))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(
        f"{done.record.rows:,} rows, {done.size / 2**20:.1f} MiB, {done.seconds:.1f} s, {most:.0f} MiB of memory"
    )


def main() -> None:
    """Fills the table and extracts it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        extract(asked.only)
        return
    with tempfile.TemporaryDirectory() as place:
        fill(f"{place}/shop.db", asked.rows)
        command = [sys.executable, "-m", "benchmarks.extract", "--only", place]
        subprocess.run(command, env=os.environ | {"BENCHMARK_URL": f"sqlite:///{place}/shop.db"}, check=True)


if __name__ == "__main__":
    main()
