"""`churn-assets demo --sources`: the demo with sources that are asked, in place of files."""

import shlex
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from churn_assets.cli.demo import DemoWorld
from churn_assets.contracts.loader import load_business
from churn_assets.graph.partitions import last_ingest_month
from churn_assets.local_servers.postgresql import INSTALL, programs
from churn_assets.reporting.progress_display import display_on
from churn_assets.settings import Settings, is_uri
from churn_assets.simulator.presence import UNFINISHED, unfinished
from churn_assets.simulator.simulate import SimulationError, simulate
from churn_assets.sources_demo.business import write_business
from churn_assets.sources_demo.feed import DemoExtracts, ask_day_by_day

FOLDER = "sources_business"  # in CHURN_HOME


def with_sources(settings: Settings, world: DemoWorld, console: Console) -> Settings:
    """Fills the landing zone from a database and a service, unless it holds extracts; returns the settings to go on.

    Raises:
        SimulationError: another business, a landing zone that is not on this machine, or no PostgreSQL server; nothing
            was started.
        ExtractError: a source does not answer.
    """
    if is_uri(settings.landing_uri):
        raise SimulationError(
            f"{settings.landing_uri} is not on this machine. Unset CHURN_LANDING: the demo writes into CHURN_HOME."
        )
    landing, folder = Path(settings.landing_uri), settings.home_path / FOLDER
    own = settings.model_copy(update={"business": str(folder)})
    files = load_business(settings.business_path)
    if files.name != "telecom" and settings.business_path != folder:
        raise SimulationError("The demo of sources is about the telecom business. Unset CHURN_BUSINESS.")
    if unfinished(landing) and folder.is_dir():
        shutil.rmtree(landing)
    if landing.is_dir() and any(landing.iterdir()):
        if not folder.is_dir():
            raise SimulationError(f"{landing} holds files already. Set CHURN_HOME to an empty folder.")
        console.print(f"Using the extracts in {landing} (remove the folder to ask again).", markup=False)
        return own
    if programs() is None:
        raise SimulationError(f"No PostgreSQL server is installed here (initdb and pg_ctl). {INSTALL}")
    files = load_business(Settings().business_path) if settings.business_path == folder else files
    write_business(folder)
    with tempfile.TemporaryDirectory(prefix="demo_sources_") as place:
        company = settings.model_copy(update={"landing": f"{place}/delivered"})
        last = last_ingest_month(files)
        simulate(
            company,
            files,
            customers=world.customers,
            months=world.months,
            last=last,
            seed=world.seed,
            console=console,
            clean=True,
        )
        with display_on(console, "extract", 1) as display:
            display.go_on("PostgreSQL and a REST service, evening by evening")
            asked = ask_day_by_day(
                files,
                load_business(folder),
                Path(company.landing_uri),
                Path(place, "landing"),
                Path(place, "drafts"),
            )
        landing.mkdir(parents=True, exist_ok=True)
        (landing / UNFINISHED).touch()
        shutil.copytree(Path(place, "landing"), landing, dirs_exist_ok=True)
        (landing / UNFINISHED).unlink()
    _tell(asked, console)
    return own


def _tell(asked: DemoExtracts, console: Console) -> None:
    console.print(
        f"{asked.extracts:,} extracts with {asked.rows:,} rows came from PostgreSQL (customers, subscriptions) and a "
        f"REST service (tickets, invoices; {asked.pages:,} pages); the other sources are files. Both servers are "
        "stopped.",
        highlight=False,
    )


def tell_business(settings: Settings, console: Console) -> None:
    """Says how to go on with the business of the demo, which is not the one that commands take by default."""
    console.print(
        f"The contracts that ask are in {settings.business_path}/contracts. Before other commands on this home:\n"
        f"  export CHURN_HOME={shlex.quote(str(settings.home_path))} "
        f"CHURN_BUSINESS={shlex.quote(str(settings.business_path))}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
