"""Through the daemon: a failed ingest, a late source and a degraded model each are one incident, told and closed."""

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.incidents.incident import CLOSED, Incident
from churn_assets.operations.incidents.store import incidents, records
from churn_assets.settings import Settings
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets_tests.end_to_end.deployment import Deployment, until
from churn_assets_tests.lakes import settle_cohorts, small_business
from churn_assets_tests.operations.channels.conftest import SECRET
from churn_assets_tests.operations.channels.receivers import Receiver
from churn_assets_tests.scored_cohorts import put_in_charge

pytestmark = pytest.mark.slow
MONTHS = "2025-11 to 2025-12"  # the end of the calendar, so that nothing is expected after it
COHORTS = ["2025-06", "2025-07", "2025-08"]
WATCHED = Path(__file__).with_name("watched.yaml")


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Receiver]:
    """What listens to the webhook."""
    receiver = Receiver("http", tmp_path / "told.jsonl")
    receiver.start()
    yield receiver
    receiver.kill()


@pytest.fixture
def settings(tmp_path: Path, http: Receiver) -> Settings:
    """A home whose business tells incidents to `http`. No training is asked for."""
    hook = {
        "name": "hook",
        "kind": "webhook",
        "url": f"http://127.0.0.1:{http.port}/",
        "secret": "${HOOK_SECRET}",
    }
    business = small_business(tmp_path, channels=[hook])
    return Settings(home=str(tmp_path / "home"), business=str(business))


def _degrade(house: Lakehouse, *upper_ends: float) -> None:
    settle_cohorts(house, COHORTS, upper_ends, date(2025, 10, 15))


def test_each_trouble_is_one_incident_that_is_told_and_closed_with_evidence(
    tmp_path: Path, settings: Settings, http: Receiver
) -> None:
    plan = SimulationPlan(customers=200, start=date(2025, 11, 1), months=2, seed=7, dirt=DirtRates.none())
    simulate_telecom(plan, tmp_path / "made", tmp_path / "truth")
    for name in ("invoices", "usage", "retention_contacts"):
        for extract in (tmp_path / "made" / name).iterdir():
            extract.rename(tmp_path / f"{name}-{extract.name}")
    house = Lakehouse(settings)
    put_in_charge(house, 0.80)
    _degrade(house, 0.85, 0.77, 0.76)
    deployment = Deployment(settings, tmp_path, WATCHED, CHURN_ENGINE="sail", HOOK_SECRET=SECRET)
    Path(settings.landing_uri).mkdir(parents=True)

    def of_kind(kind: str) -> list[Incident]:
        """All incidents of a kind; of late sources those of tickets, since the refused customers are late too."""
        found = [i for i in incidents(house) if i.kind == kind]
        return [i for i in found if kind != "source_late" or i.dedup_key == "source:tickets"]

    def one(kind: str, state: str, seconds: float = 180) -> Incident:
        def found() -> Incident | None:
            return next((i for i in of_kind(kind) if i.state == state), None)

        incident: Incident = until(f"{kind} {state}", found, seconds)
        assert len(of_kind(kind)) == 1, [record.note for record in records(house)]
        return incident

    made = {extract: extract.read_text() for extract in (tmp_path / "made" / "customers").glob("*/*.csv")}
    (tmp_path / "made" / "tickets").rename(tmp_path / "later")
    for file, text in made.items():
        file.write_text(text.replace("customer_id", "no_id", 1))
    try:
        deployment.start_daemon()
        assert "2 of the last 3 cohorts" in one("model_degraded", "new").note
        deployment.deliver(tmp_path / "made")
        assert one("run_failed", "new").title == f"ingest for {MONTHS} failed"
        time.sleep(10)  # some more looks
        _degrade(house, 0.85, 0.77, 0.84)
        assert "not below the bar" in one("model_degraded", CLOSED).note
        for file, text in made.items():
            (Path(settings.landing_uri) / file.relative_to(tmp_path / "made")).write_text(text)
        # what is loaded now shows that tickets are missing; the ingest fails again, and joins
        one("source_late", "new")
        until("the second failure", lambda: of_kind("run_failed")[0].events == 2, 180)
        (tmp_path / "made" / "tickets").mkdir(parents=True)
        for extract in (tmp_path / "later").iterdir():
            extract.rename(tmp_path / "made" / "tickets" / extract.name)
        deployment.deliver(tmp_path / "made")
        assert f"of ingest for {MONTHS} succeeded" in one("run_failed", CLOSED).note
        assert one("source_late", CLOSED).note.startswith("tickets: delivered and loaded")
        until("the end of all", lambda: all(i.state == CLOSED for i in incidents(house)), 180)
        until("the last message", lambda: len(http.received()) >= 2 * len(incidents(house)), 180)
    finally:
        deployment.stop()
    found = incidents(house)
    assert len({i.dedup_key for i in found}) == len(found)
    assert {i.dedup_key for i in found} - {"source:customers"} == {
        "model:1",
        f"run:ingest:{MONTHS.replace(' to ', ':')}",
        "source:tickets",
    }
    told = [json.loads(request["body"])["data"]["title"] for request in http.received()]
    assert sorted(told) == sorted(
        f"{i.incident_id} P3: {i.title}{end}" for i in found for end in ("", " - over")
    )
