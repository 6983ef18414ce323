"""The assets of extracts of services and collections: evidence, a cursor that moves, and an incident if they fail."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest

from churn_assets.automation.incident_sensor import watch
from churn_assets.automation.jobs import extract_job
from churn_assets.contracts.loader import load_business
from churn_assets.extracts.assets import extract_assets
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets.settings import Settings
from churn_assets.sources.live.records import records
from churn_assets_tests.checks import evaluations
from churn_assets_tests.extracts.test_topics_and_folders import CANARY, tickets_from
from churn_assets_tests.sources.apis.rest import Asked, Told, service

pytestmark = pytest.mark.one_python(reason="pymongo and a server do the work, whatever Python asks them")

NOW = datetime.now(UTC).replace(microsecond=0)
THIS = month_of(NOW.date())
EARLIER, LATER = NOW - timedelta(hours=30), NOW - timedelta(hours=20)


class Tickets(NamedTuple):
    """A business whose tickets are asked for, and what adds a ticket that changed at a moment."""

    settings: Settings
    add: Callable[[int, datetime], None]

    def extract(self, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
        """A run of the job `extract`."""
        business = load_business(self.settings.business_path)
        found = dg.Definitions(
            assets=extract_assets(business),
            jobs=extract_job(business),
            resources={"lakehouse": Lakehouse(self.settings)},
        )
        return found.resolve_job_def("extract").execute_in_process(
            instance=instance, tags=range_tags((THIS, THIS)), raise_on_error=False
        )


def _ticket(number: int, at: Any) -> dict[str, Any]:
    told = {
        "ticket_id": f"T{number}",
        "customer_id": f"C{number}",
        "opened_at": f"{EARLIER:%Y-%m-%dT%H:%M:%SZ}",
    }
    return told | {"issue": {"category": "billing", "priority": 1}, "updated_at": at}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tickets]:
    """Tickets of a service that wants a token, which is the canary."""
    given: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {CANARY}":
            return Told({}, 401)
        since = asked.parameters.get("since", "")
        return Told([one for one in given if one["updated_at"] >= since])

    with service() as running:
        running.answer = answer
        monkeypatch.setenv("HELPDESK", running.url)
        monkeypatch.setenv("TOKEN", CANARY)
        own = {
            "paginator": {"kind": "none"},
            "authentication": {"kind": "bearer", "token": "${TOKEN}"},
            "cursor": "updated_at",
            "since": {"parameter": "since"},
        }
        settings = tickets_from(tmp_path, "api", location="${HELPDESK}", own=own)
        yield Tickets(settings, lambda n, at: given.append(_ticket(n, f"{at:%Y-%m-%dT%H:%M:%SZ}")))


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongodb: str) -> Iterator[Tickets]:
    """Tickets of a collection."""
    from pymongo import MongoClient

    monkeypatch.setenv("HELPDESK", mongodb)
    own = {"collection": "tickets", "cursor": "updated_at"}
    settings = tickets_from(tmp_path, "mongodb", location="${HELPDESK}", own=own)
    with MongoClient[dict[str, Any]](mongodb) as client:
        tickets = client.get_default_database()["tickets"]
        tickets.drop()
        yield Tickets(settings, lambda n, at: tickets.insert_one({"_id": n} | _ticket(n, at)))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("kind", ["api", "collection"])
def test_an_extract_tells_rows_bytes_seconds_and_how_far_the_cursor_moved(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    tickets: Tickets = request.getfixturevalue(kind)
    tickets.add(1, EARLIER)
    told, moved = [], []
    for step in range(3):
        if step == 2:
            tickets.add(2, LATER)
        done = tickets.extract()
        assert done.success
        [made] = done.asset_materializations_for_node("extracts__tickets")
        told.append({name: entry.value for name, entry in made.metadata.items()})
        moved.append(evaluations(done)["extracts/tickets:cursor_moved"])
        assert evaluations(done)["extracts/tickets:source_answered"].passed
        assert CANARY not in str(done.all_events) + caplog.text
    assert all(one["bytes"] > 0 and one["seconds"] >= 0 for one in told)
    # the overlap of an hour brings the newest ticket again
    assert [one["dagster/row_count"] for one in told] == [1, 1, 2]
    first, last = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (EARLIER, LATER))
    assert [(one["cursor from"], one["cursor to"]) for one in told] == [
        ("-", first),
        (first, first),
        (first, last),
    ]
    assert [check.passed for check in moved] == [True, False, True]
    assert "Nothing is newer than at the extract before" in str(moved[1].description)
    source = load_business(tickets.settings.business_path).source("tickets")
    assert [record.rows for record in records(tickets.settings.landing_uri, source)] == [1, 1, 2]


def test_an_extract_that_fails_opens_an_incident_that_the_next_one_closes(
    api: Tickets, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add(1, EARLIER)
    business, lakehouse = load_business(api.settings.business_path), Lakehouse(api.settings)
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("TOKEN", f"{CANARY}-of-yesterday")
        failed = api.extract(instance)
        assert not failed.success and "answers 401" in str(
            evaluations(failed)["extracts/tickets:source_answered"].description
        )
        [opened] = watch(instance, lakehouse, business, datetime.now(UTC))
        assert (opened.kind, opened.state) == ("run_failed", "new")
        assert f"extract for {THIS} failed at extracts/tickets" in opened.note
        assert "Failed checks: source_answered of extracts/tickets" in opened.note
        assert CANARY not in str(opened) + str(failed.all_events)
        monkeypatch.setenv("TOKEN", CANARY)
        assert api.extract(instance).success
        [closed] = watch(instance, lakehouse, business, datetime.now(UTC))
        assert (closed.dedup_key, closed.state) == (opened.dedup_key, "closed")
