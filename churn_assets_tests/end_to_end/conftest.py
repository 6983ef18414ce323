"""One finished demo, and one deployment that lives on from it, for all end-to-end tests."""

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import OK
from churn_assets.months import month_end
from churn_assets.settings import Settings
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets_tests.end_to_end.deployment import Deployment, until
from churn_assets_tests.lakes import business_copy, small_business
from churn_assets_tests.worlds import Lake

NATURAL_ID_OR_ADDRESS = rb"(?<![0-9A-Za-z])C[0-9]{7}(?![0-9A-Za-z])|@example\.(?:com|net|org)|\+999 555"
FIRST, LAST, NEXT, FUTURE = "2025-05", "2026-05", "2026-06", "2026-09"
MONTHS = 13
CUSTOMERS = 800
# two that are fitted in seconds; the others have tests of their own
TRAINING = {
    "candidates": ["logistic_regression", "histogram_boosting"],
    "validation_cohorts": 1,
    "row_limit": 500_000,
}


# half as long again as shipped, for as many churners among fewer customers
WINDOWS = {"observation_months": 6, "gap_days": 7, "outcome_days": 45, "settlement_days": 3}


@dataclass(frozen=True)
class Demo:
    """A finished demo: its home, what it printed, and what it printed on stderr."""

    settings: Settings
    output: str
    complaints: str

    @property
    def home(self) -> Path:
        """CHURN_HOME."""
        return self.settings.home_path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """`churn-assets demo`, run once, as whoever starts here does.

    With much fewer customers the test cohort has too few churners to judge a model by.
    """
    folder = tmp_path_factory.mktemp("demo")
    calendar = {"start": "2025-01", "end": LAST}
    business = business_copy(folder, calendar=calendar, windows=WINDOWS, training=TRAINING)
    settings = Settings(home=str(folder / "home"), business=str(business))
    command = [str(Path(sys.executable).with_name("churn-assets")), "demo"]
    # without its jars Spark does not start, so nothing here needs Java
    no_jars = {"CHURN_JARS": str(folder / "jars"), "CHURN_MAVEN": str(folder / "nowhere")}
    with_its_threads = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with_its_threads["OMP_WAIT_POLICY"] = "passive"  # other tests keep the cores busy
    done = subprocess.run(
        [*command, "--customers", str(CUSTOMERS), "--months", str(MONTHS)],
        env=with_its_threads
        | no_jars
        | {"CHURN_HOME": settings.home, "CHURN_BUSINESS": settings.business, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Demo(settings, done.stdout, done.stderr)


def personal_values(demo: Demo) -> re.Pattern[bytes]:
    """Matches any id, e-mail address or phone number of the simulated world, and the names of some customers."""
    [file, *_] = sorted((demo.home / "landing" / "customers").glob(f"extract_date={FIRST}-*/*.csv"))
    with file.open(encoding="utf-8-sig") as rows:
        names = {row["full_name"] for row, _ in zip(csv.DictReader(rows), range(40), strict=False)}
    full = [re.escape(name.encode()) for name in sorted(names) if " " in name]
    assert len(full) > 20
    return re.compile(b"|".join([NATURAL_ID_OR_ADDRESS, *full]))


@dataclass(frozen=True)
class Living:
    """A copy of the demo's home some months later, with half of its sources: deployed, degraded, MLflow down.

    `delivered` holds the extracts of the next month, outside of the landing zone.
    """

    deployment: Deployment
    lake: Lake
    delivered: Path


def _next_month(folder: Path, business: Business) -> Path:
    """The extracts of the month after the demo's, of the sources that are left; not in the landing zone."""
    plan = SimulationPlan(
        customers=CUSTOMERS, start=date.fromisoformat(f"{FIRST}-01"), months=MONTHS + 1, seed=7
    )
    simulate_telecom(plan, folder / "landing", folder / "truth")
    for source in business.sources:
        (folder / "delivered" / source.name).mkdir(parents=True)
        for extract in (folder / "landing" / source.name).glob(f"extract_date={NEXT}*"):
            extract.rename(folder / "delivered" / source.name / extract.name)
    shutil.rmtree(folder / "landing")
    return folder / "delivered"


def _degrade(lakehouse: Lakehouse, months: Sequence[str]) -> None:
    """Matured cohorts in which the first champion is hardly better than chance."""
    poor = {"model_version": "1", "status": OK, "n": 800, "positives": 40}
    poor |= {"auc": 0.55, "auc_low": 0.5, "auc_high": 0.6}
    days = [month_end(month) for month in months]
    rows = tables.MODEL_PERFORMANCE.rows([poor | {"as_of_date": day} for day in days])
    lakehouse.replace_rows(tables.MODEL_PERFORMANCE, rows, "as_of_date", days, run_id="prepared")


@pytest.fixture(scope="package")
def living(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """The webserver and the daemon with the shipped settings; ends both and sees to it that they end in time.

    They end with the last test of this package, not of the session: they are busy also if nobody asks them.
    """
    folder = tmp_path_factory.mktemp("living")
    # Spark's scratch folders go with their JVM, which may outlive the demo's process by a second.
    shutil.copytree(demo.home, folder / "home", ignore=shutil.ignore_patterns("scratch"))
    business = small_business(folder, calendar={"start": "2025-01", "end": FUTURE})
    settings = Settings(home=str(folder / "home"), business=str(business))
    lake = Lake(settings, load_business(business))
    delivered = _next_month(folder, lake.business)
    _degrade(lake.lakehouse, ["2026-06", "2026-07", "2026-08"])
    with closing(socket.socket()) as probe:  # its port is closed again when the deployment starts
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    deployment = Deployment(settings, folder, CHURN_TRACKING_URI=nowhere)
    try:
        deployment.start()
        # what the demo loaded is known, without having been seen
        first = until(
            "a first look", lambda: deployment.ticks("ingest_new_files_sensor", "SKIPPED", "SUCCESS"), 120
        )
        assert {tick["status"] for tick in first} == {"SKIPPED"}, first
        deployment.switch_off(
            "refresh_cohorts_sensor"
        )  # what it asks for has tests of its own, and takes minutes
        yield Living(deployment, lake, delivered)
    finally:
        deployment.stop()
