"""Bronze assets: every file of the landing zone is read, or listed with the reason."""

import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.bronze.assets import bronze_assets
from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.loader import load_business
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.conform import conform
from churn_assets.sources.landing import list_extracts
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import edit_yaml, extract_folder, settings_for, small_business

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "customers/extract_date=2025-01-31"
ODD_NAMES = (
    "part 1.csv",
    "part [1].csv",
    "{}.csv",
    "a?b.csv",
    "a*b.csv",
    "back\\slash.csv",
    "100 %.csv",
    "ä#b.csv",
)


def _ingest(
    lakehouse: Lakehouse, business: Path, months: tuple[str, str] = ("2025-01", "2025-01")
) -> dg.ExecuteInProcessResult:
    declared = load_business(business)
    return dg.materialize(
        bronze_assets(declared),
        selection=dg.AssetSelection.assets(tables.bronze(declared.source("customers")).key),
        resources={"lakehouse": lakehouse},
        tags=range_tags(months),
        raise_on_error=False,
    )


def _metadata(done: dg.ExecuteInProcessResult) -> dict[str, Any]:
    [made] = done.asset_materializations_for_node("bronze__customers")
    return {name: entry.value for name, entry in made.metadata.items()}


def test_every_file_is_read_once_or_listed_with_the_reason(spark: "SparkSession", tmp_path: Path) -> None:
    """A name is a name, never a pattern, and its ending goes by any case."""
    settings = settings_for(tmp_path, small_business(tmp_path))
    lakehouse = Lakehouse(settings)
    folder = extract_folder(settings.landing_uri, "customers", "2025-01-31")
    read = [*ODD_NAMES, "X.CSV", "x.csv.gz"]
    for number, name in enumerate(read):
        text = f"customer_id,status\nC{number},active\n".encode()
        (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    for name in ("_x.csv", ".x.csv", "x.csv.part"):
        (folder / name).write_text("customer_id,status\nC99,active\n")
    done = _ingest(lakehouse, settings.business_path)
    assert done.success
    table = tables.bronze(load_business(settings.business_path).source("customers"))
    held = {row["source_file"]: row["customer_id"] for row in lakehouse.arrow(table).to_pylist()}
    assert held == {f"{FOLDER}/{name}": f"C{number}" for number, name in enumerate(read)}
    told = _metadata(done)
    assert (told["files"], told["not read"]) == (len(read), 3)
    for name, reason in {
        "_x.csv": "begins with _",
        ".x.csv": "begins with .",
        "x.csv.part": "ends with .part",
    }.items():
        assert f"| {FOLDER}/{name} | its name {reason} |" in told["files not read"].replace("\\", "")
    counted = evaluations(done)["bronze/customers:every_row_of_every_file"]
    assert counted.passed and counted.metadata["rows"].value == len(read)


def test_all_files_that_cannot_be_used_are_named_at_once(spark: "SparkSession", tmp_path: Path) -> None:
    settings = settings_for(tmp_path, small_business(tmp_path))
    for month in ("01", "02"):
        folder = extract_folder(settings.landing_uri, "customers", f"2025-{month}-28")
        (folder / "good.csv").write_text("customer_id,status\nC1,active\n")
        (folder / "cut.csv").write_text("customer_id,status\nC1,active\nC2")
    (folder / "page.csv").write_text("<!DOCTYPE html><html>Please log in</html>")
    done = _ingest(Lakehouse(settings), settings.business_path, ("2025-01", "2025-02"))
    [told] = [found for name, found in evaluations(done).items() if not found.passed]
    for name in (
        "2025-01-28/cut.csv ends in the middle of row 2",
        "2025-02-28/cut.csv ends",
        "page.csv is a web page",
    ):
        assert name in told.description


def test_a_declared_dialect_is_read_up_to_silver(spark: "SparkSession", tmp_path: Path) -> None:
    """An export of a German Excel, compressed under a plain name."""
    business = small_business(tmp_path)
    own = {"delimiter": ";", "encoding": "windows-1252", "compression": "gz"}
    edit_yaml(business / "contracts" / "subscriptions.yaml", lambda c: _in_german(c, own))
    landing, source = tmp_path / "landing", load_business(business).source("subscriptions")
    text = (
        "subscription_id;customer_id;plan;contract_months;monthly_price;started_on\n"
        "S1;Jürgen;Größe „M“;12;1.234,50;31.12.2024\nS2;Käthe;Œuvre;12;12,5 €;01.01.2025\n"
    )
    content = text.encode("windows-1252") + b"S3;\x81;m;12;1,0;01.01.2025\n"
    (extract_folder(landing, "subscriptions", "2025-01-31") / "a.csv").write_bytes(gzip.compress(content))
    frame = read_extracts(spark, source, list_extracts(str(landing), source), str(tmp_path / "staged"))
    good, no_number, no_text = conform(frame, source).orderBy("row_number").collect()
    assert (good["customer_id"], good["plan"], good["refused_rule"]) == ("Jürgen", "Größe „M“", None)
    assert (good["monthly_price"], good["started_on"]) == (Decimal("1234.50"), date(2024, 12, 31))
    assert no_number["refused_reason"] == "monthly_price is not a number: 12,5 €"
    assert no_text["refused_rule"] == "unreadable"
    assert no_text["refused_reason"] == (
        f"the row holds 81 at byte {len(text) + 4} of the file, which is not windows-1252: name the encoding of the "
        "files as `encoding` in the contract's server"
    )


def _in_german(contract: dict[str, Any], own: dict[str, str]) -> None:
    listed = [{"property": name, "value": value} for name, value in own.items()]
    contract["servers"][0]["customProperties"] = listed
    columns = {column["name"]: column for column in contract["schema"][0]["properties"]}
    del columns["plan"]["quality"]
    signs = {"decimal": ",", "thousands": "."}
    del columns["monthly_price"]["logicalTypeOptions"]
    columns["monthly_price"]["customProperties"] = [
        {"property": name, "value": value} for name, value in signs.items()
    ]
    columns["started_on"]["logicalTypeOptions"] = {"format": "dd.MM.yyyy"}
