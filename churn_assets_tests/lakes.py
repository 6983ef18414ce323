"""Tiny lakes for tests: settings below a temporary folder, a copy of a shipped business, files of extracts."""

import csv
import json
import pickle
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.business import Business
from churn_assets.contracts.yaml_file import LOADER
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table, types_of_rows
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.silver.customer_keys import delivered_ids, new_keys
from churn_assets.silver.findings import record
from churn_assets.silver.known_ids import FOUND_BY, before, judge_ids
from churn_assets.silver.load import SilverLoad, load_silver
from churn_assets.sources.landing import list_extracts

Row = Mapping[str, Any]
# in C where that is installed: hundreds of tests write a business
DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def computed_tables(business: Business) -> list[Table]:
    """The tables that the jobs over months write; records of operations exist once there is something to record."""
    of_a_day = (tables.CURRENT_SNAPSHOT, tables.CURRENT_SCORES)
    return [
        table
        for table in tables.catalogue(business)
        if table.layer not in ("operations", "alerts") and table not in of_a_day
    ]


def settle_cohorts(
    house: Lakehouse, months: Sequence[str], upper_ends: Sequence[float], available: date
) -> None:
    """Writes that cohorts of version 1 have settled, with these upper ends of their AUC."""
    rows = [
        {
            "as_of_date": month_end(month),
            "model_version": "1",
            "status": "ok",
            "n": 400,
            "positives": 60,
            "expected_positives": 50.0,
            "auc": high - 0.03,
            "auc_low": high - 0.06,
            "auc_high": high,
        }
        for month, high in zip(months, upper_ends, strict=True)
    ]
    label = {"customer_key": "a", "label": 0, "outcome": "stayed", "label_available_at": available}
    days = [month_end(month) for month in months]
    for table, made in (
        (tables.MODEL_PERFORMANCE, rows),
        (tables.CHURN_LABELS, [label | {"as_of_date": day} for day in days]),
    ):
        house.replace_rows(table, table.rows(made), "as_of_date", days, run_id="prepared")


def settings_for(tmp_path: Path, business: str | Path = "telecom") -> Settings:
    """Settings of a lake that lies wholly below `tmp_path`: landing in tmp_path/landing, tables in tmp_path/lake.

    `Lakehouse(settings)` runs on the session of the `spark` fixture, whatever these settings say about Spark.
    """
    return Settings(
        home=str(tmp_path), business=str(business), engine_profile="small", spark_master="local[2]"
    )


def business_copy(tmp_path: Path, name: str = "telecom", **edits: object) -> Path:
    """A copy of a shipped business with top-level keys of its churn.yaml replaced; an edit of None removes the key.

    Offers and campaigns speak of features and of treated customers: with others of these, they go unless given; and
    lifetime values go with features or sums of months.
    Each call makes a folder of its own, since loaded businesses are cached by folder.
    """
    if {"features", "monitoring"} & edits.keys():
        edits = {"offers": None, "campaigns": None} | edits
    if "features" in edits:
        edits = {"alerts": None} | edits  # the shipped rules are about the shipped features
    folder = tmp_path / f"business-{sum(1 for _ in tmp_path.glob('business-*'))}"
    shutil.copytree(SHIPPED_BUSINESSES / name, folder)
    edit_yaml(folder / "churn.yaml", lambda content: _replace(content, edits))
    if {"features", "customer_months", "label"} & edits.keys() and "economics" not in edits:
        edit_yaml(folder / "churn.yaml", lambda content: content["economics"].pop("lifetime"))
    return folder


def _replace(content: dict[str, Any], edits: Mapping[str, object]) -> None:
    for key, value in edits.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value


def edit_yaml(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Reads a YAML mapping, lets `edit` change it in place, and writes it back."""
    content = pickle.loads(_parsed(file.read_text(encoding="utf-8")))
    edit(content)
    file.write_text(yaml.dump(content, Dumper=DUMPER, sort_keys=False, allow_unicode=True), encoding="utf-8")


@cache
def _parsed(text: str) -> bytes:
    """The content of a YAML text, pickled: each test edits a copy of its own of what hundreds of tests read."""
    return pickle.dumps(yaml.load(text, LOADER))


def extract_folder(landing: str | Path, source: str, extract_date: str) -> Path:
    """<landing>/<source>/extract_date=<extract_date>, made when it does not exist."""
    folder = Path(landing) / source / f"extract_date={extract_date}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def declaring(table: Table, rows: pa.Table) -> Table:
    """The table as if the catalogue declared the columns of these rows: for lakes of other features or releases."""
    columns = tuple(LakeColumn(name, kind, "of a test") for name, kind in types_of_rows(rows).items())
    return replace(table, columns=columns)


def not_as_declared(lakehouse: Lakehouse, business: Business) -> dict[str, str]:
    """Tables of the lake that hold something else than the catalogue says: columns, their order, nulls, keys."""
    found = {}
    for table in tables.catalogue(business):
        if not lakehouse.exists(table):
            continue
        if list(lakehouse.types(table).items()) != list(table.types.items()):
            found[table.path] = f"{lakehouse.types(table)}"
            continue
        rows = lakehouse.arrow(
            table, [c.name for c in table.columns if c.required or c.name in table.row_key]
        )
        if empty := [c.name for c in table.columns if c.required and rows[c.name].null_count]:
            found[table.path] = f"nulls in {', '.join(empty)}"
        if table.row_key and rows.group_by(list(table.row_key)).aggregate([]).num_rows != rows.num_rows:
            found[table.path] = f"{', '.join(table.row_key)} does not identify a row"
    return found


def write_csv(
    landing: str | Path,
    source: str,
    extract_date: str,
    rows: Sequence[Row],
    name: str = "part-1",
    *,
    columns: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    """A CSV extract; the header is `columns`, else the keys of the first row. None is an empty token."""
    header = list(columns or rows[0])
    file = extract_folder(landing, source, extract_date) / f"{name}.csv"
    with file.open("w", encoding=encoding, newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([row.get(column) for column in header] for row in rows)
    return file


def write_jsonl(
    landing: str | Path, source: str, extract_date: str, rows: Sequence[Row | str], name: str = "part-1"
) -> Path:
    """An extract of JSON lines; a row that is a string is written as it is."""
    file = extract_folder(landing, source, extract_date) / f"{name}.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def write_parquet(
    landing: str | Path,
    source: str,
    extract_date: str,
    rows: Sequence[Row],
    name: str = "part-1",
    *,
    schema: pa.Schema | None = None,
) -> Path:
    """A Parquet extract; types are inferred from the Python values unless `schema` is given (needed without rows)."""
    file = extract_folder(landing, source, extract_date) / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), file)
    return file


def small_business(tmp_path: Path, **edits: object) -> Path:
    """A telecom business of customers, subscriptions and tickets with three features, 2025-01 to 2025-12."""
    rules = {
        "risk": {"high": 0.9, "elevated": 0.7},
        "value": {"feature": "tenure_days", "high": 0.67, "middle": 0.33},
        "rules": [{"name": "all", "action": "none"}],
    }
    features = [
        {"source": "subscriptions", "aggregate": "tenure"},
        {"source": "customers", "aggregate": "attribute", "column": "region"},
        {"source": "tickets", "aggregate": "count", "months": [1]},
    ]
    months = [{"name": "tickets", "source": "tickets", "aggregate": "count"}]
    own: dict[str, object] = {"features": features, "customer_months": months, "segments": rules}
    own["monitoring"] = None
    own["calendar"] = {"start": "2025-01", "end": "2025-12"}
    folder = business_copy(tmp_path, "telecom", **(own | edits))
    for name in ("invoices", "usage", "retention_contacts", "app_contacts"):
        (folder / "contracts" / f"{name}.yaml").unlink()
    for name in ("subscriptions", "tickets"):
        edit_yaml(folder / "contracts" / f"{name}.yaml", _any_gap)
    return folder


def tell_merges(contract: dict[str, Any]) -> None:
    """The source tells in `merged_into` into whom a customer was merged."""
    contract["schema"][0]["properties"].append({"name": "merged_into", "logicalType": "string"})
    contract["customProperties"].append({"property": "mergedInto", "value": "merged_into"})


def deliver_all(contract: dict[str, Any]) -> None:
    """Each extract of the source lists everything."""
    _deliver(contract, "full")


def deliver_changes(contract: dict[str, Any]) -> None:
    """An extract of the source tells what has changed since the one before."""
    _deliver(contract, "changes")


def deliver_once(contract: dict[str, Any]) -> None:
    """The source is one export."""
    _deliver(contract, "once")


def _deliver(contract: dict[str, Any], what: str) -> None:
    for item in contract["customProperties"]:
        if item["property"] == "delivery":
            item["value"] = what


def _any_gap(contract: dict[str, Any]) -> None:
    """Tests deliver on the days that they are about."""
    table = contract["schema"][0]
    table["quality"] = [q for q in table["quality"] if q["implementation"]["rule"] != "gap"]


def to_bronze(
    lakehouse: Lakehouse, business: Business, months: Sequence[str], sources: Sequence[str] = ()
) -> None:
    """What the bronze assets do for these months, without Dagster; only for some sources when named."""
    landing = lakehouse.settings.landing_uri
    for source in business.sources:
        if not sources or source.name in sources:
            table, files = tables.bronze(source), list_extracts(landing, source, months)
            with lakehouse.staging(table, run_id="bronze") as folder:
                frame = read_extracts(lakehouse.spark, source, files, folder)
                lakehouse.replace(table, frame, tables.between(months), run_id="bronze")


def give_keys(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> int:
    """What the asset silver/customer_keys does for these months; the number of new keys."""
    where = tables.between(months)
    ids = delivered_ids([(s, lakehouse.read(tables.bronze(s)).where(where)) for s in business.sources])
    known = lakehouse.read(tables.CUSTOMER_KEYS) if lakehouse.exists(tables.CUSTOMER_KEYS) else None
    judged = judge_ids(business, ids, known, before(lakehouse, business, months))
    record(lakehouse, FOUND_BY, months, judged.problems, run_id="keys")
    added = new_keys(ids, known, judged.withheld).coalesce(1)
    return lakehouse.append(tables.CUSTOMER_KEYS, added, run_id="keys").rows


def key_of(lakehouse: Lakehouse, number: int) -> str:
    """The customer_key of the customer of `silver.rows` with this number."""
    rows = lakehouse.arrow(tables.CUSTOMER_KEYS).to_pylist()
    return next(str(r["customer_key"]) for r in rows if r["customer_id"] == f"NATID{number:04d}")


def ingest(
    lakehouse: Lakehouse, business: Business, months: Sequence[str], today: date = date.max
) -> dict[str, SilverLoad]:
    """Landing to silver for contiguous months, without Dagster: bronze, keys, silver; what each source's load did."""
    to_bronze(lakehouse, business, months)
    give_keys(lakehouse, business, months)
    return {s.name: load_silver(lakehouse, business, s, months, "silver", today) for s in business.sources}
