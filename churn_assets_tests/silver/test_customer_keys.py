"""One key per customer, also when two runs give keys at once."""

import threading
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.silver import assets as silver
from churn_assets.silver.conform import conform
from churn_assets.silver.customer_keys import delivered_ids
from churn_assets_tests.lakes import (
    business_copy,
    edit_yaml,
    settings_for,
    small_business,
    to_bronze,
    write_csv,
)
from churn_assets_tests.worlds import Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHS = ["2025-01"]
KEYS = dg.AssetSelection.assets(tables.CUSTOMER_KEYS.key)


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path) -> Lake:
    """Tickets of two customers in bronze; nobody has a key yet."""
    settings = settings_for(tmp_path, small_business(tmp_path))
    lake = Lake(settings, load_business(settings.business_path))
    for source in lake.business.sources:
        rows = [{column.field: f"C{n}" for column in source.columns} for n in range(2)]
        if source.format == "csv":
            write_csv(settings.landing_uri, source.name, "2025-01-31", rows)
    to_bronze(lake.lakehouse, lake.business, MONTHS)
    return lake


@pytest.mark.one_engine(reason="about two runs; the engine only reads the ids")
def test_two_runs_at_once_give_a_customer_one_key(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by hand does not wait in the queue; each would draw a key for an id that it has found without one."""
    both, draw = threading.Barrier(2), silver.new_keys

    def drawn_together(*frames: Any) -> Any:
        with suppress(threading.BrokenBarrierError):  # the other one waits until this one has written
            both.wait(5)
        return draw(*frames)

    monkeypatch.setattr(silver, "new_keys", drawn_together)
    results: list[dg.ExecuteInProcessResult] = []
    runs = [threading.Thread(target=lambda: results.append(lake.run(KEYS, MONTHS))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [failures(result) for result in results] == [{}, {}]
    keys = lake.lakehouse.arrow(tables.CUSTOMER_KEYS).to_pydict()
    assert len(keys["customer_id"]) == len(set(keys["customer_id"])) > 0


def test_ids_that_have_two_keys_already_are_told_from_a_bad_draw(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running again heals a bad draw only."""
    from pyspark.sql import functions as F

    with monkeypatch.context() as patch:
        same = F.lit("same")
        drawn = lambda ids, *_: ids.select("customer_id").distinct().withColumn("customer_key", same)  # noqa: E731
        patch.setattr(silver, "new_keys", drawn)
        said = failures(lake.run(KEYS, MONTHS))["silver__customer_keys"]
        assert "one was drawn twice" in said and "Run it again" in said
    twice = pa.table({"customer_id": ["C0", "C0"], "customer_key": ["a", "b"]})
    lake.lakehouse.append_rows(tables.CUSTOMER_KEYS, twice, run_id="two at once")
    said = failures(lake.run(KEYS, MONTHS))["silver__customer_keys"]
    assert "2 rows for 1 id and 2 keys already" in said and "Restore it" in said
    assert "C0" not in said and "Run again" not in said


def test_a_nested_id_of_a_customer_gets_a_key(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    file = folder / "contracts" / "tickets.yaml"
    edit_yaml(file, lambda c: c["schema"][0]["properties"][1].update(physicalName="customer.id"))
    source = load_source(file)
    row = ('{"id": "C7"}', "2025-01")
    frame = spark.createDataFrame([row], "customer string, extract_month string")
    assert [r["customer_id"] for r in delivered_ids([(source, frame)]).collect()] == ["C7"]


def test_an_id_that_the_contract_transforms_gets_its_key_under_the_same_name(
    spark: "SparkSession", tmp_path: Path
) -> None:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    edit_yaml(
        file,
        lambda c: c["schema"][0]["properties"][1].update(transformLogic="concat(upper(customer_id), ' ')"),
    )
    source = load_source(file)
    row = {"customer_id": " c7", "extract_date": date(2025, 1, 7), "row_number": 1}
    names = spark.createDataFrame([], tables.bronze(source).ddl).columns
    bronze = spark.createDataFrame([tuple(row.get(n) for n in names)], tables.bronze(source).ddl)
    assert [r["customer_id"] for r in delivered_ids([(source, bronze)]).collect()] == ["C7"]
    assert [r["customer_id"] for r in conform(bronze, source).collect()] == ["C7"]
