"""Rows of random texts become the same silver, quarantine and snapshots on both engines."""

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks.parity import differences
from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.settings import Settings
from churn_assets_tests.lakes import edit_yaml, ingest, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHS = ["2025-01", "2025-02", "2025-03"]
CUSTOMERS = 400
DAYS = ["2025-01-31", "2025-02-28", "2025-03-31"]
ODD = (
    *("", " ", "null", "x", "\u00e4\u00df\u2028", "'", '"', "\\", "a\nb", "true", "basic", "north", "price"),
    *(
        "0",
        "-0",
        "+7",
        "007",
        " 12 ",
        "1e3",
        "1E400",
        "NaN",
        "-Infinity",
        "0x1p3",
        "1d",
        "2.5F",
        "1_0",
        "\u0661\u0662",
    ),
    *("1.005", "9.999999999999999", "12345678901234567890", "1,5", ".5", "5.", "9999.995"),
    *(
        "2025-02-30",
        "2025-1-3",
        "31.01.2025",
        "0001-01-01",
        "9999-12-31",
        "2025-01-15T10:00:00Z",
        "2025-01-15",
    ),
    *("2024-12-31 23:59:59.999999", "2025-03-30T02:30:00+02:00"),
)
BUILD = "import sys; from churn_assets_tests.end_to_end.test_parity_of_random_rows import build; build(*sys.argv[1:])"


def build(home: str, business: str) -> None:
    """Bronze, silver and snapshots of what lies in the landing zone, on the engine of this process."""
    house, declared = (
        Lakehouse(Settings(home=home, business=business, spark_master="local[2]")),
        load_business(Path(business)),
    )
    ingest(house, declared, MONTHS)
    snapshots = customer_snapshots(house, declared, [month_end(m) for m in MONTHS]).snapshots.toArrow()
    # the engines do not guess alike which column of a frame holds no null; tables declare it
    plain = pa.schema([field.with_nullable(True) for field in snapshots.schema])
    write_deltalake(Path(house.settings.lake_uri) / "features" / "random", snapshots.cast(plain))


def _deliver(landing: str, seed: int) -> None:
    """Three months of three sources; one value in sixteen is odd, whatever its column."""
    chance = random.Random(seed)

    def odd(row: dict[str, object], *kept: str) -> dict[str, object]:
        return {
            name: chance.choice(ODD) if name not in kept and chance.random() < 0.06 else value
            for name, value in row.items()
        }

    for day in DAYS:
        people = [customer(n) | {"birth_date": "1970-01-01"} for n in range(CUSTOMERS)]
        spells = [subscription(n) | {"expires_on": "", "notice_on": ""} for n in range(CUSTOMERS)]
        calls = [ticket(n, f"NATID{n:04d}", f"{day[:8]}15T10:00:00Z") for n in range(CUSTOMERS)]
        calls = [call | {"ticket_id": f"{day}-{call['ticket_id']}"} for call in calls]
        write_csv(landing, "customers", day, [odd(row, "customer_id") for row in people])
        write_csv(landing, "subscriptions", day, [odd(row, "customer_id") for row in spells])
        write_jsonl(landing, "tickets", day, [odd(row, "customer_id", "issue") for row in calls])


@pytest.mark.jvm(reason="one of the two engines is Spark")
def test_random_rows_become_the_same_tables(spark: "SparkSession", as_shipped: None, tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    for name in ("customers", "subscriptions", "tickets"):
        edit_yaml(folder / "contracts" / f"{name}.yaml", lambda c: c["schema"][0].pop("quality"))
    homes = [tmp_path / engine for engine in ("spark", "sail")]
    _deliver(str(homes[0] / "landing"), seed=1)
    shutil.copytree(homes[0] / "landing", homes[1] / "landing")
    build(str(homes[0]), str(folder))
    keys = Path("lake", tables.CUSTOMER_KEYS.path)
    shutil.copytree(homes[0] / keys, homes[1] / keys)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(homes[1]), str(folder)],
        env=module_environment(CHURN_ENGINE="sail"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found, rows = differences(*(home / "lake" for home in homes))
    assert found == []
    assert rows["silver/quarantine"] > 50 and rows["silver/customers"] > 50
    assert rows["features/random"] > 50
