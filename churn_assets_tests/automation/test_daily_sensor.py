"""The sensor asks for scores of the day once for all that is new, and says why it does not."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.automation import daily_sensor
from churn_assets.automation.daily_sensor import daily_scores_sensor
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.graph.names import DAILY
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets_tests.alerts.days import score
from churn_assets_tests.lakes import settings_for, small_business
from churn_assets_tests.scored_cohorts import put_in_charge

CALENDAR = {"start": "2025-01", "end": "2025-12"}
BEFORE, DAY, NEXT = date(2025, 3, 31), date(2025, 12, 10), date(2025, 12, 11)


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return load_business(small_business(tmp_path, calendar=CALENDAR, retraining=None))


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    return Lakehouse(settings_for(tmp_path / "home"))


def passed(house: Lakehouse, *days: date) -> None:
    """Extracts of usage that passed silver."""
    table = tables.RECONCILIATION
    row = {"source": "usage", "delivered": 1, "accepted": 1, "duplicate": 0, "quarantined": 0}
    row |= {"balances": True, "whole": True, "extract_month": month_of(days[-1]), "extract_dates": [*days]}
    house.replace_rows(table, table.rows([row]), "extract_month", [month_of(days[-1])], run_id="r")


class Ticks:
    """Ticks of the sensor, one after the other."""

    def __init__(self, house: Lakehouse, business: Business) -> None:
        self.house, self.sensor, self.cursor = house, daily_scores_sensor(business), None
        self.instance = dg.DagsterInstance.ephemeral()

    def __call__(self) -> dg.RunRequest | str:
        """What the next tick asks for, else why it asks for nothing."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"lakehouse": self.house}
        )
        done = self.sensor(context)
        self.cursor = context.cursor
        return done if isinstance(done, dg.RunRequest) else str(done.skip_message)

    def ran(self, key: str, succeeded: bool) -> None:
        """A run with this key, as the daemon makes it, has ended now."""
        tags = {"dagster/run_key": key}
        run = dg.DagsterRun(job_name=DAILY, run_id=key, status=dg.DagsterRunStatus.STARTED, tags=tags)
        self.instance.add_run(run)
        if succeeded:
            self.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", DAILY), key)
        else:
            self.instance.report_run_failed(run)


def asked(done: dg.RunRequest | str) -> str:
    """The key of a run that is asked for."""
    assert isinstance(done, dg.RunRequest), done
    return str(done.run_key)


def test_it_waits_for_extracts_a_whole_window_and_a_model(house: Lakehouse, business: Business) -> None:
    tick = Ticks(house, business)
    assert tick() == "Nothing has passed silver yet."
    passed(house, BEFORE)
    assert str(tick()).startswith(f"{BEFORE} lies before ")
    passed(house, DAY)
    assert tick() == f"No model is in charge of {DAY}."
    put_in_charge(house, 0.8, "1", date(2025, 9, 30))
    assert asked(tick()).startswith(f"daily-{DAY}-")


def test_what_is_new_is_asked_for_once(house: Lakehouse, business: Business) -> None:
    assert daily_scores_sensor(business).job_name == DAILY
    passed(house, DAY)
    put_in_charge(house, 0.8, "1", date(2025, 9, 30))
    tick = Ticks(house, business)
    first = asked(tick())
    assert asked(tick()) == first, "no run was made of it yet"
    tick.ran(first, succeeded=True)
    assert tick() == f"Nothing new has passed silver to score {DAY} by.", "the run had nobody to score"
    table = tables.CURRENT_SCORES
    rows = table.rows([score("a", 0, as_of_date=DAY)])
    house.replace_rows(table, rows, "as_of_date", [DAY], run_id="r")
    assert tick() == f"Nothing new has passed silver since the scores of {DAY}."
    assert Ticks(house, business)() == tick(), "a new cursor does not score a day again"
    passed(house, DAY, NEXT)
    second = asked(tick())
    assert second.startswith(f"daily-{NEXT}-")
    put_in_charge(house, 0.8, "2", date(2025, 10, 31))
    third = asked(tick())
    assert third.startswith(f"daily-{NEXT}-")
    assert len({first, second, third}) == 3


def test_a_failed_run_is_asked_for_again_three_times_and_then_told(
    house: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(house, DAY)
    put_in_charge(house, 0.8, "1", date(2025, 9, 30))
    tick, keys = Ticks(house, business), list[str]()
    for _ in range(3):
        monkeypatch.setattr(daily_sensor, "PAUSE", timedelta())
        keys.append(asked(tick()))
        tick.ran(keys[-1], succeeded=False)
        monkeypatch.setattr(daily_sensor, "PAUSE", timedelta(minutes=10))
        waits = (
            "3 runs have failed" if len(keys) == 3 else "A run has failed; this sensor asks again 10 minutes"
        )
        assert str(tick()).startswith(waits)
    assert len(set(keys)) == 3
    monkeypatch.setattr(daily_sensor, "PAUSE", timedelta())
    assert "`churn-assets daily` runs it again" in str(tick())
    passed(house, DAY, NEXT)
    assert asked(tick()) not in keys, "something new is tried"
