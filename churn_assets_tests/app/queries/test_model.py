"""The sentence about the model: what is measured, what is not yet, and what was never."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.app.queries import model
from churn_assets.app.store import ReleaseStore
from churn_assets.lakehouse import tables
from churn_assets.reporting.words import full_date
from churn_assets_tests.app.scored_months import DAYS, opened_store, publish_months

MEASURED = {"as_of_date": DAYS[1], "model_version": "2", "status": "ok", "n": 100, "positives": 9}


def _told(root: Path, *rows: dict[str, Any], without: tuple[str, ...] = ()) -> model.ModelEvidence:
    """What is told of a release with these rows in model_performance."""
    publish_months(root, model_performance=tables.MODEL_PERFORMANCE.rows(list(rows)), without=without)
    return model.evidence(opened_store(root), full_date)


def test_a_measured_month_answers_with_its_interval_and_the_promise(months_store: ReleaseStore) -> None:
    found = model.evidence(months_store, full_date)
    assert found == model.ModelEvidence(
        "good",
        "Yes. For the customers of 30 November 2025, the newest whose outcomes are known, the model ranked 79 of 100 "
        "pairs of a leaver and a stayer rightly (95 % interval 71 to 87). Chance ranks 50 rightly; its test promised "
        "82.",
    )


def test_what_is_not_yet_measurable_says_until_when(tmp_path: Path) -> None:
    waits = {"as_of_date": DAYS[2], "model_version": "2", "status": "immature", "n": 100}
    of_another = MEASURED | {"model_version": "1", "auc": 0.8, "auc_low": 0.7, "auc_high": 0.9}
    found = _told(tmp_path, waits, of_another)
    assert found.verdict == "unknown"
    assert found.sentence.startswith(
        "Not yet measurable. What became of the customers of 31 December 2025 is known on 9 February 2026 at the "
        "earliest. In the test at its training, on customers of 30 November 2025 that it had not seen, it ranked 82 of "
        "100 pairs rightly (95 % interval 78 to 86)."
    )


def test_outcomes_of_a_day_are_known_after_gap_window_and_settlement(months_store: ReleaseStore) -> None:
    assert model.due(months_store, date(2025, 12, 31)) == date(2026, 2, 9)
    assert model.outcome_days(months_store, date(2025, 12, 31)) == (date(2026, 1, 8), date(2026, 2, 6))


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("too few positives", "too few of its customers left"),
        ("feed incomplete", "deliveries of its outcomes are missing"),
        ("one class", "all of its customers did the same"),
    ],
)
def test_a_month_without_figures_says_why(tmp_path: Path, status: str, why: str) -> None:
    found = _told(tmp_path, MEASURED | {"status": status})
    assert found.verdict == "unknown"
    assert found.sentence.startswith(f"Not measurable. Of 30 November 2025 there is no figure: {why}.")


def test_no_better_than_chance_and_weaker_than_promised(tmp_path: Path) -> None:
    chance = _told(tmp_path / "a", MEASURED | {"auc": 0.6, "auc_low": 0.49, "auc_high": 0.71})
    assert (chance.verdict, chance.sentence[:4]) == ("bad", "No. ")
    weaker = _told(tmp_path / "b", MEASURED | {"auc": 0.7, "auc_low": 0.65, "auc_high": 0.75})
    assert (weaker.verdict, weaker.sentence[:11]) == ("look", "With care. ")
    assert weaker.sentence.endswith("It has become weaker, by more than chance.")


def test_without_an_interval_nobody_says_yes(tmp_path: Path) -> None:
    found = _told(tmp_path, MEASURED | {"auc": 0.8, "auc_low": None, "auc_high": None})
    assert found.verdict == "unknown"
    assert found.sentence.startswith("Not certain. ")


def test_absent_tables_are_told(tmp_path: Path) -> None:
    publish_months(tmp_path, without=("model_performance", "training_runs"))
    found = model.evidence(opened_store(tmp_path), full_date)
    assert found.verdict == "unknown"
    assert found.sentence == (
        "Nobody has measured the model: monitoring/model_performance was never materialised. The release holds no "
        "result of a test at its training."
    )


def test_without_trainings_nothing_is_promised(tmp_path: Path) -> None:
    measured = MEASURED | {"auc": 0.7, "auc_low": 0.65, "auc_high": 0.75}
    found = _told(tmp_path, measured, without=("training_runs",))
    assert found.verdict == "good"
    assert found.sentence.endswith("Chance ranks 50 rightly.")
    assert model.performance(opened_store(tmp_path))["promised"].isna().all()


def test_drift_names_features_in_words_and_begins_with_the_most_different(months_store: ReleaseStore) -> None:
    found = model.drift(months_store, DAYS[2])
    assert found["words"].tolist()[:2] == ["support tickets", "days as a customer"]
    [day] = model.drift_days(months_store).to_dict("records")
    assert (day["features"], day["moved"], day["shifted"], day["score"]) == (3, 2, 1, "stable")


def test_the_newest_decision_stands_first(months_store: ReleaseStore) -> None:
    assert model.champions(months_store)["model_version"].tolist() == ["2", "1"]


def test_a_chapter_of_the_card_has_no_pictures(months_store: ReleaseStore) -> None:
    card = months_store.release.card
    assert model.chapter(card, "Fairness") == "Judged by region."
    assert model.chapter(card, "Profit") is None
    assert "![" not in model.for_reading(card)
    assert model.for_reading(card).startswith("### Model card")
    assert model.card_page(months_store) == b"<h1>Model card</h1>"
