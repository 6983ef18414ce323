"""The search: what it looks at, that it goes on where it stopped, and when the defaults stay."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.candidates.candidate import EngineChoice, TrainingPart
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.search_range import Range
from churn_assets.ml.portable.model import Linear, Scorer
from churn_assets.ml.training.learner import Learner
from churn_assets.ml.training.search import Found, Search, Trial, rolling_origins, tuned
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split, recent_split, temporal_split
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import FEATURES, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

DAYS = [day.date() for day in pd.date_range("2025-01-31", periods=11, freq="ME")]
SPLIT = temporal_split(DAYS, 7, 30)
SIGNAL = FEATURES.index("usage__gb__trend")


@dataclass(frozen=True)
class Blurred:
    """Ranks by the usage and, the more `blur` there is, by a column of no meaning; best without."""

    engines: ClassVar[tuple[str, ...]] = ("local", "spark")
    space: ClassVar[dict[str, Range]] = {"blur": Range(0.0, 10.0), "steps": Range(1, 9, log=True)}
    blur: float = 5.0
    steps: int = 3
    column: int = 0
    fail_at: ClassVar[int] = 10**9
    fits: ClassVar[list[int]] = []

    def fit(self, part: TrainingPart) -> Scorer:
        self.fits.append(len(part.labels))
        if len(self.fits) == self.fail_at:
            raise KeyboardInterrupt
        coefficients = np.zeros(part.matrix.shape[1])
        coefficients[SIGNAL] = -1
        coefficients[self.column] = self.blur
        return Scorer(Linear(coefficients, 0.0, coefficients * 0), "log_odds")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=200, cohorts=DAYS)


def learner_of(candidate: Any) -> Learner:
    Blurred.fits.clear()
    return Learner(FEATURES, 3, no_spark, candidates={"blurred": candidate})


def searched(
    frame: pd.DataFrame, file: Path, trials: int, candidate: Any = None, **how: Any
) -> tuple[tuple[Found, ...], list[Trial]]:
    """What was found, and the trials that were made for it."""
    told: list[Trial] = []
    search = Search(trials, file, on_trial=told.append, **how)
    return tuned(frame, SPLIT, ["blurred"], learner_of(candidate or Blurred()), search), told


def facts(trials: list[Trial]) -> list[Trial]:
    return [replace(trial, seconds=0.0) for trial in trials]


def months(*numbers: int) -> tuple[date, ...]:
    return tuple(DAYS[number - 1] for number in numbers)


def test_origins_lie_before_the_training_with_an_embargo_in_between() -> None:
    assert SPLIT.train == months(1, 2, 3, 4, 5, 6) and SPLIT.validation[0] == DAYS[7]
    assert rolling_origins(SPLIT) == [
        (months(1, 2), DAYS[3]), (months(1, 2, 3), DAYS[4]), (months(1, 2, 3, 4), DAYS[5])
    ]  # fmt: skip
    gap = (DAYS[5] - DAYS[3]).days
    for days, learned in ((gap, months(1, 2, 3, 4)), (gap + 1, months(1, 2, 3))):
        split = Split(SPLIT.train, SPLIT.validation, SPLIT.test, timedelta(days=days))
        assert rolling_origins(split)[-1] == (learned, DAYS[5])


def test_after_a_degradation_nothing_is_searched_that_the_training_is_judged_by() -> None:
    split = recent_split(DAYS, 7, 30)
    assert split.test == DAYS[10] in split.train
    assert [day for _, day in rolling_origins(split)] == [*months(7, 8, 9)]


def test_a_short_history_is_not_searched(frame: pd.DataFrame, tmp_path: Path) -> None:
    lines: list[str] = []
    for split in (temporal_split(DAYS[:4], 0, 60), temporal_split(DAYS[:7], 7, 30)):
        search = Search(3, tmp_path / "journal")
        assert tuned(frame, split, ["blurred"], learner_of(Blurred()), search, lines.append) == ()
    assert len(lines) == 2 and all(line.startswith("no search: it takes 2 cohorts") for line in lines)
    assert not Blurred.fits


def test_better_settings_are_found_and_said(frame: pd.DataFrame, tmp_path: Path) -> None:
    (found,), trials = searched(frame, tmp_path / "journal", 15)
    assert found.improved and found.settings["blur"] < 0.5 and "gain +0.1" in found.why
    assert [trial.number for trial in trials] == list(range(15))
    assert trials[0].settings == {"blur": 5.0, "steps": 3}
    best = max((t for t in trials if not t.given_up), key=lambda t: sum(t.aucs.values()))
    assert found.settings == best.settings
    for trial in trials:
        assert 0 <= trial.settings["blur"] <= 10 and trial.settings["steps"] in range(1, 10)
        assert (len(trial.aucs) < 3) == trial.given_up and set(trial.aucs) <= set(months(4, 5, 6))
    assert any(trial.given_up for trial in trials)
    assert max(Blurred.fits) == 4 * 200  # never more than the four cohorts that the newest origin learns from


@pytest.mark.parametrize("blur", [0.0, 0.003])
def test_the_defaults_stay_unless_clearly_beaten(frame: pd.DataFrame, tmp_path: Path, blur: float) -> None:
    (found,), _ = searched(frame, tmp_path / "journal", 8, Blurred(blur))
    assert not found.improved and found.settings == {"blur": blur, "steps": 3} and "defaults" in found.why


def test_what_the_training_is_judged_by_is_never_seen(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Other labels and features from the last train cohort's embargo on: the same trials."""
    _, before = searched(frame, tmp_path / "a", 5)
    poisoned = frame.copy()
    later = poisoned["as_of_date"] > DAYS[5]
    poisoned.loc[later, "label"] = 1 - poisoned.loc[later, "label"]
    poisoned.loc[later, "usage__gb__trend"] = 1e9
    _, after = searched(poisoned, tmp_path / "b", 5)
    assert facts(before) == facts(after)


@pytest.mark.parametrize("fail_at", [2, 11, 20])
def test_a_search_goes_on_where_it_stopped(
    frame: pd.DataFrame, tmp_path: Path, fail_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in a trial, the first one included, it finds what it would have found, and repeats no finished trial."""
    whole, at_once = searched(frame, tmp_path / "whole", 9)
    told: list[Trial] = []
    search = Search(9, tmp_path / "stopped", on_trial=told.append)
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as killed:
        killed.setattr(Blurred, "fail_at", fail_at)
        tuned(frame, SPLIT, ["blurred"], learner_of(Blurred()), search)
    assert len(told) < 9
    found, rest = searched(frame, tmp_path / "stopped", 9)
    assert facts(told + rest) == facts(at_once) and found == whole
    again, none = searched(frame, tmp_path / "stopped", 9)
    assert again == whole and none == [] and not Blurred.fits


def test_other_rows_start_anew(frame: pd.DataFrame, tmp_path: Path) -> None:
    searched(frame, tmp_path / "journal", 2)
    turned = frame.assign(label=1 - frame["label"])
    assert len(searched(turned, tmp_path / "journal", 2)[1]) == 2


@pytest.mark.parametrize("column", ["label", "usage__gb__trend", "customer_key"])
def test_the_same_values_on_other_rows_start_anew(frame: pd.DataFrame, tmp_path: Path, column: str) -> None:
    """All sums stay as they were."""
    searched(frame, tmp_path / "journal", 2)

    def mixed(values: pd.Series) -> Any:
        return values.sample(frac=1, random_state=values.index[0]).to_numpy()

    others = frame.groupby("as_of_date")[column].transform(mixed)
    assert len(searched(frame.assign(**{column: others}), tmp_path / "journal", 2)[1]) == 2


def test_other_settings_and_another_engine_start_anew(frame: pd.DataFrame, tmp_path: Path) -> None:
    search = Search(2, tmp_path / "journal")

    def fits(candidate: Blurred, engine: EngineChoice) -> int:
        tuned(frame, SPLIT, ["blurred"], replace(learner_of(candidate), engine=engine), search)
        return len(Blurred.fits)

    assert fits(Blurred(), "local") > 0
    assert fits(Blurred(), "auto") == 0  # for so few rows it is local
    assert fits(Blurred(column=1), "local") > 0
    assert fits(Blurred(), "spark") > 0


def test_a_budget_of_seconds_ends_it(frame: pd.DataFrame, tmp_path: Path) -> None:
    (found,), trials = searched(frame, tmp_path / "journal", 50, seconds=1e-9)
    assert len(trials) == 1 and not found.improved
    assert searched(frame, tmp_path / "journal", 50, seconds=1e-9)[1] == []
    assert len(searched(frame, tmp_path / "journal", 3, seconds=1000)[1]) == 2


def test_a_training_uses_and_remembers_what_was_found(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CANDIDATES, "blurred", Blurred())
    settings = TrainingSettings(candidates=("blurred",), seed=3)
    lines: list[str] = []
    search = Search(10, tmp_path / "journal")
    better = train(frame, FEATURES, SPLIT, settings, no_spark, lines.append, search)
    plain = train(frame, FEATURES, SPLIT, settings, no_spark)
    assert (better.test.auc or 0) > (plain.test.auc or 1) + 0.1
    [found] = better.searched
    assert found.improved and found.why in lines and plain.searched == ()
    assert better.model.about["hyper_parameters"]["blurred"]["blur"] == found.settings["blur"]
    assert plain.model.about["hyper_parameters"]["blurred"]["blur"] == 5.0
    assert any(line.startswith("search of blurred, trial 0: AUC 0.") for line in lines)


def test_defaults_lie_inside_what_may_be_tried() -> None:
    for name, candidate in CANDIDATES.items():
        for setting, of in candidate.space.items():
            assert of.low <= getattr(candidate, setting) <= of.high, (name, setting)
