"""Evaluates every learner and ensemble by nested cross-fitting, only on rows that no part of it was fitted on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, Metrics, auc_interval, evaluate
from churn_assets.ml.portable.calibration import Calibration, sigmoid
from churn_assets.ml.portable.model import Blend, Form, blended
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.ensembles import (
    ENSEMBLES,
    SOFT_VOTING,
    STACKING,
    better_ensemble,
    stacking_weights,
)
from churn_assets.ml.training.selection import choose
from churn_assets.reporting.words import spoken
from churn_assets.study.errors import StudyError
from churn_assets.study.folds import SEED, Fold, Rows, folds
from churn_assets.study.intervals import FoldMean, fold_mean
from churn_assets.study.learners import LEARNERS, Fit

INNER_FOLDS = 3
ROWS_FOR_THREADS = 50_000
# ROC-AUC by which an ensemble must beat its best member; the interval of the difference must also exclude 0.
ENSEMBLE_MARGIN = 0.001

LogOdds = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Contender:
    """One learner or ensemble, judged out of fold.

    Attributes:
        name: from LEARNERS or ENSEMBLES.
        mean: ROC-AUC, mean over folds.
        metrics: over all judged rows together, with calibrated probabilities; the interval accounts for groups.
        log_odds: not calibrated, per judged row.
        probability: calibrated inside each fold, per judged row.
    """

    name: str
    mean: FoldMean
    metrics: Metrics
    log_odds: NDArray[np.float64]
    probability: NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Result of cross-fitting.

    Attributes:
        judged: ascending positions of the judged rows: all rows, or with times all but the first block.
        labels, fold: of the judged rows.
        contenders: learners, then ensembles.
        chosen: name of the chosen contender.
        why: reason for the choice, in words.
        chosen_inside: FoldMean if each fold chooses its contender without the rows it is judged on.
        shuffled: FoldMean of logistic regression on shuffled labels; the interval should contain 0.5.
    """

    judged: NDArray[np.intp]
    labels: NDArray[np.float64]
    fold: NDArray[np.int64]
    contenders: tuple[Contender, ...]
    chosen: str
    why: str
    chosen_inside: FoldMean
    shuffled: FoldMean

    def of(self, name: str) -> Contender:
        """Returns the contender of that name."""
        return next(found for found in self.contenders if found.name == name)

    @property
    def best(self) -> Contender:
        """The chosen contender."""
        return self.of(self.chosen)


@dataclass(frozen=True)
class FinalModel:
    """The chosen contender, fitted on all rows.

    Attributes:
        name: of the contender.
        weights: member -> weight of an ensemble; empty for a single learner.
    """

    name: str
    transformation: Transformation
    form: Form
    calibration: Calibration
    weights: dict[str, float]

    def probability(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated churn probability of transformed rows."""
        return self.calibration.apply(sigmoid(self.form.predict(matrix)))

    def contributions(self, matrix: NDArray[np.float64]) -> pd.DataFrame:
        """Exact log-odds that each feature adds to each row; columns are features."""
        values = self.form.contributions(matrix, self.transformation.column_feature)
        return pd.DataFrame(values, columns=self.transformation.features)


def few_threads(rows: int) -> AbstractContextManager[Any]:
    """Returns a context that limits fits on fewer than ROWS_FOR_THREADS rows to one thread: more slow them down."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limited: AbstractContextManager[Any] = threadpool_limits(1 if rows < ROWS_FOR_THREADS else None)
    return limited


def cross_fit(
    frame: pd.DataFrame,
    rows: Rows,
    cut: Sequence[Fold],
    seed: int = SEED,
    learners: Mapping[str, Fit] = LEARNERS,
) -> tuple[LogOdds, NDArray[np.int64]]:
    """Returns out-of-fold log-odds of the learners, and the fold of each row (-1: never judged).

    Transformation and learner are fitted on the learning rows of each fold only.
    """
    result = {name: np.full(len(frame), np.nan) for name in learners}
    fold = np.full(len(frame), -1)
    for number, (learn, judge) in enumerate(cut):
        transformation = Transformation.fit(frame.iloc[learn], list(frame.columns))
        matrix, unseen = (transformation.transform(frame.iloc[part]) for part in (learn, judge))
        for name, learner in learners.items():
            result[name][judge] = learner(matrix, rows.labels[learn], seed).predict(unseen)
        fold[judge] = number
    return result, fold


def judge(
    frame: pd.DataFrame,
    rows: Rows,
    keys: pd.Series,
    progress: Callable[[str], Any] = lambda message: None,
    seed: int = SEED,
) -> Evaluation:
    """Judges all contenders by nested cross-fitting.

    The learning rows of each outer fold are cut into inner folds. Stacking weights, calibration and the choice of the
    fold use the inner out-of-fold predictions. Then the members are fitted on all learning rows and predict the judged
    rows.

    Args:
        frame: features, see `columns.learnable`.
        rows: labels, groups and times of the same rows.
        keys: per row, to break ties.
        progress: receives a line at the start of each fold.

    Raises:
        StudyError: see `folds`; too few of a class among the judged rows.
    """
    outer = folds(rows, seed=seed)
    _refuse_few(np.concatenate([rows.labels[unseen] for _, unseen in outer]))
    names = [*LEARNERS, *ENSEMBLES]
    raw = {name: np.full(len(frame), np.nan) for name in [*names, "inside"]}
    calibrated = {name: np.full(len(frame), np.nan) for name in names}
    fold = np.full(len(frame), -1)
    for number, (learn, unseen) in enumerate(outer):
        progress(f"judging fold {number + 1} of {len(outer)}")
        part, inside = frame.iloc[learn].reset_index(drop=True), rows.take(learn)
        inner, seen = cross_fit(part, inside, _inner_folds(inside, seed), seed)
        known = seen >= 0
        labels = inside.labels[known]
        weights = _weights({name: inner[name][known] for name in LEARNERS}, labels)
        outside, _ = cross_fit(frame, rows, [(learn, unseen)], seed)
        inner_all, outer_all = (_with_ensembles(table, weights) for table in (inner, outside))
        for name in names:
            raw[name][unseen] = outer_all[name][unseen]
            calibration = Calibration.fit(sigmoid(inner_all[name][known]), labels)
            calibrated[name][unseen] = calibration.apply(sigmoid(raw[name][unseen]))
        pick, _ = pick_contender({name: inner_all[name][known] for name in names}, labels)
        raw["inside"][unseen] = raw[pick][unseen]
        fold[unseen] = number
    progress("comparing the learners")
    judged = np.flatnonzero(fold >= 0)
    labels, fold = rows.labels[judged], fold[judged]
    groups = None if rows.groups is None else rows.groups[judged]
    contenders = tuple(
        _contender(name, labels, raw[name][judged], calibrated[name][judged], fold, groups, keys.iloc[judged])
        for name in names
    )
    chosen, why = pick_contender({found.name: found.log_odds for found in contenders}, labels)
    shuffled = _shuffled_labels(frame, rows, outer, seed)
    inside_mean = fold_mean(labels, raw["inside"][judged], fold, groups)
    return Evaluation(judged, labels, fold, contenders, chosen, why, inside_mean, shuffled)


def _contender(
    name: str,
    labels: NDArray[np.float64],
    raw: NDArray[np.float64],
    probability: NDArray[np.float64],
    fold: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    keys: pd.Series,
) -> Contender:
    metrics = evaluate(labels, raw, probability, keys)
    if groups is not None:
        pooled = fold_mean(labels, raw, np.zeros_like(fold), groups)
        metrics = replace(metrics, auc_low=pooled.low, auc_high=pooled.high)
    return Contender(name, fold_mean(labels, raw, fold, groups), metrics, raw, probability)


def _refuse_few(labels: NDArray[np.float64]) -> None:
    churned = int(labels.sum())
    if min(churned, len(labels) - churned) < MINIMUM_POSITIVES:
        raise StudyError(
            f"After the first stretch of --time {churned:,} of {len(labels):,} customers left; at least "
            f"{MINIMUM_POSITIVES} of each kind are needed to judge by. Leave out --time, or bring a longer history."
        )


def _inner_folds(rows: Rows, seed: int) -> list[Fold]:
    """Returns the inner folds: by time, or shuffled if times are too few; the judged rows are outside either way."""
    try:
        return folds(rows, INNER_FOLDS, seed)
    except StudyError:
        if rows.times is None:
            raise
    try:
        return folds(replace(rows, times=None), INNER_FOLDS, seed)
    except StudyError as error:
        raise StudyError(
            "The first stretch of --time holds too few customers who left, or who stayed, to learn from. Leave out "
            "--time, or bring a longer history."
        ) from error


def pick_contender(log_odds: LogOdds, labels: NDArray[np.float64]) -> tuple[str, str]:
    """Returns the name of the contender to use, and the reason in words.

    Single learners follow the rule of the asset graph (`selection.choose`): the simplest within one standard error of
    the best. An ensemble replaces it only if it is better by the rule of `better_ensemble`.
    """
    singles = {name: values for name, values in log_odds.items() if name not in ENSEMBLES}
    ensembles = {name: values for name, values in log_odds.items() if name in ENSEMBLES}
    best = max(singles, key=lambda name: auc_interval(labels, singles[name])[0])
    single = choose(list(singles), singles, labels)
    aside = ""
    if ensembles:
        kept, why = better_ensemble(singles, ensembles, labels, ENSEMBLE_MARGIN)
        if kept:
            return kept, why
        aside = f"; {why}"
    said = (
        "has the highest AUC"
        if single == best
        else f"is the simplest within one standard error of {spoken(best)}"
    )
    return single, f"{spoken(single)} {said}{aside}"


def fit_final(frame: pd.DataFrame, rows: Rows, evaluation: Evaluation, seed: int = SEED) -> FinalModel:
    """Fits the chosen contender on all rows; weights and calibration are fitted on the out-of-fold predictions."""
    transformation = Transformation.fit(frame, list(frame.columns))
    matrix = transformation.transform(frame)
    chosen = evaluation.best
    calibration = Calibration.fit(sigmoid(chosen.log_odds), evaluation.labels)
    if chosen.name in LEARNERS:
        form = LEARNERS[chosen.name](matrix, rows.labels, seed)
        return FinalModel(chosen.name, transformation, form, calibration, {})
    table = {name: evaluation.of(name).log_odds for name in LEARNERS}
    weights, intercept = _weights(table, evaluation.labels)[chosen.name]
    members = tuple(learner(matrix, rows.labels, seed) for learner in LEARNERS.values())
    shown = dict(zip(LEARNERS, weights, strict=True))
    return FinalModel(chosen.name, transformation, Blend(members, weights, intercept), calibration, shown)


def _weights(table: LogOdds, labels: NDArray[np.float64]) -> dict[str, tuple[tuple[float, ...], float]]:
    """Returns ensemble -> (weights in the order of LEARNERS, intercept); `table` must be out of fold."""
    even = (1 / len(LEARNERS),) * len(LEARNERS)
    return {
        SOFT_VOTING: (even, 0.0),
        STACKING: stacking_weights([table[name] for name in LEARNERS], labels),
    }


def _with_ensembles(table: LogOdds, weights: dict[str, tuple[tuple[float, ...], float]]) -> LogOdds:
    members = [table[name] for name in LEARNERS]
    return table | {name: blended(members, *weights[name]) for name in ENSEMBLES}


def _shuffled_labels(frame: pd.DataFrame, rows: Rows, cut: Sequence[Fold], seed: int) -> FoldMean:
    """Returns the mean ROC-AUC on shuffled labels; folds and transformation leak if its interval excludes 0.5."""
    labels = np.random.default_rng(seed).permutation(rows.labels)
    floor = "ridge_logistic_regression"
    table, fold = cross_fit(frame, replace(rows, labels=labels), cut, seed, {floor: LEARNERS[floor]})
    seen = fold >= 0
    groups = None if rows.groups is None else rows.groups[seen]
    return fold_mean(labels[seen], table[floor][seen], fold[seen], groups)
