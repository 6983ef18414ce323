"""The judging: nothing sees the fold it is judged on, and an ensemble has to earn its place."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.training.ensembles import ENSEMBLES
from churn_assets.ml.training.ridge_with_fixed_penalty import ridge
from churn_assets.study import evaluation
from churn_assets.study.errors import StudyError
from churn_assets.study.evaluation import fit_final, fold_mean, judge, pick_contender, sizes_worth_fitting
from churn_assets.study.folds import Rows, folds
from churn_assets.study.learners import LEARNERS, Regression
from churn_assets_tests.study.files import customers, interactions, only, without_boosting

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

TABLE = customers(700)
FRAME = TABLE[["months", "price", "contract", "noise"]]
LABELS = (TABLE["left"] == "Yes").to_numpy(float)
KEYS = TABLE["id"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with evaluation.few_threads(len(FRAME)):
        yield


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_boosting(monkeypatch)


def test_no_contender_sees_the_fold_it_is_judged_on(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turning all labels of one fold round changes every other fold's predictions, and not one of its own."""
    outer = folds(Rows(LABELS))
    cut = evaluation.folds
    monkeypatch.setattr(
        evaluation, "folds", lambda rows, *a, **k: outer if len(rows.labels) == 700 else cut(rows, *a, **k)
    )
    before = judge(FRAME, Rows(LABELS), KEYS)
    for number, (_, unseen) in enumerate(outer[:2]):
        poisoned = LABELS.copy()
        poisoned[unseen] = 1 - poisoned[unseen]
        after = judge(FRAME, Rows(poisoned), KEYS)
        assert (after.fold[unseen] == number).all()
        for name in (*LEARNERS, *ENSEMBLES):
            old, new = before.of(name), after.of(name)
            assert np.array_equal(old.log_odds[unseen], new.log_odds[unseen]), name
            assert np.array_equal(old.probability[unseen], new.probability[unseen]), name
            others = np.setdiff1d(np.arange(700), unseen)
            assert (old.log_odds[others] != new.log_odds[others]).mean() > 0.9


def test_the_figures_are_those_of_the_predictions(quick: None) -> None:
    found = judge(FRAME, Rows(LABELS), KEYS)
    for contender in found.contenders:
        values = [
            auc_interval(LABELS[found.fold == k], contender.log_odds[found.fold == k])[0] for k in range(5)
        ]
        assert contender.mean.folds == pytest.approx(values)
        assert contender.mean.auc == pytest.approx(np.mean(values))
        assert contender.mean.low < contender.mean.auc < contender.mean.high
        pooled = auc_interval(LABELS, contender.log_odds)
        assert contender.mean.high - contender.mean.low == pytest.approx(pooled[2] - pooled[1], rel=0.25)
        assert contender.metrics.brier == pytest.approx(((contender.probability - LABELS) ** 2).mean())
    assert found.shuffled.low < 0.5 < found.shuffled.high
    assert found.best.mean.auc > 0.75
    assert abs(found.chosen_inside.auc - found.best.mean.auc) < 0.02


def test_in_time_the_first_block_is_not_judged(quick: None) -> None:
    times = np.datetime64("2024-01-01", "ns") + (np.arange(700) // 70) * np.timedelta64(30, "D")
    found = judge(FRAME, Rows(LABELS, None, times), KEYS)
    assert found.judged.min() >= 70 and found.judged.max() == 699
    assert len(found.best.probability) == len(found.judged) == len(found.fold)


def test_too_few_churners_in_the_judged_stretch_are_said_before_the_work() -> None:
    times = np.datetime64("2024-01-01", "ns") + (np.arange(700) // 70) * np.timedelta64(30, "D")
    late = LABELS.copy()
    late[70:] = 0
    late[75::35] = 1
    with pytest.raises(StudyError, match=r"18 of 630 customers left; at least 20"):
        judge(FRAME, Rows(late, None, times), KEYS)
    early = LABELS.copy()
    early[:140] = 0
    early[:3] = 1
    with pytest.raises(StudyError, match="The first stretch of --time holds too few"):
        judge(FRAME, Rows(early, None, times), KEYS)


def test_rows_of_one_customer_make_no_figure_surer(quick: None) -> None:
    twice = pd.concat([FRAME.head(350)] * 2, ignore_index=True)
    labels = np.tile(LABELS[:350], 2)
    found = judge(twice, Rows(labels, np.tile(np.arange(350), 2)), pd.Series(range(700)))
    by_row = fold_mean(labels, found.best.log_odds, found.fold)
    assert found.best.mean.high - found.best.mean.low > 1.3 * (by_row.high - by_row.low)
    _, low, high = auc_interval(labels, found.best.log_odds)
    assert found.best.metrics.auc_high - found.best.metrics.auc_low > 1.3 * (high - low)


def test_a_fold_without_churners_has_no_say_in_the_mean() -> None:
    truth, labels = scores(n=400)
    fold = np.arange(400) // 100
    labels[300:] = 0
    labels[350] = 1
    found = fold_mean(labels, truth, fold)
    assert len(found.folds) == 3 and found.low < found.auc < found.high


def scores(seed: int = 0, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=n)
    return truth, (random.random(n) < 1 / (1 + np.exp(-1.5 * truth))).astype(float)


def test_an_ensemble_is_kept_only_if_it_is_better_by_more_than_chance() -> None:
    truth, labels = scores()
    random = np.random.default_rng(1)
    members = {name: truth + random.normal(0, 1.0, len(truth)) for name in LEARNERS}
    best = min(members, key=lambda name: evaluation.calibrated_losses(members[name], labels).mean())
    chosen, _ = pick_contender(members | dict.fromkeys(ENSEMBLES, members[best]), labels)
    assert chosen in LEARNERS
    mixture = {"soft_voting": sum(members.values()) / len(members), "stacking": members[best]}
    chosen, why = pick_contender(members | mixture, labels)
    assert chosen == "soft_voting" and "has the lowest log loss" in why and "its best member" in why


def test_of_equals_the_simplest_is_chosen() -> None:
    truth, labels = scores()
    nearly = 2 * truth
    table = {"ridge_logistic_regression": nearly, "additive_regression": truth, "histogram_boosting": nearly}
    assert pick_contender(table, labels)[0] == "ridge_logistic_regression"
    worse = {**table, "ridge_logistic_regression": truth + np.random.default_rng(3).normal(0, 1, len(truth))}
    assert pick_contender(worse, labels)[0] == "additive_regression"


def test_of_models_that_rank_alike_the_one_with_the_better_probabilities_is_chosen() -> None:
    truth, labels = scores()
    bent = np.sign(truth) * np.abs(truth) ** 3
    assert auc_interval(labels, bent)[0] == auc_interval(labels, truth)[0]
    table = {"ridge_logistic_regression": bent, "additive_regression": truth}
    assert pick_contender(table, labels)[0] == "additive_regression"


@pytest.mark.slow
def test_reasons_that_depend_on_each_other_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not worse than untuned boosting; shallow trees, all that there was once, lie far below it."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    only(monkeypatch, "ridge_logistic_regression", "histogram_boosting", "deep_histogram_boosting")
    frame, labels = interactions(3000)
    found = judge(frame, Rows(labels), pd.Series(range(3000)))
    theirs = np.empty(3000)
    plain = pd.get_dummies(frame)
    for number in range(5):
        learn, unseen = found.fold != number, found.fold == number
        learner = HistGradientBoostingClassifier(random_state=0).fit(plain[learn], labels[learn])
        theirs[unseen] = learner.predict_proba(plain[unseen])[:, 1]
    best = found.best
    assert best.mean.auc > fold_mean(labels, theirs, found.fold).auc - 0.001
    assert best.metrics.brier < ((theirs - labels) ** 2).mean()
    shallow = found.of("histogram_boosting")
    assert shallow.mean.auc < best.mean.auc - 0.005 and shallow.metrics.brier > 1.1 * best.metrics.brier
    assert 0.85 < best.metrics.calibration_slope < 1.15


def test_sizes_that_are_too_large_for_the_file_are_not_fitted_again() -> None:
    truth, labels = scores(n=1000)
    random = np.random.default_rng(2)
    good, equal, noisy = (truth + random.normal(0, noise, 1000) for noise in (0.1, 0.1, 2.0))
    sizes = (0.25, 0.5, 1.0)
    assert sizes_worth_fitting(sizes, np.array([good, equal, noisy]), labels) == (0.25, 0.5)
    assert sizes_worth_fitting(sizes, np.array([good, noisy, equal]), labels) == sizes
    assert sizes_worth_fitting(sizes, np.array([noisy, noisy, good]), labels) == sizes
    assert sizes_worth_fitting((1.0,), np.array([noisy]), labels) == (1.0,)


def test_one_inner_fold_narrows_the_sizes_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[float] = []

    class Overfits(Regression):
        """A learner whose larger sizes add noise."""

        sizes = (0.5, 1.0)

        def __call__(self, matrix, labels, seed, size=1.0):  # type: ignore[no-untyped-def]
            fitted.append(size)
            return super().__call__(matrix, labels, seed)

        def predictions(self, form, matrix, labels, sizes):  # type: ignore[no-untyped-def]
            noise = np.random.default_rng(0).normal(0, 3.0, len(matrix))
            return [form.predict(matrix) + (noise if size == 1.0 else 0.0) for size in sizes]

    for name in LEARNERS:
        monkeypatch.setitem(evaluation.LEARNERS, name, Regression(ridge))
    monkeypatch.setitem(evaluation.LEARNERS, "histogram_boosting", Overfits(ridge))
    found = judge(FRAME, Rows(LABELS), KEYS)
    assert fitted == [1.0, 0.5, 0.5, 0.5] * 5
    assert found.sizes["histogram_boosting"] == 0.5
    plain, narrowed = found.of("ridge_logistic_regression"), found.of("histogram_boosting")
    assert np.array_equal(plain.log_odds, narrowed.log_odds)


def test_choices_inside_a_fold_see_a_part_of_many_rows(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    cut = evaluation._inner_folds
    monkeypatch.setattr(
        evaluation, "_inner_folds", lambda rows, seed: seen.append(len(rows.labels)) or cut(rows, seed)
    )
    monkeypatch.setattr(evaluation, "INNER_ROWS", 300)
    monkeypatch.setattr(evaluation, "INNER_CHURNERS", 50)
    found = judge(FRAME, Rows(LABELS), KEYS)
    assert seen == [300] * 5 and len(found.judged) == 700


def test_the_final_ensemble_explains_what_it_predicts() -> None:
    found = judge(FRAME, Rows(LABELS), KEYS)
    for name in (found.chosen, "stacking"):
        model = fit_final(FRAME, Rows(LABELS), evaluation.replace(found, chosen=name))
        matrix = model.transformation.transform(FRAME)
        parts = model.contributions(matrix)
        assert list(parts) == list(FRAME)
        assert parts.sum(axis=1).to_numpy() + model.form.expected() == pytest.approx(
            model.form.predict(matrix), abs=1e-9
        )
        assert model.probability(matrix).mean() == pytest.approx(LABELS.mean(), abs=0.03)
    assert set(model.weights) <= set(LEARNERS) and min(model.weights.values()) > 0


def test_one_class_in_a_frame_is_not_judged() -> None:
    with pytest.raises(ValueError, match="only customers who stayed"):
        judge(pd.DataFrame({"x": np.arange(100.0)}), Rows(np.zeros(100)), pd.Series(range(100)))
