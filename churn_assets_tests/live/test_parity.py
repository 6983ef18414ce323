"""A probability of now is that of the next morning: a day with late, doubled, moved and broken rows."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from churn_assets.alerts.store import alerts
from churn_assets.lakehouse import tables
from churn_assets.live.alerting import alert, put_out
from churn_assets.live.scoring import LiveScorer, in_charge
from churn_assets.live.state import LiveState, live_day
from churn_assets_tests.lakes import write_csv, write_jsonl
from churn_assets_tests.live.world import MORNING, TODAY, World, model, ticket_of, tracking_of
from churn_assets_tests.silver.rows import customer, subscription

pytestmark = pytest.mark.one_engine(reason="runs a job; other tests compute its tables on both engines")
DAY = str(TODAY)


def _first_hour(landing: str) -> None:
    """A second and a third ticket of one, one that came late, one that is no JSON, one without a day."""
    rows: list[Any] = [
        ticket_of(10, 6, f"{DAY}T08:00:00Z"),
        ticket_of(11, 6, f"{DAY}T07:00:00Z"),
        ticket_of(12, 8, "2025-03-05T10:00:00Z"),
        '{"ticket_id": "T13", "customer',
        {"ticket_id": "T14", "customer_id": "NATID0009", "issue": {"category": "billing"}},
    ]
    write_jsonl(landing, "tickets", DAY, rows, "08-00")


def _second_hour(landing: str) -> None:
    """One twice, one in another order than it happened, one that moves to another customer, and a stranger."""
    rows = [
        ticket_of(10, 6, f"{DAY}T08:00:00Z"),
        ticket_of(15, 5, "2025-03-01T10:00:00Z"),
        ticket_of(3, 12, "2025-03-09T10:00:00Z"),
        ticket_of(16, 77, f"{DAY}T09:00:00Z"),
    ]
    write_jsonl(landing, "tickets", DAY, rows, "09-00")
    write_csv(landing, "subscriptions", DAY, [subscription(2, ended_on="2025-03-11", end_reason="customer")])
    merged = customer(6, merged_into="NATID0013")
    write_csv(landing, "customers", DAY, [merged, *(customer(n, merged_into="") for n in range(1, 6))])


def _rows(silver: pa.Table, keys: dict[int, str]) -> list[str]:
    """The rows of these customers in silver, in any order."""
    names = sorted(silver.column_names)
    return sorted(
        str(row) for row in silver.select(names).to_pylist() if row["customer_key"] in keys.values()
    )


def test_a_day_of_events_scores_and_alerts_as_the_morning_will(world: World) -> None:
    landing = world.settings.landing_uri
    _first_hour(landing)
    day = live_day(world.house, world.business, TODAY)
    assert day == TODAY
    state = LiveState(world.house, world.business, TODAY)
    scorer = LiveScorer(state, in_charge(state, tracking_of({"7": model()})))
    arrived = state.take(state.waiting())
    assert arrived.rows == 5 and arrived.refused == 2
    keys = {n: world.key(n) for n in range(1, 21)}
    assert {keys[6], keys[8]} <= arrived.touched
    found = scorer.score(arrived.touched)
    scored = dict(
        zip(found.scores["customer_key"].to_pylist(), found.scores["probability"].to_pylist(), strict=True)
    )
    assert scored[keys[6]] > world.probabilities(MORNING)[keys[6]]
    told = alert(world.house, world.business, found, datetime.now(UTC).replace(microsecond=0))
    assert [(row["rule"], row["customer_key"]) for row in told] == [("third_ticket", keys[6])]
    assert put_out(world.house, world.business, datetime.now(UTC)) == 1
    [file] = world.told.glob("*.csv")
    assert keys[6] in file.read_text()

    _second_hour(landing)
    arrived = state.take(state.waiting())
    assert state.waiting() == {} and arrived.by_source["tickets"].strangers == 1
    assert {keys[n] for n in (2, 5, 6, 12)} <= arrived.touched
    found = scorer.score(state.related(arrived.touched))
    gone = state.related(arrived.touched) - set(found.scores["customer_key"].to_pylist())
    assert gone == {keys[2], keys[6]}, "who left, and who was merged, has no score any more"
    for key in gone:
        scored.pop(key, None)
    scored |= dict(
        zip(found.scores["customer_key"].to_pylist(), found.scores["probability"].to_pylist(), strict=True)
    )

    world.ingest()
    for source in world.business.sources:
        assert _rows(state._sources[source.name].of({*keys.values()}), keys) == _rows(
            world.house.arrow(tables.silver(source)), keys
        )
    world.daily(TODAY)
    morning = world.probabilities(TODAY)
    assert keys[2] not in morning and keys[6] not in morning
    assert {keys[n] for n in (5, 8, 12, 13)} <= scored.keys()
    assert {key: pytest.approx(morning[key], abs=1e-9) for key in scored} == scored
    mine = [
        row for row in alerts(world.house) if row["rule"] == "third_ticket" and row["customer_key"] == keys[6]
    ]
    assert len(mine) == 1, "the morning knows the alert of the day before"
