"""A whole training, without Spark: what is fitted where, and what comes out."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.portable.calibration import logit
from churn_assets.ml.portable.model import FORMAT_VERSION, PortableModel, Scorer
from churn_assets.ml.review import figures as plots
from churn_assets.ml.training.checked_parts import ENOUGH_FOR_HALF, TrainingError
from churn_assets.ml.training.ensembles import ENSEMBLES
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import recent_split
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, SPLIT, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTINGS = TrainingSettings(candidates=("histogram_boosting",))
CUSTOMERS = 600
RECENT = recent_split(COHORTS, 7, 30)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(CUSTOMERS)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, SETTINGS, no_spark)


@pytest.fixture(scope="module")
def recent(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, RECENT, SETTINGS, no_spark)


def test_a_training_finds_the_signal_and_reports_it(result: TrainingResult) -> None:
    assert result.chosen == "histogram_boosting" and result.model.candidate == "histogram_boosting"
    assert result.test.status == "ok" and result.test.n == CUSTOMERS
    assert result.test.auc is not None and result.test.auc > 0.7
    assert result.test.calibration_slope == pytest.approx(1, abs=0.35)
    assert next(iter(result.importance)) == "usage__gb__trend"
    assert list(result.importance.values()) == sorted(result.importance.values(), reverse=True)
    assert sum(band.n for band in result.test_by_tenure.values()) == CUSTOMERS
    assert result.rows["compared"]["rows"] == CUSTOMERS * len(SPLIT.train)
    assert result.rows["train"]["rows"] == CUSTOMERS * (
        len(SPLIT.train) + len(SPLIT.embargo) + len(SPLIT.validation)
    )
    table = result.candidates_table()
    assert table["chosen"].tolist() == [True] and table["auc"][0] > 0.7
    assert result.ensemble == "a single candidate makes no ensemble"
    assert result.model.about["members"] == {"histogram_boosting": 1.0}


def test_same_data_and_seed_give_the_same_model(frame: pd.DataFrame, result: TrainingResult) -> None:
    again = train(frame, FEATURES, SPLIT, SETTINGS, no_spark)
    assert np.array_equal(again.model.score(frame)["raw"], result.model.score(frame)["raw"])
    assert again.model.about == result.model.about


def _choosing(result: TrainingResult) -> np.ndarray:
    """Scores of the validation rows, by what was chosen before it was refitted."""
    return result.judged.loc[result.judged["as_of_date"] != SPLIT.test, "raw"].to_numpy()


def test_labels_of_later_parts_never_touch_what_was_fitted_before(
    frame: pd.DataFrame, result: TrainingResult
) -> None:
    """Turn the labels of the test cohort: the model stays; then of validation: what scored it stays."""
    turned = frame.copy()
    at = turned["as_of_date"] == SPLIT.test
    turned.loc[at, "label"] = 1 - turned.loc[at, "label"]
    other = train(turned, FEATURES, SPLIT, SETTINGS, no_spark)
    pd.testing.assert_frame_equal(other.model.score(frame), result.model.score(frame))
    assert other.test.auc == pytest.approx(1 - (result.test.auc or 0))
    at = turned["as_of_date"].isin(SPLIT.validation)
    turned.loc[at, "label"] = 1 - turned.loc[at, "label"]
    other = train(turned, FEATURES, SPLIT, SETTINGS, no_spark)
    assert np.array_equal(_choosing(other), _choosing(result))
    assert other.model.calibration != result.model.calibration


def test_features_are_learned_from_once_their_outcome_is_known(
    frame: pd.DataFrame, result: TrainingResult
) -> None:
    """What follows validation teaches nothing, the embargo before it the refitted model alone."""
    refitted = SPLIT.refitted().train
    assert set(SPLIT.embargo) <= set(refitted) and SPLIT.embargo

    def poisoned(at: pd.Series) -> TrainingResult:
        rows = frame.assign(usage__gb__trend=frame["usage__gb__trend"].mask(at, 1e9))
        return train(rows, FEATURES, SPLIT, SETTINGS, no_spark)

    other = poisoned(~frame["as_of_date"].isin(refitted))
    assert other.model.transformation == result.model.transformation
    assert np.array_equal(other.model.score(frame)["raw"], result.model.score(frame)["raw"])
    other = poisoned(frame["as_of_date"].isin(SPLIT.embargo))
    assert np.array_equal(_choosing(other), _choosing(result))
    assert other.model.transformation != result.model.transformation


BETWEEN = [date(2025, month, day) for month in range(7, 13) for day in (10, 20)]


@pytest.fixture(scope="module")
def days(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, training_frame(CUSTOMERS, BETWEEN, seed=1)], ignore_index=True)


@pytest.fixture(scope="module")
def found(days: pd.DataFrame) -> TrainingResult:
    return train(days, FEATURES, SPLIT.with_midmonth(BETWEEN), SETTINGS, no_spark)


def test_days_between_cohorts_teach_and_do_nothing_else(
    frame: pd.DataFrame, result: TrainingResult, found: TrainingResult
) -> None:
    """They choose, calibrate and test nothing, and later cohorts are not compared with them."""
    learned = found.split.learned_midmonth
    assert learned == tuple(day for day in BETWEEN if day <= date(2025, 11, 24))
    assert found.rows["train"]["rows"] == CUSTOMERS * (len(SPLIT.refitted().train) + len(learned))
    assert found.rows["compared"]["rows"] == CUSTOMERS * (len(SPLIT.train) + 4)  # until 24 August
    for part in ("selection", "calibration", "test"):
        assert found.rows[part] == result.rows[part]
    about = found.model.about
    assert about["reference_features"] == result.model.about["reference_features"]
    assert about["split"] == result.model.about["split"] | {"midmonth": [str(day) for day in learned]}
    assert set(found.judged["as_of_date"]) == {*SPLIT.validation, SPLIT.test}
    raws = [one.model.score(frame)["raw"] for one in (found, result)]
    assert not np.array_equal(*raws)


def test_a_day_between_cohorts_whose_outcome_is_open_teaches_nothing(
    frame: pd.DataFrame, days: pd.DataFrame, found: TrainingResult
) -> None:
    late = days["as_of_date"].isin([day for day in BETWEEN if day > date(2025, 11, 24)])
    assert late.any()
    without = train(days[~late], FEATURES, SPLIT.with_midmonth(BETWEEN), SETTINGS, no_spark)
    assert np.array_equal(found.model.score(frame)["raw"], without.model.score(frame)["raw"])


def test_a_recent_split_tests_nobody_by_a_model_that_learned_from_them(
    frame: pd.DataFrame, recent: TrainingResult
) -> None:
    """Shuffled labels cannot be foreseen, only remembered: the test must find chance, not memory."""
    assert (
        0.45 < recent.test.n / CUSTOMERS < 0.55
        and recent.test.auc is not None
        and 0.7 < recent.test.auc < 0.9
    )
    own = recent.model.score(frame[recent.tested_in(frame)])["raw"].to_numpy()
    assert not np.array_equal(own, recent.tested.raw)
    shuffled = frame.assign(label=np.random.default_rng(0).permutation(frame["label"]))
    chance = train(shuffled, FEATURES, RECENT, SETTINGS, no_spark).test
    assert chance.auc_low is not None and chance.auc_high is not None
    assert chance.auc_low < 0.5 < chance.auc_high
    assert recent.model.about["out_of_time"] is False


def test_who_chooses_in_the_newest_cohort_does_not_test(frame: pd.DataFrame, recent: TrainingResult) -> None:
    """Both halves teach, but for the choice and the calibration the outcomes of the one that tests are unknown."""
    result = recent
    tests = result.tested_in(frame)
    assert result.rows["selection"]["rows"] + result.rows["test"]["rows"] == CUSTOMERS
    assert set(result.contributions.index).isdisjoint(frame.loc[tests, "customer_key"])
    judged = result.judged.merge(frame[tests], on=["customer_key", "as_of_date"], validate="one_to_one")
    assert len(judged) == len(result.judged) == len(result.tested.labels) == result.test.n
    assert np.array_equal(judged["raw"], result.tested.raw)
    assert np.array_equal(frame.loc[tests, "label"], result.tested.labels)


def test_a_world_of_which_only_the_newest_cohort_is_new_is_learned_from_that_one(frame: pd.DataFrame) -> None:
    """No other cohort shows what to forget: the one before it would choose the world as it was."""
    changed = frame.copy()
    old = changed["as_of_date"] < COHORTS[-1]
    changed.loc[old, "label"] = 1 - changed.loc[old, "label"]
    forgetting = replace(SETTINGS, memory_cohorts=(3, 1))
    new = train(changed, FEATURES, RECENT, forgetting, no_spark)
    assert new.split.train == (COHORTS[-1],) and (new.test.auc or 0) > 0.7
    assert new.test.calibration_slope is not None and new.test.calibration_slope > 0.5


def test_a_newest_cohort_with_few_churners_only_tests(frame: pd.DataFrame, recent: TrainingResult) -> None:
    """Half of them would choose and test by chance; a cohort alone has no other to ask."""
    tests = frame["customer_key"].isin(recent.judged["customer_key"])
    newest = frame["as_of_date"] == COHORTS[-1]
    churners = frame[newest & tests & (frame["label"] == 1)].index
    enough = ENOUGH_FOR_HALF * SETTINGS.minimum_positives
    for kept, halved in ((enough, True), (enough - 1, False)):
        few = frame.drop(index=churners[kept:])
        result = train(few, FEATURES, RECENT, SETTINGS, no_spark)
        assert result.split.halved is halved
        assert result.split.validation == (COHORTS[-1 if halved else -2],)
        assert (result.test.n < 0.55 * CUSTOMERS) is halved
    alone = recent_split(COHORTS[-1:], 7, 30)
    assert train(frame.drop(index=churners[enough - 1 :]), FEATURES, alone, SETTINGS, no_spark).split == alone


def test_a_changed_world_is_learned_from_its_newest_cohorts(frame: pd.DataFrame) -> None:
    changed = frame.copy()
    old = changed["as_of_date"] < COHORTS[4]
    changed.loc[old, "label"] = 1 - changed.loc[old, "label"]
    forgetting = replace(SETTINGS, memory_cohorts=(3, 1))
    new = train(changed, FEATURES, RECENT, forgetting, no_spark)
    assert new.split.train == tuple(COHORTS[4:])
    assert new.model.about["split"]["train"] == [str(day) for day in COHORTS[4:]]
    everything = train(changed, FEATURES, RECENT, SETTINGS, no_spark)
    assert everything.split.train == tuple(COHORTS)
    assert (new.test.auc or 0) > (everything.test.auc or 0) + 0.1


def test_words_that_begin_after_the_train_cohorts_do_not_stop_a_training(frame: pd.DataFrame) -> None:
    late = frame["as_of_date"] > SPLIT.train[-1]
    found = train(
        frame.assign(plan=np.where(late, "gold", None)), [*FEATURES, "plan"], SPLIT, SETTINGS, no_spark
    )
    assert "plan" in found.model.transformation.features and found.test.auc is not None


def test_shuffled_labels_are_not_predictable(frame: pd.DataFrame) -> None:
    shuffled = frame.assign(label=np.random.default_rng(0).permutation(frame["label"]))
    test = train(shuffled, FEATURES, SPLIT, SETTINGS, no_spark).test
    assert test.auc_low is not None and test.auc_high is not None
    assert test.auc_low < 0.53 and test.auc_high > 0.47


class Noise:
    """A candidate that ranks by chance."""

    engines = ("local",)

    def fit(self, part: TrainingPart) -> Scorer:
        shuffled = np.random.default_rng(part.seed).permutation(part.labels)
        return CANDIDATES["histogram_boosting"].fit(
            TrainingPart(part.matrix, shuffled, part.spark, part.seed)
        )


def test_the_better_candidate_is_chosen_and_equal_ones_keep_their_order(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CANDIDATES, "noise", Noise())
    monkeypatch.setitem(CANDIDATES, "twin", CANDIDATES["histogram_boosting"])
    settings = TrainingSettings(candidates=("noise", "twin", "histogram_boosting"))
    messages: list[str] = []
    result = train(frame, FEATURES, SPLIT, settings, no_spark, messages.append)
    singles = [line.candidate for line in result.candidates if line.candidate not in ENSEMBLES]
    assert singles == ["twin", "histogram_boosting", "noise"]
    assert result.chosen == "twin"
    assert "soft_voting" in result.candidates_table()["candidate"].tolist()
    assert result.ensemble.startswith("no ensemble is kept: the best one")
    assert result.ensemble in messages
    assert any(message.startswith("noise: selection AUC") for message in messages)
    assert set(plots.training_figures(result)) == {
        "candidates", "roc", "precision_recall", "calibration", "lift"
    }  # fmt: skip


class Half:
    """A candidate that sees only the usage, or all but the usage: both together know more."""

    engines = ("local",)

    def __init__(self, usage: bool) -> None:
        self.usage = usage

    def fit(self, part: TrainingPart) -> Scorer:
        seen = (np.arange(part.matrix.shape[1]) == FEATURES.index("usage__gb__trend")) == self.usage
        matrix = np.where(seen, part.matrix, 0.0)
        return CANDIDATES["histogram_boosting"].fit(TrainingPart(matrix, part.labels, part.spark, part.seed))


def test_candidates_that_know_different_things_are_stacked(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What each sees of the label adds up, so the ensemble is chosen; it is one portable model like any other."""
    monkeypatch.setitem(CANDIDATES, "left", Half(True))
    monkeypatch.setitem(CANDIDATES, "right", Half(False))
    settings = TrainingSettings(candidates=("left", "right"))
    result = train(frame, FEATURES, SPLIT, settings, no_spark)
    assert result.chosen == "stacking" and "beats its best member" in result.ensemble
    table = result.candidates_table().set_index("candidate")["chosen"].to_dict()
    assert {"left", "right"} < set(table) and [name for name in table if table[name]] == ["stacking"]
    alone = [
        train(frame, FEATURES, SPLIT, replace(settings, candidates=(c,)), no_spark) for c in ("left", "right")
    ]
    assert (result.test.auc or 0) > max(one.test.auc or 1 for one in alone) + 0.01
    members = result.model.about["members"]
    assert set(members) == {"left", "right"} and min(members.values()) > 0.3
    raws = [logit(one.model.score(frame)["raw"].to_numpy()) for one in alone]
    ours = logit(result.model.score(frame)["raw"].to_numpy())
    assert np.ptp(ours - members["left"] * raws[0] - members["right"] * raws[1]) < 1e-9
    result.model.save(tmp_path)
    pd.testing.assert_frame_equal(PortableModel.load(tmp_path).score(frame), result.model.score(frame))
    timid = train(frame, FEATURES, SPLIT, replace(settings, ensemble_margin=1.0), no_spark)
    assert timid.chosen in ("left", "right") and timid.ensemble.startswith("no ensemble is kept")


def test_an_ensemble_needs_cohorts_that_nobody_learned_from(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CANDIDATES, "left", Half(True))
    monkeypatch.setitem(CANDIDATES, "right", Half(False))
    settings = TrainingSettings(candidates=("left", "right"))
    result = train(frame, FEATURES, RECENT, settings, no_spark)
    assert result.chosen in ("left", "right") and "no cohort later than" in result.ensemble


def test_too_few_churners_to_choose_by_takes_the_first(frame: pd.DataFrame) -> None:
    later = frame["as_of_date"].isin([*SPLIT.validation, SPLIT.test])
    quiet = frame[~later | (frame["label"] == 0)]
    result = train(quiet, FEATURES, SPLIT, SETTINGS, no_spark)
    assert result.test.status == "one class" and result.test.auc is None
    assert result.candidates[0].selection.status == "one class"
    assert result.model.calibration.method == "none"
    assert set(plots.training_figures(result)) == {"candidates"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(label=0), "0 churners"),
        (lambda f: f[f["as_of_date"] != SPLIT.test], "test part has no rows"),
        (lambda f: f.assign(label=f["label"].astype(float).where(f.index > 5)), "settled labels"),
        (lambda f: pd.concat([f, f.head(1)]), "twice in one cohort"),
    ],
)
def test_unusable_frames_are_refused(frame: pd.DataFrame, change: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        train(change(frame), FEATURES, SPLIT, SETTINGS, no_spark)


def test_missing_columns_and_unknown_candidates_are_named(frame: pd.DataFrame) -> None:
    with pytest.raises(KeyError, match="label"):
        train(frame.drop(columns="label"), FEATURES, SPLIT, SETTINGS, no_spark)
    with pytest.raises(ValueError, match="choose from logistic_regression"):
        TrainingSettings(candidates=("oracle",))


def test_dates_may_come_as_timestamps(frame: pd.DataFrame, result: TrainingResult) -> None:
    stamped = frame.assign(as_of_date=pd.to_datetime(frame["as_of_date"]))
    assert train(stamped, FEATURES, SPLIT, SETTINGS, no_spark).rows == result.rows
    assert isinstance(SPLIT.test, date)


def test_saved_model_scores_and_explains_the_same(
    result: TrainingResult, frame: pd.DataFrame, tmp_path: Path
) -> None:
    result.model.save(tmp_path / "model")
    loaded = PortableModel.load(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["arrays.npz", "model.json"]
    pd.testing.assert_frame_equal(loaded.score(frame), result.model.score(frame))
    pd.testing.assert_frame_equal(
        loaded.contributions(frame.head(50)), result.model.contributions(frame.head(50))
    )
    assert loaded.about == result.model.about and loaded.transformation == result.model.transformation
    assert "key0" not in (tmp_path / "model" / "model.json").read_text()


def test_a_model_of_another_format_is_refused(result: TrainingResult, tmp_path: Path) -> None:
    result.model.save(tmp_path)
    text = (
        (tmp_path / "model.json")
        .read_text()
        .replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 99')
    )
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ValueError, match="format version 99"):
        PortableModel.load(tmp_path)


def test_loading_and_scoring_need_only_numpy_and_pandas(
    result: TrainingResult, frame: pd.DataFrame, tmp_path: Path
) -> None:
    import subprocess
    import sys

    result.model.save(tmp_path / "model")
    frame.head(20).to_pickle(tmp_path / "frame.pkl")
    code = (
        "import sys, pandas; from pathlib import Path; from churn_assets.ml.portable.model import PortableModel;"
        "model = PortableModel.load(Path(sys.argv[1]) / 'model'); "
        "frame = pandas.read_pickle(sys.argv[1] + '/frame.pkl');"
        "model.contributions(frame); print(repr(float(model.score(frame)['probability'].sum())));"
        "print([m for m in ('mlflow', 'sklearn', 'pyspark', 'scipy', 'matplotlib', 'dagster') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    total, heavy = out.stdout.splitlines()
    assert float(total) == result.model.score(frame.head(20))["probability"].sum()
    assert heavy == "[]"


def test_figures_draw_without_a_display(result: TrainingResult, tmp_path: Path) -> None:
    for name, figure in plots.training_figures(result).items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    assert f"{CUSTOMERS} customers" in plots.training_figures(result)["roc"].axes[0].get_title()
