"""An objective is measured over its window; what cannot be judged is no success."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.service_levels import ServiceLevels
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.service_levels.levels import level, measure, record_levels, recorded_levels
from churn_assets_tests.lakes import settings_for

TODAY = date(2026, 6, 30)


def test_the_error_budget_is_what_may_still_fail() -> None:
    good = level(TODAY, "x", 30, 0.9, [True] * 20)
    assert (good.total, good.good, good.budget_left, good.breached) == (20, 20, 1.0, False)
    half = level(TODAY, "x", 30, 0.9, [True] * 19 + [False])
    assert half.budget_left == pytest.approx(0.5)
    gone = level(TODAY, "x", 30, 0.9, [True] * 17 + [False] * 3)
    assert gone.budget_left == pytest.approx(-0.5)
    assert gone.breached
    nothing = level(TODAY, "x", 30, 0.9, [])
    assert (nothing.budget_left, nothing.breached) == (None, False)
    perfect = level(TODAY, "x", 30, 1.0, [True, False])
    assert (perfect.budget_left, perfect.breached) == (-1.0, True)


def test_days_are_kept_and_counted_once_and_runs_outside_the_window_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, rule = Lakehouse(settings_for(tmp_path / "home")), ServiceLevels(window_days=10)
    monkeypatch.setenv("CHURN_HOME", house.settings.home)
    shown = CliRunner().invoke(cli, ["service-levels"]).output
    assert shown == "Nothing is measured yet; the daemon measures once a day.\n"
    for back in range(12, 0, -1):
        day = TODAY - timedelta(days=back)
        record_levels(house, measure(rule, recorded_levels(house), back != 11, [], day), "test")
    ends = [(TODAY - timedelta(days=back), back != 3) for back in (3, 9, 10)]
    for fresh in (False, True):  # a day that is measured again is replaced
        levels = measure(rule, recorded_levels(house), fresh, ends, TODAY)
        record_levels(house, levels, "test")
    fresh_scores, month_end = levels
    assert (fresh_scores.total, fresh_scores.good) == (10, 10), "the day that failed is before the window"
    assert (month_end.total, month_end.good, month_end.breached) == (2, 1, True)
    lines = CliRunner().invoke(cli, ["service-levels"]).output.splitlines()
    assert lines == [
        "fresh_scores on 2026-06-30: 10 of 10 in 10 days, target 95.0%; 100% of the error budget is left",
        "month_end_success on 2026-06-30: 1 of 2 in 10 days, target 90.0%; BREACHED",
    ]


def test_a_day_without_anything_due_is_neither_good_nor_bad() -> None:
    fresh_scores, _ = measure(ServiceLevels(), [], None, [], TODAY)
    assert (fresh_scores.kept, fresh_scores.total, fresh_scores.budget_left) == (None, 0, None)
