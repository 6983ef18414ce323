"""The demo of sources that are asked makes the same tables as that of files."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from rich.console import Console

from churn_assets.cli import demo_sources
from churn_assets.cli.demo import DemoWorld
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.local_servers.postgresql import INSTALL, programs
from churn_assets.settings import Settings
from churn_assets.simulator.plan import DirtRates
from churn_assets.simulator.simulate import SimulationError
from churn_assets.sources.live.records import records
from churn_assets.sources_demo.business import ask_instead, write_business
from churn_assets.sources_demo.feed import ask_day_by_day
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.worlds import FEATURED, INGEST, Lake, simulated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHS = ["2025-01", "2025-02", "2025-03", "2025-04"]
# columns of silver that tell where a row came from and how often, and when it was known
ORIGIN = {"source_file", "row_number", "copies", "rescued", "sequence", "latest_in_month"}
KNOWN = {"known_at", "extract_month", "extract_date"}


def _asked(files: Lake, folder: Path) -> tuple[Lake, Any]:
    """The same company, whose customers, subscriptions and invoices are asked for; and what was asked."""
    business = folder / "business"
    shutil.copytree(files.settings.business_path, business)
    ask_instead(business)
    settings = settings_for(folder, business)
    lake = Lake(settings, load_business(business))
    told = ask_day_by_day(
        files.business,
        lake.business,
        Path(files.settings.landing_uri),
        Path(settings.landing_uri),
        folder / "drafts",
    )
    keys = tables.CUSTOMER_KEYS.path
    shutil.copytree(f"{files.settings.lake_uri}/{keys}", f"{settings.lake_uri}/{keys}")
    return lake, told


@pytest.mark.slow
def test_sources_that_are_asked_make_the_same_tables_as_files(spark: "SparkSession", tmp_path: Path) -> None:
    if programs() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"No PostgreSQL server is here. {INSTALL}")
    files = simulated(tmp_path / "files", 60, MONTHS[0], MONTHS[-1], len(MONTHS), dirt=DirtRates.none())
    files.succeed(INGEST, MONTHS)
    asked, told = _asked(files, tmp_path / "asked")
    asked.succeed(INGEST, MONTHS)
    assert told.rows > 500 and told.pages > 10
    for name in ("customers", "subscriptions", "invoices"):
        source = asked.business.source(name)
        assert source.origin is not None and len(records(asked.settings.landing_uri, source)) >= 4
    for lake in (files, asked):
        lake.succeed(FEATURED, MONTHS[2:])
    for table in (tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS):
        one, other = (lake.frame(table) for lake in (files, asked))
        assert len(one) > 0 and one.equals(other), table.path
    for source in files.business.sources:
        one, other = (_first_known(lake, tables.silver(source)) for lake in (files, asked))
        assert len(one) > 0 and one.equals(other), source.name


def _first_known(lake: Lake, table: tables.Table) -> pd.DataFrame:
    """The rows of silver, each when it was first known: a database gives the newest row of an extract once more."""
    frame = lake.frame(table, sorted({c.name for c in table.columns} - ORIGIN))
    content = [name for name in frame.columns if name not in KNOWN]
    kept = frame.sort_values("known_at", kind="stable").drop_duplicates(content)
    return kept.sort_values([*content, "known_at"], key=lambda c: c.astype(str), ignore_index=True)


def test_the_contracts_of_the_demo_are_valid_and_hold_no_secret(tmp_path: Path) -> None:
    write_business(tmp_path / "business")
    business = load_business(tmp_path / "business")
    kinds = {source.name: source.origin.kind for source in business.sources if source.origin}
    assert kinds == {
        "customers": "postgresql",
        "subscriptions": "postgresql",
        "tickets": "api",
        "invoices": "api",
    }
    assert business.source("customers").origin.cursor is None  # type: ignore[union-attr]


def test_the_demo_of_sources_refuses_what_it_cannot_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(quiet=True)
    shop = Settings(home=str(tmp_path), business="shop")
    with pytest.raises(SimulationError, match="about the telecom business"):
        demo_sources.with_sources(shop, DemoWorld(50, 3, 1), console)
    elsewhere = Settings(home=str(tmp_path), business="telecom", landing="s3://bucket/landing")
    with pytest.raises(
        SimulationError, match=r"s3://bucket/landing is not on this machine\. Unset CHURN_LANDING"
    ):
        demo_sources.with_sources(elsewhere, DemoWorld(50, 3, 1), console)
    settings = Settings(home=str(tmp_path), business="telecom")
    monkeypatch.setattr(demo_sources, "programs", lambda: None)
    with pytest.raises(SimulationError, match="apt-get install postgresql"):
        demo_sources.with_sources(settings, DemoWorld(50, 3, 1), console)
    (tmp_path / "landing" / "customers").mkdir(parents=True)
    with pytest.raises(SimulationError, match="holds files already"):
        demo_sources.with_sources(settings, DemoWorld(50, 3, 1), console)
