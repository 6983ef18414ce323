"""A failed ingest, a late source and a degraded model each are one incident, told and closed with the evidence.

The sensors look one after the other in this process; `test_daemon.py` shows that the daemon lets them look.
"""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.automation import delivery_sensor, incident_sensor, landing_sensor
from churn_assets.definitions import build_defs
from churn_assets.graph.names import INGEST
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.incidents.incident import CLOSED, Incident
from churn_assets.operations.incidents.store import incidents, records
from churn_assets.runs import QUIET
from churn_assets.settings import Settings
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets_tests.end_to_end.deployment import deliver
from churn_assets_tests.lakes import settings_for, settle_cohorts, small_business
from churn_assets_tests.operations.channels.conftest import SECRET
from churn_assets_tests.operations.channels.receivers import Receiver
from churn_assets_tests.scored_cohorts import put_in_charge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.one_engine(reason="runs jobs, of which one succeeds")]
MONTHS = "2025-11 to 2025-12"  # the end of the calendar, so that nothing is expected after it
COHORTS = ["2025-06", "2025-07", "2025-08"]


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Receiver]:
    """What listens to the webhook."""
    receiver = Receiver("http", tmp_path / "told.jsonl")
    receiver.start()
    yield receiver
    receiver.kill()


@pytest.fixture
def settings(tmp_path: Path, http: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose business tells incidents to `http`. No training is asked for."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    hook = {
        "name": "hook",
        "kind": "webhook",
        "url": f"http://127.0.0.1:{http.port}/",
        "secret": "${HOOK_SECRET}",
    }
    settings = settings_for(tmp_path / "home", small_business(tmp_path, channels=[hook]))
    Path(settings.landing_uri).mkdir(parents=True)
    return settings


class Looks:
    """The sensors of a home: each look is one of each, and the runs that they ask for."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._instance, self._house = instance, Lakehouse(settings)
        self._repository = build_defs(settings).get_repository_def()
        self._cursor: str | None = None

    def _tick(self, name: str, cursor: str | None = None) -> Any:
        context = dg.build_sensor_context(
            instance=self._instance,
            cursor=cursor,
            repository_def=self._repository,
            resources={"lakehouse": self._house},
        )
        return self._repository.get_sensor_def(name).evaluate_tick(context)

    def __call__(self) -> int:
        """Looks, runs what is asked for, and looks at what became of it; the number of runs."""
        found = self._tick(landing_sensor.NAME, self._cursor)
        self._cursor = found.cursor or self._cursor
        for asked in found.run_requests or ():
            self._repository.get_job(INGEST).execute_in_process(
                tags=dict(asked.tags), run_config=QUIET, raise_on_error=False, instance=self._instance
            )
        for name in (incident_sensor.NAME, delivery_sensor.NAME):
            self._tick(name)
        return len(found.run_requests or ())


def _degrade(house: Lakehouse, *upper_ends: float) -> None:
    settle_cohorts(house, COHORTS, upper_ends, date(2025, 10, 15))


def test_each_trouble_is_one_incident_that_is_told_and_closed_with_evidence(
    spark: "SparkSession", tmp_path: Path, settings: Settings, http: Receiver
) -> None:
    plan = SimulationPlan(customers=200, start=date(2025, 11, 1), months=2, seed=7, dirt=DirtRates.none())
    made, later = tmp_path / "made", tmp_path / "later"
    simulate_telecom(plan, made, tmp_path / "truth")
    for name in ("invoices", "usage", "retention_contacts"):
        (made / name).rename(tmp_path / name)
    house = Lakehouse(settings)
    put_in_charge(house, 0.80)
    _degrade(house, 0.85, 0.77, 0.76)

    def one(kind: str, state: str) -> Incident:
        """The one incident of a kind; of late sources that of tickets, since the refused customers are late too."""
        found = [i for i in incidents(house) if i.kind == kind]
        found = [i for i in found if kind != "source_late" or i.dedup_key == "source:tickets"]
        assert [i.state for i in found] == [state], [record.note for record in records(house)]
        return found[0]

    texts = {extract: extract.read_text() for extract in (made / "customers").glob("*/*.csv")}
    (made / "tickets").rename(later)
    for file, text in texts.items():
        file.write_text(text.replace("customer_id", "no_id", 1))
    with dg.DagsterInstance.ephemeral() as instance:
        look = Looks(settings, instance)
        assert look() == 0
        assert "2 of the last 3 cohorts" in one("model_degraded", "new").note
        deliver(made, settings)
        assert look() == 1
        assert one("run_failed", "new").title == f"ingest for {MONTHS} failed"
        assert look() + look() == 0
        assert one("run_failed", "new").events == 1
        _degrade(house, 0.85, 0.77, 0.84)
        look()
        assert "not below the bar" in one("model_degraded", CLOSED).note
        for file, text in texts.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        deliver(made, settings)
        # what is loaded now shows that tickets are missing; the ingest fails again, and joins
        assert look() == 1
        one("source_late", "new")
        assert one("run_failed", "new").events == 2
        later.rename(made / "tickets")
        deliver(made, settings)
        assert look() == 1
        assert f"of ingest for {MONTHS} succeeded" in one("run_failed", CLOSED).note
        assert one("source_late", CLOSED).note.startswith("tickets: delivered and loaded")
    found = incidents(house)
    assert all(i.state == CLOSED for i in found)
    assert len({i.dedup_key for i in found}) == len(found)
    assert {i.dedup_key for i in found} - {"source:customers"} == {
        "model:1",
        f"run:ingest:{MONTHS.replace(' to ', ':')}",
        "source:tickets",
    }
    told: list[Any] = [json.loads(request["body"])["data"]["title"] for request in http.received()]
    assert sorted(told) == sorted(
        f"{i.incident_id} P3: {i.title}{end}" for i in found for end in ("", " - over")
    )
