"""What a replay says about what it found."""

from datetime import date
from html import escape
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from churn_assets.months import add_months, month_end
from churn_assets.replay.auc_by_cohort import ReplayedCohort, regained
from churn_assets.replay.replayed_months import DEGRADATION, FIRST_MODEL, NEW_DATA, ReplayedTraining
from churn_assets.replay.report import print_result, replay_page
from churn_assets.replay.result import ReplayResult, conclusion
from churn_assets.replay.world import Plan

CHANGE = "2025-03"


def _cohort(
    month: str, auc: float | None = 0.8, first: float | None = 0.8, hazard: float | None = 0.9
) -> ReplayedCohort:
    return ReplayedCohort(
        as_of_date=month_end(month),
        label_available_at=month_end(add_months(month, 2)),
        positives=50,
        in_charge="1",
        auc=auc,
        auc_low=None if auc is None else auc - 0.05,
        auc_high=None if auc is None else auc + 0.05,
        auc_of_first=first,
        auc_of_hazard=hazard,
    )


def _training(
    month: str, called_by: str, version: str | None = "2", promoted: bool = True
) -> ReplayedTraining:
    return ReplayedTraining(month, called_by, version, promoted, "better")


def _found(
    *trainings: ReplayedTraining, drift_from: str | None = CHANGE, until: str = "2025-12"
) -> ReplayResult:
    plan = Plan(customers=10, months=24, drift_from=drift_from, seed=1)
    months = [m for m in plan.calendar if "2024-10" <= m <= until]
    return ReplayResult(plan, trainings, [_cohort(m) for m in months])


def test_the_first_changed_cohort_is_the_one_whose_outcome_lies_after_the_change() -> None:
    assert _found().change == date(2025, 2, 28)
    assert _found(drift_from=None).change is None


@pytest.mark.parametrize(
    ("month", "matured"),
    [("2025-03", 0), ("2025-04", 1), ("2025-05", 2), ("2025-06", 3)],
)
def test_cohorts_are_counted_until_the_alarm_as_they_mature(month: str, matured: int) -> None:
    """A cohort matures two months after its date; the first changed one is that of February."""
    assert _found(_training(month, DEGRADATION)).cohorts_until_alarm == matured


def test_the_alarm_is_the_first_call_of_degradation_after_the_change() -> None:
    early, new_data = _training("2025-01", DEGRADATION), _training("2025-04", NEW_DATA)
    alarm, later = _training("2025-05", DEGRADATION), _training("2025-09", DEGRADATION)
    found = _found(_training("2024-12", FIRST_MODEL, "1"), early, new_data, alarm, later)
    assert found.alarm == alarm
    assert found.needless == 1
    assert _found(early, new_data).alarm is None
    assert _found(early, new_data).cohorts_until_alarm is None


def test_without_a_change_every_call_of_degradation_is_needless() -> None:
    found = _found(_training("2025-01", DEGRADATION), _training("2025-09", DEGRADATION), drift_from=None)
    assert (found.needless, found.quiet_cohorts) == (2, 15)
    assert "Nothing changed; degradation requested 2 trainings." in conclusion(found)
    assert _found().quiet_cohorts == 4


@pytest.mark.parametrize(("auc", "share"), [(0.7, 0.0), (0.8, 0.5), (0.9, 1.0), (0.6, -0.5)])
def test_regained_is_the_share_of_the_loss_that_came_back(auc: float, share: float) -> None:
    cohorts = [_cohort("2025-01", 0.1, 0.7, 0.9), _cohort("2025-05", auc, 0.7, 0.9), _cohort("2025-06", None)]
    assert regained(cohorts, date(2025, 5, 31)) == pytest.approx(share)


def test_nothing_can_be_regained_where_nothing_was_lost_or_nothing_is_known() -> None:
    assert regained([_cohort("2025-05", 0.9, 0.9, 0.9)], date(2025, 1, 1)) is None
    assert regained([_cohort("2025-05", None)], date(2025, 1, 1)) is None
    assert regained([], date(2025, 1, 1)) is None


def test_a_narrow_terminal_cuts_no_figure_off() -> None:
    console = Console(width=80, record=True, file=StringIO())
    print_result(_found(_training("2025-05", DEGRADATION, "2")), console)
    row = next(line for line in console.export_text().splitlines() if "2025-05-31" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:5] == ["2025-05-31", "50", "1", "0.800", "0.750 to 0.850"]
    assert cells[-1] == "training (degradation): version 2 takes charge"


def test_the_table_and_the_page_tell_what_happened(tmp_path: Path) -> None:
    found = _found(
        _training("2024-12", FIRST_MODEL, "1"),
        _training("2025-05", DEGRADATION, "2"),
        _training("2025-11", NEW_DATA, "3", promoted=False),
        _training("2025-12", NEW_DATA, None, promoted=False),
    )
    console = Console(width=200, record=True, file=(tmp_path / "out").open("w"))
    print_result(found, console)
    told = console.export_text()
    assert "the world changes" in told
    assert "training (degradation): version 2 takes charge" in told
    assert "training (new data): version 3 is not better" in told
    assert "training (new data): failed" in told
    assert "at the end of 2025-05, when 2 changed cohorts had matured" in told
    page = replay_page(found)
    for said in (conclusion(found), "version 2 takes charge", "the world changes in 2025-03", "<b>2</b>"):
        assert said in page, said
    assert page.count('<img src="data:image/png;base64,') == 1


def test_a_quiet_world_has_a_page_without_an_alarm() -> None:
    page = replay_page(_found(drift_from=None))
    assert "the world does not change" in page and "Nothing changed" in page and "regained" not in page


def test_names_in_a_replay_are_words_and_no_markup() -> None:
    name = "<script>alert(1)</script>|x"
    page = replay_page(_found(_training("2025-05", name, name)))
    assert "<script" not in page and f"training ({escape(name)}): version {escape(name)} takes charge" in page
