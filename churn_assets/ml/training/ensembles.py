"""Ensembles of fitted candidates on log-odds: soft voting and stacking, kept only if they are better.

Their members are candidates that are fitted anyway, so fitting the weights costs little. An ensemble is harder to
explain and to maintain, so it must be better on rows from which neither the members nor the weights have learned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, auc_interval, compare_auc
from churn_assets.ml.portable.calibration import logit, sigmoid
from churn_assets.ml.portable.model import Blend, Scorer, blended
from churn_assets.ml.training.learner import FOLDS, fold_of
from churn_assets.reporting.words import spoken

SOFT_VOTING, STACKING = "soft_voting", "stacking"
ENSEMBLES = (SOFT_VOTING, STACKING)
# A member with a smaller weight would slow every scoring and change almost nothing.
MINIMUM_WEIGHT = 0.01

MemberScores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Ensemble:
    """Weights over candidates.

    Attributes:
        name: one of ENSEMBLES.
        weights: member -> its weight in the sum of log-odds, above 0.
        intercept: added to the sum.
    """

    name: str
    weights: Mapping[str, float]
    intercept: float = 0.0

    def log_odds(self, members: MemberScores) -> NDArray[np.float64]:
        """Log-odds per row, from the log-odds of the members."""
        return blended([members[name] for name in self.weights], list(self.weights.values()), self.intercept)

    def probability(self, members: MemberScores) -> NDArray[np.float64]:
        """Raw probability per row, from the raw probabilities of the members."""
        return sigmoid(self.log_odds({name: logit(members[name]) for name in self.weights}))

    def scorer(self, members: Mapping[str, Scorer]) -> Scorer:
        """Returns one portable scorer made of the fitted members."""
        forms = tuple(members[name] for name in self.weights)
        return Scorer(Blend(forms, tuple(self.weights.values()), self.intercept), "log_odds")


@dataclass(frozen=True)
class EnsembleChoice:
    """Whether an ensemble is worth keeping.

    Attributes:
        kept: the ensemble to use, with weights fitted on all selection rows; None if a single candidate does as well.
        why: the reason in words, with figures.
        rows: mask of the selection rows on which the ensembles were compared.
        scores: ensemble -> probability of these rows, by weights that were not fitted on them.
    """

    kept: Ensemble | None
    why: str
    rows: NDArray[np.bool_] = field(repr=False)
    scores: dict[str, NDArray[np.float64]] = field(repr=False)


def weigh(raws: MemberScores, selection: pd.DataFrame, margin: float) -> EnsembleChoice:
    """Fit ensembles and compare them with the best single candidate.

    With two or more cohorts, weights are fitted on the earlier ones and judged on the last. With one cohort, weights
    are fitted without one quarter of the customers and judged on that quarter, for each quarter in turn.

    Args:
        raws: candidate -> raw probability of each selection row, by models that have not learned from its customer.
        selection: customer_key, as_of_date and label of the same rows, from cohorts that no candidate has learned from.
        margin: AUC by which an ensemble must be better, beyond chance; see `better_ensemble`.
    """
    nothing: dict[str, NDArray[np.float64]] = {}
    days = pd.to_datetime(selection["as_of_date"]).to_numpy()
    labels = selection["label"].to_numpy(np.float64)
    several = len(np.unique(days)) > 1
    judging = days == days.max() if several else np.ones(len(days), dtype=bool)
    if len(raws) < 2:
        return EnsembleChoice(None, "a single candidate makes no ensemble", judging, nothing)
    log_odds = {name: logit(raw) for name, raw in raws.items()}
    turns = [judging] if several else [fold_of(selection["customer_key"]) == k for k in range(FOLDS)]
    if not all(_enough(labels[~turn]) for turn in turns) or not _enough(labels[judging]):
        return EnsembleChoice(
            None, "too few churners to weigh candidates against each other", judging, nothing
        )
    fitted = {e.name: e for e in fit_ensembles(log_odds, labels) if len(e.weights) > 1}
    if not fitted:
        best = max(raws, key=lambda name: auc_interval(labels, raws[name])[0])
        why = f"no ensemble is kept: no other candidate comes near {spoken(best)}"
        return EnsembleChoice(None, why, judging, nothing)
    found = {name: np.empty(len(labels)) for name in fitted}
    for turn in turns:
        for ensemble in fit_ensembles(_at(log_odds, ~turn), labels[~turn]):
            if ensemble.name in found:
                found[ensemble.name][turn] = ensemble.log_odds(_at(log_odds, turn))
    judged = _at(found, judging)
    name, why = better_ensemble(_at(log_odds, judging), judged, labels[judging], margin)
    scores = {key: sigmoid(values) for key, values in judged.items()}
    return EnsembleChoice(fitted[name] if name else None, why, judging, scores)


def fit_ensembles(log_odds: MemberScores, labels: NDArray[np.float64]) -> tuple[Ensemble, ...]:
    """Fit every kind of ensemble over the candidates.

    Soft voting gives equal weights to the best candidate and to all that are not significantly worse (the lower end of
    the paired 95 % interval of their AUC difference is at most 0).

    Args:
        log_odds: candidate -> log-odds per row, by models that have not learned from its customer.
        labels: 0 or 1 per row, at least two of each.
    """
    best = max(log_odds, key=lambda name: auc_interval(labels, log_odds[name])[0])
    voters = [name for name, own in log_odds.items() if compare_auc(labels, log_odds[best], own)[1] <= 0]
    weights, intercept = stacking_weights(list(log_odds.values()), labels)
    stacked = {
        name: weight for name, weight in zip(log_odds, weights, strict=True) if weight >= MINIMUM_WEIGHT
    }
    return (
        Ensemble(SOFT_VOTING, dict.fromkeys(voters, 1 / len(voters))),
        Ensemble(STACKING, stacked or {best: 1.0}, intercept if stacked else 0.0),
    )


def better_ensemble(
    singles: MemberScores, ensembles: MemberScores, labels: NDArray[np.float64], margin: float
) -> tuple[str | None, str]:
    """Returns the best ensemble if it beats the best candidate by a margin and the paired 95 % interval is above 0.

    Args:
        singles, ensembles: name -> scores of the same rows, from which neither members nor weights have learned.
        margin: smallest gain of ROC-AUC.

    Returns:
        Name of the ensemble or None, and the reason in words.
    """
    best, top = (
        max(table, key=lambda name: auc_interval(labels, table[name])[0]) for table in (singles, ensembles)
    )
    difference, low, high = compare_auc(labels, ensembles[top], singles[best])
    gain = f"{difference:+.4f} (95 %: {low:+.4f} to {high:+.4f})"
    if difference >= margin and low > 0:
        return top, f"{spoken(top)} beats its best member, {spoken(best)}, by {gain} of AUC"
    return None, f"no ensemble is kept: the best one, {spoken(top)}, differs by {gain} from {spoken(best)}"


def stacking_weights(
    log_odds: Sequence[NDArray[np.float64]], labels: NDArray[np.float64]
) -> tuple[tuple[float, ...], float]:
    """Weights, none below 0, and intercept of a logistic regression on members' out-of-fold log-odds.

    A negative weight would reverse the ranking of a member, which fits noise.

    Args:
        log_odds: per member, for rows that it was not fitted on.
    """
    from scipy.optimize import minimize

    design = np.column_stack([*log_odds, np.ones(len(labels))])

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        line = design @ at
        value = (np.logaddexp(0, line) - labels * line).mean()
        return float(value), design.T @ (sigmoid(line) - labels) / len(labels)

    members = len(log_odds)
    start = np.append(np.full(members, 1 / members), 0.0)
    bounds = [(0.0, None)] * members + [(None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return tuple(float(w) for w in found[:-1]), float(found[-1])


def _enough(labels: NDArray[np.float64]) -> bool:
    return bool(min(labels.sum(), (1 - labels).sum()) >= MINIMUM_POSITIVES)


def _at(table: MemberScores, rows: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    return {name: values[rows] for name, values in table.items()}
