"""Trainings side by side."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from churn_assets.cli.lake import _tell_trainings
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets.models.backtest import backtest_figure, backtest_markdown, backtest_rows, trainings
from churn_assets_tests.lakes import settings_for


def _training(month: int, version: str, trained_at: int, auc: float = 0.8) -> dict[str, Any]:
    return {
        "trained_as_of": date(2025, month, 28),
        "model_version": version,
        "mlflow_run_id": f"run{version}",
        "candidate": "random_forest",
        "test_as_of_date": date(2025, month - 1, 28),
        "auc": auc,
        "auc_low": auc - 0.05,
        "auc_high": auc + 0.05,
        "lift_top_decile": 4.25,
        "brier": 0.0312,
        "empc": 1.234 if month > 2 else None,
        "profit_at_capacity": -0.5 if month > 2 else None,
        "trained_at": datetime(2026, 1, trained_at, tzinfo=UTC),
    }


def _decision(version: str, promoted: bool, by: str = "training, Dagster run x") -> dict[str, Any]:
    return {"model_version": version, "mlflow_run_id": f"run{version}", "promoted": promoted, "by": by}


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """February to May; April was trained twice, the second time later."""
    house = Lakehouse(settings_for(tmp_path))
    assert trainings(house, date.min, date.max) == []
    rows = [_training(2, "1", 1), _training(4, "3", 9, 0.9), _training(4, "2", 2), _training(5, "4", 4)]
    decisions = [_decision("1", True), _decision("2", True), _decision("3", False), _decision("4", False)]
    decisions.append(_decision("4", True, "by hand"))
    house.append_rows(tables.TRAINING_RUNS, tables.TRAINING_RUNS.rows(rows), run_id="r")
    house.append_rows(tables.CHAMPIONS, tables.CHAMPIONS.rows(decisions), run_id="r")
    return house


def test_the_newest_training_of_each_month_in_the_range_counts(lakehouse: Lakehouse) -> None:
    found = trainings(lakehouse, date(2025, 2, 28), date(2025, 4, 28))
    assert [(r["model_version"], r["promoted"]) for r in found] == [("1", True), ("3", False)]
    assert [r["model_version"] for r in trainings(lakehouse, date(2025, 3, 1), date.max)] == ["3", "4"]


def test_a_promotion_by_hand_is_no_decision_of_the_training(lakehouse: Lakehouse) -> None:
    [*_, last] = trainings(lakehouse, date.min, date.max)
    assert (last["model_version"], last["promoted"]) == ("4", False)


def test_the_picture_of_a_range_lies_where_the_catalogue_says(lakehouse: Lakehouse) -> None:
    _tell_trainings(lakehouse.settings, "2025-02", "2025-05")
    home = lakehouse.settings.home_path
    assert (home / "backtest.png").stat().st_size > 10_000
    assert unregistered(home, load_business(lakehouse.settings.business_path)) == []


def test_table_and_plot(lakehouse: Lakehouse) -> None:
    found = trainings(lakehouse, date.min, date.max)
    line = ("2025-02-28", "1", "random forest", "2025-01-28", "0.800", "0.750 to 0.850", "4.2", "0.0312")
    assert backtest_rows(found)[0] == (*line, "", "", "takes charge")
    assert backtest_rows(found)[1][-3:-1] == ("1.23", "-0.50")
    assert [row[-1] for row in backtest_rows(found)[1:]] == ["champion stays", "champion stays"]
    [axes] = backtest_figure(found).axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Feb\n2025", "Apr\n2025", "May\n2025"]
    text = backtest_markdown(found)
    assert "| 2025-02-28 |" in text and "![AUC of each training](data:image/png;base64," in text
