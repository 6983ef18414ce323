"""A small telecom business on the morning of 11 March 2025, and a day that goes on."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.features.writing import write_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.live.figures import LiveFigures
from churn_assets.live.following import Follower
from churn_assets.ml.portable.model import Linear, PortableModel, Scorer
from churn_assets.ml.portable.transformation import NumericColumn, Transformation
from churn_assets.sources_demo.business import follow_instead
from churn_assets_tests.lakes import (
    edit_yaml,
    ingest,
    settings_for,
    small_business,
    tell_merges,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import customer, subscription, ticket

MONTHS = ["2025-01", "2025-02", "2025-03"]
MORNING, TODAY, TOMORROW = date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 12)
PEOPLE = range(1, 21)
TICKETS = [(1, 5, "2025-02-20"), (2, 5, "2025-03-02"), (3, 6, "2025-03-09"), (4, 7, "2025-02-27")]
FEATURES = [
    {"source": "subscriptions", "aggregate": "tenure"},
    {"source": "customers", "aggregate": "attribute", "column": "region"},
    {"source": "tickets", "aggregate": "count", "months": [1]},
    {"source": "tickets", "aggregate": "recency"},
]
RULES = {
    "cap": 5,
    "cool_down_days": 1,
    "rules": [{"name": "third_ticket", "sql": "tickets_count_1m >= 3", "action": "Call back."}],
}


def model(per_ticket: float = 0.5) -> PortableModel:
    """Log-odds -2, so much per ticket of the last month, and less the longer a customer is one."""
    parts = (
        NumericColumn("tickets_count_1m", 0.0, indicator=False, log=False),
        NumericColumn("tenure_days", 0.0, indicator=False, log=False),
    )
    linear = Linear(np.array([per_ticket, -0.001]), -2.0, np.zeros(2))
    return PortableModel("logistic_regression", Transformation(parts), Scorer(linear, "log_odds"))


class World:
    """A home whose customers were scored as of 10 March."""

    def __init__(self, folder: Path) -> None:
        windows = {"observation_months": 1, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
        business = small_business(
            folder,
            windows=windows,
            eligibility={"min_tenure_days": 0, "exclude_in_notice": True},
            features=FEATURES,
            protected=None,
            alerts=RULES,
            channels=[{"name": "files", "kind": "folder", "folder": "told"}],
        )
        edit_yaml(business / "contracts" / "customers.yaml", tell_merges)
        self._open(folder, business)
        self._deliver()
        self.ingest()
        self._end_of_february()
        self.daily(MORNING)

    def _open(self, folder: Path, business: Path) -> None:
        self.folder, self.business_folder = folder, business
        self.told = folder / "messages" / "told"
        self.settings = settings_for(folder, business)
        self.business, self.house = load_business(business), Lakehouse(self.settings)

    def copied_to(self, folder: Path) -> "World":
        """A copy of the home, on its own from then on."""
        shutil.copytree(self.folder, folder)
        return World.opened(folder, self.business_folder)

    @classmethod
    def opened(cls, folder: Path, business: Path) -> "World":
        """The home in a folder, which is there."""
        world = cls.__new__(cls)
        world._open(folder, business)
        return world

    def _deliver(self) -> None:
        landing = self.settings.landing_uri
        for day in ("2025-01-31", "2025-02-28", "2025-03-10"):
            write_csv(landing, "customers", day, [customer(n, merged_into="") for n in PEOPLE])
            write_csv(landing, "subscriptions", day, [subscription(n) for n in PEOPLE])
        write_jsonl(landing, "tickets", "2025-01-31", [])
        for number, who, opened in TICKETS:
            write_jsonl(
                landing, "tickets", opened, [ticket(number, f"NATID{who:04d}", f"{opened}T10:00:00Z")]
            )
        old = [ticket_of(1000 + n, 19, "2025-01-05T10:00:00Z") for n in range(200)]
        write_jsonl(landing, "tickets", "2025-03-10", old)

    def ingest(self) -> None:
        """All months from landing to silver; March is open."""
        ingest(self.house, self.business, MONTHS, TOMORROW)

    def _end_of_february(self) -> None:
        day = date(2025, 2, 28)
        built = customer_snapshots(self.house, self.business, [day])
        where = as_of_between(["2025-02"])
        write_snapshots(self.house, tables.customer_snapshots(self.business), built, where, "run")
        self.promote("7", day)

    def promote(self, version: str, since: date) -> None:
        """Puts a version in charge."""
        row = {"in_charge_from": since, "trained_as_of": since, "model_version": version, "promoted": True}
        rows = tables.CHAMPIONS.rows([row | {"decided_at": datetime(2025, 3, 1, tzinfo=UTC)}])
        self.house.replace_rows(tables.CHAMPIONS, rows, "model_version", [version], run_id="run")

    def daily(self, as_of: date) -> dg.ExecuteInProcessResult:
        """A run of the job `daily`."""
        config: dict[str, Any] = {
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "resources": {"asked_day": {"config": {"as_of": str(as_of)}}},
        }
        return build_defs(self.settings).resolve_job_def("daily").execute_in_process(run_config=config)

    def probabilities(self, day: date) -> dict[str, float]:
        """customer_key -> probability in scores/current_scores."""
        rows = self.house.arrow(tables.CURRENT_SCORES, None, [("as_of_date", "=", day)])
        return dict(zip(rows["customer_key"].to_pylist(), rows["probability"].to_pylist(), strict=True))

    def key(self, number: int) -> str:
        """The customer_key of a customer."""
        rows = self.house.arrow(tables.CUSTOMER_KEYS).to_pylist()
        return next(str(r["customer_key"]) for r in rows if r["customer_id"] == f"NATID{number:04d}")


def ticket_of(number: int, who: int, when: str) -> dict[str, object]:
    """A ticket of a customer."""
    return ticket(number, f"NATID{who:04d}", when)


def tracking_of(models: dict[str, PortableModel]) -> Any:
    """MLflow with these versions."""
    load: Callable[[str], PortableModel] = models.__getitem__
    return SimpleNamespace(load_version=load)


def follower_of(
    world: World, models: dict[str, PortableModel] | None = None, today: date = TODAY
) -> Follower:
    """What follows the world at noon of a day, by default with version 7."""
    tracking, noon = tracking_of(models or {"7": model()}), datetime.combine(today, time(12), UTC)
    return Follower(world.house, world.business, tracking, LiveFigures(), lambda: noon)


def land_tickets(world: World, name: str, *rows: Any, day: date = TODAY) -> None:
    """Lands a file of tickets."""
    write_jsonl(world.settings.landing_uri, "tickets", str(day), rows, name)


def with_topic(world: World, folder: Path, dead_letters: str | None = None) -> World:
    """The same world, whose tickets are a topic of Kafka; its business is copied to a folder.

    `dead_letters` is the topic for messages that break the contract.
    """

    def name_dead_letters(contract: dict[str, Any]) -> None:
        own = {"property": "deadLetters", "value": dead_letters}
        contract["servers"][0]["customProperties"].append(own)

    shutil.copytree(world.settings.business_path, folder)
    follow_instead(folder / "contracts" / "tickets.yaml")
    if dead_letters is not None:
        edit_yaml(folder / "contracts" / "tickets.yaml", name_dead_letters)
    world._open(world.folder, folder)
    return world
