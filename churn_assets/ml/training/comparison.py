"""The candidates compared on the selection cohorts, and the one that is chosen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import OK, Metrics, evaluate
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.checked_parts import parts_of
from churn_assets.ml.training.ensembles import Ensemble, weigh
from churn_assets.ml.training.learner import FittedCandidates, Learner
from churn_assets.ml.training.result import CandidateResult
from churn_assets.ml.training.selection import choose, remembered
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split


@dataclass(frozen=True)
class Chosen:
    """A single candidate, or the ensemble that beats it."""

    single: str
    ensemble: Ensemble | None

    @property
    def name(self) -> str:
        return self.ensemble.name if self.ensemble else self.single

    @property
    def members(self) -> dict[str, float]:
        """Candidate -> its weight."""
        return dict(self.ensemble.weights) if self.ensemble else {self.single: 1.0}

    def fitted(self, learning: FittedCandidates) -> tuple[Transformation, Scorer]:
        """Returns transformation and scorer, fitted on the whole train part."""
        members = {name: learning.model(name) for name in self.members}
        if self.ensemble is None:
            return members[self.single]
        transformation = next(iter(members.values()))[0]
        return transformation, self.ensemble.scorer({name: scorer for name, (_, scorer) in members.items()})

    def scores(self, learning: FittedCandidates, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Raw probabilities; see `FittedCandidates.scores`."""
        scores = learning.scores(list(self.members), rows)
        return self.ensemble.probability(scores) if self.ensemble else scores[self.single]


@dataclass(frozen=True)
class Selection:
    """What the selection cohorts decided.

    Attributes:
        split: with the train cohorts that are learned from.
        parts: part name -> frame, by that split.
        learning: the candidates fitted on its train part.
        figures: candidate or ensemble -> its metrics on the selection cohorts.
        chosen: the candidate or ensemble that won.
        why: why an ensemble is kept, or not.
    """

    split: Split
    parts: dict[str, pd.DataFrame]
    learning: FittedCandidates
    figures: dict[str, Metrics]
    chosen: Chosen
    why: str

    def results(self) -> tuple[CandidateResult, ...]:
        """All candidates and ensembles, the best first."""
        # sorted is stable: equal candidates stay in the order of preference.
        order = sorted(self.figures, key=lambda name: -(self.figures[name].auc or 0.0))
        engines, seconds = self.learning.engines, self.learning.seconds
        return tuple(
            CandidateResult(
                name,
                name == self.chosen.name,
                engines.get(name, ""),
                seconds.get(name, 0.0),
                self.figures[name],
            )
            for name in order
        )


def select(
    frame: pd.DataFrame,
    parts: dict[str, pd.DataFrame],
    split: Split,
    learner: Learner,
    settings: TrainingSettings,
    progress: Callable[[str], None],
) -> Selection:
    """Chooses how far back to learn from, the candidate, and whether an ensemble replaces it."""
    whole = split
    split, learning = remembered(parts["train"], parts["selection"], split, settings.memory_cohorts, learner)
    if split != whole:
        progress(f"learning from the newest {len(split.train)} of {len(whole.train)} train cohorts")
        parts = parts | {"train": parts_of(frame, split)["train"]}
    progress(f"training on {len(parts['train'])} snapshots, {int(parts['train']['label'].sum())} churners")
    raws = learning.scores(settings.candidates, parts["selection"])
    figures = {name: evaluate_part(parts["selection"], raw, raw, settings) for name, raw in raws.items()}
    for name, metrics in figures.items():
        how = f"{learning.seconds[name]:.1f} s, {learning.engines[name]}"
        progress(f"{name}: selection AUC {auc_text(metrics)}, {how}")
    # Rows of train cohorts do not show how a model ages, so the choice prefers simpler candidates (2 standard errors).
    later = not set(split.selection) <= set(split.train)
    decided_on = parts["selection"]["label"].to_numpy(np.float64)
    customers = parts["selection"]["customer_key"]
    single = choose(settings.candidates, raws, decided_on, 1.0 if later else 2.0, customers)
    ensemble, why = None, "no ensemble is kept: no cohort later than the train part is at hand to judge one"
    if later:
        verdict = weigh(raws, parts["selection"], settings.ensemble_margin)
        ensemble, why = verdict.kept, verdict.why
        judges = parts["selection"][verdict.rows]
        figures |= {name: evaluate_part(judges, raw, raw, settings) for name, raw in verdict.scores.items()}
    progress(why)
    return Selection(split, parts, learning, figures, Chosen(single, ensemble), why)


def evaluate_part(
    part: pd.DataFrame, raw: NDArray[np.float64], probability: NDArray[np.float64], settings: TrainingSettings
) -> Metrics:
    return evaluate(
        part["label"], raw, probability, part["customer_key"], settings.capacity, settings.minimum_positives
    )


def auc_text(metrics: Metrics) -> str:
    if metrics.status != OK:
        return metrics.status
    return f"{metrics.auc:.3f} ({metrics.auc_low:.3f} to {metrics.auc_high:.3f})"
