"""Evaluates every learner and ensemble by nested cross-fitting, only on rows that no part of it was fitted on."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, Metrics, evaluate
from churn_assets.ml.openmp import share_cores
from churn_assets.ml.portable.calibration import Calibration, log_losses, logit, sigmoid
from churn_assets.ml.portable.model import Blend, Form
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.ensembles import ENSEMBLES, Ensemble, fit_ensembles
from churn_assets.reporting.words import spoken
from churn_assets.study.errors import StudyError
from churn_assets.study.folds import SEED, Fold, Rows, drawn, folds
from churn_assets.study.intervals import FoldMean, fold_mean
from churn_assets.study.learners import LEARNERS, StudyLearner

INNER_FOLDS = 3
ROWS_FOR_THREADS = 50_000
# Choices inside a fold are made on at most about this many of its learning rows, or more if churners are rare.
INNER_ROWS, INNER_CHURNERS = 30_000, 500

LogOdds = dict[str, NDArray[np.float64]]
Sizes = dict[str, float]


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
        sizes: learner -> size that most folds chose.
    """

    judged: NDArray[np.intp]
    labels: NDArray[np.float64]
    fold: NDArray[np.int64]
    contenders: tuple[Contender, ...]
    chosen: str
    why: str
    chosen_inside: FoldMean
    shuffled: FoldMean
    sizes: Sizes

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
        weights: member -> weight above 0 of an ensemble; empty for a single learner.
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
    sizes: Mapping[str, Sequence[float]],
    seed: int = SEED,
    learners: Mapping[str, StudyLearner] = LEARNERS,
) -> tuple[LogOdds, NDArray[np.int64]]:
    """Returns out-of-fold log-odds of the learners, shape (sizes, rows), and the fold of each row (-1: never judged).

    Transformation and learner are fitted on the learning rows of each fold only.

    Args:
        sizes: learner -> ascending sizes; learners without sizes are left out.
    """
    result = {name: np.full((len(of), len(frame)), np.nan) for name, of in sizes.items()}
    fold = np.full(len(frame), -1)
    for number, (learn, judge) in enumerate(cut):
        transformation = Transformation.fit(frame.iloc[learn], list(frame.columns))
        matrix, unseen = (transformation.transform(frame.iloc[part]) for part in (learn, judge))
        labels = rows.labels[learn]
        for name, of in sizes.items():
            form = learners[name](matrix, labels, seed, of[-1])
            result[name][:, judge] = learners[name].predictions(form, unseen, labels, of)
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

    The learning rows of each outer fold are cut into inner folds. The sizes of the learners, the weights of ensembles,
    the calibration and the choice of the fold use the inner out-of-fold predictions. Then the members are fitted on all
    learning rows and predict the judged rows.

    Args:
        frame: features, see `columns.learnable`.
        rows: labels, groups and times of the same rows.
        keys: per row, to break ties.
        progress: receives a line at the start of each fold.

    Raises:
        StudyError: see `folds`; too few of a class among the judged rows.
    """
    share_cores()
    outer = folds(rows, seed=seed)
    _refuse_few(np.concatenate([rows.labels[unseen] for _, unseen in outer]))
    names = [*LEARNERS, *ENSEMBLES]
    raw = {name: np.full(len(frame), np.nan) for name in [*names, "inside"]}
    calibrated = {name: np.full(len(frame), np.nan) for name in names}
    fold = np.full(len(frame), -1)
    sizes = []
    for number, (learn, unseen) in enumerate(outer):
        progress(f"judging fold {number + 1} of {len(outer)}")
        inner, labels, size = _inside(frame, rows, learn, seed)
        table, _ = cross_fit(frame, rows, [(learn, unseen)], {name: (of,) for name, of in size.items()}, seed)
        outside = {name: values[0] for name, values in table.items()}
        for ensemble in fit_ensembles(inner, labels):
            inner[ensemble.name] = ensemble.log_odds(inner)
            outside[ensemble.name] = ensemble.log_odds(outside)
        for name in names:
            raw[name][unseen] = outside[name][unseen]
            calibration = _calibration(inner[name], labels)
            calibrated[name][unseen] = calibration.apply(sigmoid(raw[name][unseen]))
        pick, _ = pick_contender(inner, labels)
        raw["inside"][unseen] = raw[pick][unseen]
        fold[unseen] = number
        sizes.append(size)
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
    usual = {name: statistics.mode(sorted(size[name] for size in sizes)) for name in LEARNERS}
    return Evaluation(judged, labels, fold, contenders, chosen, why, inside_mean, shuffled, usual)


def _inside(
    frame: pd.DataFrame, rows: Rows, learn: NDArray[np.intp], seed: int
) -> tuple[LogOdds, NDArray[np.float64], Sizes]:
    """Judges the learners inside the learning rows of a fold. One inner fold tells which sizes the others fit.

    Returns:
        Out-of-fold log-odds of each learner in its best size; labels of the same rows; the sizes.
    """
    labels = rows.labels[learn]
    rare = min(labels.mean(), 1 - labels.mean())
    taken = drawn(learn, rows.groups, max(INNER_ROWS, math.ceil(INNER_CHURNERS / rare)), seed)
    part, inside = frame.iloc[taken].reset_index(drop=True), rows.take(taken)
    *others, last = _inner_folds(inside, seed)  # of folds by time, the last has learned from most rows
    every = {name: learner.sizes for name, learner in LEARNERS.items()}
    table, _ = cross_fit(part, inside, [last], every, seed)
    _, judged = last
    offered = {
        name: sizes_worth_fitting(every[name], values[:, judged], inside.labels[judged])
        for name, values in table.items()
    }
    more, fold = cross_fit(part, inside, others, offered, seed)
    fold[judged] = len(others)
    labels = inside.labels[fold >= 0]
    found, sizes = {}, {}
    for name, values in more.items():
        values[:, judged] = table[name][: len(values), judged]
        by_size = values[:, fold >= 0]
        best = min(range(len(by_size)), key=lambda at: calibrated_losses(by_size[at], labels).mean())
        found[name], sizes[name] = by_size[best], offered[name][best]
    return found, labels, sizes


def sizes_worth_fitting(
    sizes: Sequence[float], log_odds: NDArray[np.float64], labels: NDArray[np.float64]
) -> tuple[float, ...]:
    """Returns the sizes up to the largest whose loss is within one standard error of the lowest.

    Larger ones overfit, so the other folds need not fit them.

    Args:
        sizes: ascending.
        log_odds: (sizes, rows), out of fold.
    """
    losses = [calibrated_losses(values, labels) for values in log_odds]
    best = min(losses, key=lambda loss: loss.mean())
    last = max(at for at, loss in enumerate(losses) if _is_within_one_error(loss, best))
    return tuple(sizes[: last + 1])


def _calibration(log_odds: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibration:
    """Fits a calibration by two numbers.

    A richer map would tell better how rare churn is among the safest customers. But a fold's map does not know the
    fold's own churners, so where they are many it is too low. Customers of different folds would then rank in the wrong
    order: on public files this cost up to .004 of AUC over all rows.
    """
    return Calibration.fit(sigmoid(log_odds), labels, plain=True)


def calibrated_losses(log_odds: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log loss per row after the best calibration by four numbers: it judges what calibration cannot mend."""
    raw = sigmoid(log_odds)
    return log_losses(logit(Calibration.bounded(raw, labels).apply(raw)), labels)


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

    It is the simplest whose log loss is within one standard error of the lowest, both after calibration. Log loss
    judges ranking and probabilities together: of two models that rank alike one may have much the better probabilities.

    Args:
        log_odds: contender -> log-odds per row, out of fold; simplest first, ensembles last.
    """
    losses = {name: calibrated_losses(values, labels) for name, values in log_odds.items()}
    best = min(losses, key=lambda name: losses[name].mean())
    name = next(name for name in losses if _is_within_one_error(losses[name], losses[best]))
    why = (
        f"{spoken(name)} has the lowest log loss, {losses[name].mean():.4f}"
        if name == best
        else f"{spoken(name)} is the simplest whose log loss, {losses[name].mean():.4f}, is within one standard error "
        f"of the lowest, {losses[best].mean():.4f} of {spoken(best)}"
    )
    if name in ENSEMBLES:
        member = min((other for other in losses if other not in ENSEMBLES), key=lambda of: losses[of].mean())
        why += f"; its best member, {spoken(member)}, has {losses[member].mean():.4f}"
    return name, why


def _is_within_one_error(loss: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    worse = loss - best
    return bool(worse.mean() <= worse.std(ddof=1) / math.sqrt(len(worse)))


def fit_final(frame: pd.DataFrame, rows: Rows, evaluation: Evaluation, seed: int = SEED) -> FinalModel:
    """Fits the chosen contender on all rows; weights and calibration are fitted on the out-of-fold predictions."""
    transformation = Transformation.fit(frame, list(frame.columns))
    matrix = transformation.transform(frame)
    chosen = evaluation.best
    calibration = _calibration(chosen.log_odds, evaluation.labels)

    def fitted(name: str) -> Form:
        return LEARNERS[name](matrix, rows.labels, seed, evaluation.sizes[name])

    if chosen.name in LEARNERS:
        return FinalModel(chosen.name, transformation, fitted(chosen.name), calibration, {})
    table = {name: evaluation.of(name).log_odds for name in LEARNERS}
    ensemble: Ensemble = next(e for e in fit_ensembles(table, evaluation.labels) if e.name == chosen.name)
    weights = dict(ensemble.weights)
    form = Blend(tuple(fitted(name) for name in weights), tuple(weights.values()), ensemble.intercept)
    return FinalModel(chosen.name, transformation, form, calibration, weights)


def _shuffled_labels(frame: pd.DataFrame, rows: Rows, cut: Sequence[Fold], seed: int) -> FoldMean:
    """Returns the mean ROC-AUC on shuffled labels; folds and transformation leak if its interval excludes 0.5."""
    labels = np.random.default_rng(seed).permutation(rows.labels)
    floor = "ridge_logistic_regression"
    table, fold = cross_fit(frame, replace(rows, labels=labels), cut, {floor: (1.0,)}, seed)
    seen = fold >= 0
    groups = None if rows.groups is None else rows.groups[seen]
    return fold_mean(labels[seen], table[floor][0, seen], fold[seen], groups)
