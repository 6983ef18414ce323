"""`python -m benchmarks.ticks FOLDER FILES`: measures sensor ticks over a landing zone of FILES files.

The first call writes the files; the next one measures. The ticks run as in the daemon: in a process that has loaded the
definitions and nothing else. Prints JSON, a row per tick: name, CPU seconds, MiB added to the process's peak memory.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

from churn_assets.automation.refresh_cohorts_sensor import COHORT_TABLES
from churn_assets.bronze.assets import EXTRACTS
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.graph.partitions import ingest_months, snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_start
from churn_assets.settings import Settings

CUSTOMERS = 5000


def deliver(settings: Settings, files: int) -> None:
    """Writes old files, spread over all sources and days of the shipped telecom business, and their rows in bronze."""
    business = load_business(settings.business_path)
    months = list(ingest_months(business).get_partition_keys())
    first = month_start(months[0])
    days = (month_end(months[-1]) - first).days + 1
    an_hour_ago = time.time() - 3600
    held: dict[str, list[dict[str, object]]] = {s.name: [] for s in business.sources}
    for i in range(files):
        source = business.sources[i % len(business.sources)]
        day = first + timedelta(days=i // len(business.sources) % days)
        name = f"{source.path}/extract_date={day}/part-{i}.{source.format}"
        file = Path(settings.landing_uri, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
        os.utime(file, (an_hour_ago, an_hour_ago))
        held[source.name].append({"extract_month": month_of(day), "source_file": name, "row_number": 1})
    lakehouse = Lakehouse(settings)
    for source in business.sources:
        table = tables.bronze(source)
        lakehouse.append_rows(table, table.rows(held[source.name]), run_id="bench")


def live(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Writes the rows and events of an operation in which every month is ingested and every cohort is made."""
    business, lakehouse = load_business(settings.business_path), Lakehouse(settings)
    months = list(ingest_months(business).get_partition_keys())
    passed = [
        {"source": s.name, "extract_month": m, "balances": True, "extract_dates": [month_end(m)]}
        for s in business.sources
        for m in months
    ]
    lakehouse.append_rows(tables.RECONCILIATION, tables.RECONCILIATION.rows(passed), run_id="bench")
    made = list(snapshot_months(business).get_partition_keys())
    for month in made:
        label = {"as_of_date": month_end(month), "outcome": "pending" if month >= made[-2] else "stayed"}
        labels = tables.CHURN_LABELS.rows([label] * CUSTOMERS)
        lakehouse.append_rows(tables.CHURN_LABELS, labels, run_id="bench")
    marks = {EXTRACTS: "0" * 16}
    for table in [*(tables.bronze(s) for s in business.sources), tables.RECONCILIATION]:
        _write(instance, table, months, marks)
    for table in COHORT_TABLES:
        _write(instance, table, made, {})


def _write(
    instance: dg.DagsterInstance, table: tables.Table, months: list[str], metadata: dict[str, Any]
) -> None:
    for month in months:
        event = dg.AssetMaterialization(table.key, partition=month, metadata=metadata)
        instance.report_runless_asset_event(event)


def ticks(settings: Settings, instance: dg.DagsterInstance) -> Iterator[tuple[str, float, float]]:
    """Yields (tick, CPU seconds, MiB) of two ticks per sensor on files and events: the first, and one without news."""
    process, looking = psutil.Process(), ("ingest_new_files_sensor", "refresh_cohorts_sensor")
    for sensor in (s for s in build_defs(settings).sensors or () if s.name in looking):
        cursor = None
        for what in ("first look", "nothing new"):
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"lakehouse": Lakehouse(settings)}
            )
            before, used = process.memory_info().rss, _cpu()
            result: Any = sensor(context)
            added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            yield f"{sensor.name}, {what}", _cpu() - used, added / 1024**2
            cursor = getattr(result, "cursor", None) or context.cursor


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    home, count = Settings(home=sys.argv[1]), int(sys.argv[2])
    home.home_path.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(sys.argv[1]) as log:
        if not Path(home.landing_uri).exists():
            deliver(home, count)
            live(home, log)
        else:
            print(json.dumps(list(ticks(home, log))))
