"""The two lights: never good without a fresh status, and red with the incident behind it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_assets.app.queries.lights import OLD, Light, data_light, model_light, open_incidents
from churn_assets.app.store import ReleaseStore
from churn_assets.lakehouse import tables
from churn_assets.reporting.words import full_date
from churn_assets_tests.app.scored_months import DAYS, incident, opened_store, publish_months, status
from churn_assets_tests.serving.release.current import current_day

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
AT = datetime.fromisoformat(status()["at"])


def _both(store: ReleaseStore, told: dict[str, object] | None, now: datetime = NOW) -> tuple[Light, Light]:
    return model_light(store, told, now, full_date), data_light(store, told, now, full_date)


def test_all_is_well_with_a_fresh_status(months_store: ReleaseStore) -> None:
    model, data = _both(months_store, status())
    assert (model.state, data.state) == ("good", "good")
    assert data.sentence == (
        "None of the 2 sources lacks an extract. Of 6,000 delivered rows 60 (1.00%) were refused; the page Data tells "
        "why."
    )


def test_without_a_status_or_with_an_old_one_neither_light_is_good(months_store: ReleaseStore) -> None:
    for light in _both(months_store, None):
        assert light.state == "unknown"
        assert light.sentence.startswith("Unknown: the pipeline has written no status")
    assert [light.state for light in _both(months_store, status(), AT + OLD)] == ["good", "good"]
    for light in _both(months_store, status(), AT + OLD + timedelta(seconds=1)):
        assert light.state == "unknown"
        assert "of 1 January 2026, which is too old" in light.sentence


def test_bad_news_of_the_release_shows_without_a_status(tmp_path: Path) -> None:
    chance = {
        "as_of_date": DAYS[1],
        "model_version": "2",
        "status": "ok",
        "auc": 0.5,
        "auc_low": 0.4,
        "auc_high": 0.6,
    }
    publish_months(
        tmp_path, model_performance=tables.MODEL_PERFORMANCE.rows([chance]), stale_from="2026-01-01"
    )
    model, data = _both(opened_store(tmp_path), None)
    assert (model.state, data.state) == ("bad", "look")
    assert data.sentence == (
        "Newer scores are overdue since 1 January 2026: these are as of 31 December 2025."
    )


@pytest.mark.parametrize(
    ("overdue", "state"), [("2026-01-01", "look"), ("2026-01-02", "good"), (None, "good")]
)
def test_overdue_scores_of_the_day_are_told(tmp_path: Path, overdue: str | None, state: str) -> None:
    publish_months(tmp_path, current=current_day(0, stale_from=overdue, as_of_date="2025-12-29"))
    _, data = _both(opened_store(tmp_path), status())
    assert data.state == state
    if overdue == "2026-01-01":
        assert data.sentence == (
            "Newer scores of the day are overdue since 1 January 2026: these are as of 29 December 2025."
        )


@pytest.mark.parametrize("kind", ["source_late", "balance_broken", "run_failed"])
def test_a_grave_incident_is_red_and_named(months_store: ReleaseStore, kind: str) -> None:
    told = status(incidents=[incident("message_undeliverable", priority="P1"), incident(kind)])
    model, data = _both(months_store, told)
    assert (model.state, data.state) == ("good", "bad")
    assert data.sentence == "Incident INC-3 (P2) is open since 30 December 2025: The usage is late."
    assert len(data.incidents) == 2


def test_a_degraded_model_is_red_for_the_model_only(months_store: ReleaseStore) -> None:
    model, data = _both(months_store, status(incidents=[incident("model_degraded", title="AUC fell.")]))
    assert (model.state, data.state) == ("bad", "good")
    assert model.sentence == "Incident INC-3 (P2) is open since 30 December 2025: AUC fell."


def test_an_incident_counts_until_it_is_resolved_and_also_in_an_old_status(
    months_store: ReleaseStore,
) -> None:
    resolved = status(incidents=[incident("source_late", state="resolved")])
    assert _both(months_store, resolved)[1].state == "good"
    assert open_incidents(resolved) == []
    taken = status(incidents=[incident("source_late", state="acknowledged")])
    assert _both(months_store, taken, NOW + timedelta(days=30))[1].state == "bad"


def test_a_lesser_incident_asks_to_look(months_store: ReleaseStore) -> None:
    light = _both(months_store, status(incidents=[incident("manual_run_failed")]))[1]
    assert light.state == "look"


def test_missing_extracts_count_once_their_month_is_over(months_store: ReleaseStore) -> None:
    source = status()["sources"][1]
    lacking = status(sources=[source | {"missing_months": ["2025-12", "2026-01"]}])
    light = _both(months_store, lacking)[1]
    assert (light.state, light.sentence) == ("look", "Of usage no extract of 2025-12 has passed.")
    still_open = status(sources=[source | {"missing_months": ["2026-01"]}])
    assert _both(months_store, still_open)[1].state == "good"


def test_rows_that_do_not_add_up_are_red(months_store: ReleaseStore) -> None:
    rows = status()["rows"]
    light = _both(months_store, status(rows=[rows[0], rows[1] | {"balances": False}]))[1]
    assert light.state == "bad"
    assert "customers in 2025-11 do not add up" in light.sentence


def test_a_status_without_rows_is_not_good(months_store: ReleaseStore) -> None:
    assert _both(months_store, status(rows=[]))[1].state == "unknown"
