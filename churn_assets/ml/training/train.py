"""One training: fit candidates on the past, choose and calibrate on later cohorts, test once on the last cohort."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.training import SUSPICIOUS_AUC
from churn_assets.ml.candidates.part import EngineChoice
from churn_assets.ml.candidates.registry import require
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, OK, Metrics, by_tenure, evaluate
from churn_assets.ml.metrics.reference import reference_statistics
from churn_assets.ml.portable.calibration import Calibration
from churn_assets.ml.portable.model import PortableModel, Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.ensembles import Ensemble, weigh
from churn_assets.ml.training.leak_guards import (
    auc_alone,
    known_too_late,
    overlapping_outcomes,
    too_good,
)
from churn_assets.ml.training.learner import FittedCandidates, Learner, fold_of
from churn_assets.ml.training.result import CandidateResult, TestedSample, TrainingResult
from churn_assets.ml.training.search import Found, Search, tuned
from churn_assets.ml.training.selection import choose, remembered
from churn_assets.ml.training.split import Split

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IMPORTANCE_ROWS = 2000
ENOUGH_FOR_HALF = 2  # a halved test part must have this many times the minimum of churners


class TrainingError(ValueError):
    """The frame is not fit for training; the message names the part and the problem."""


class LeakFound(TrainingError):
    """Features or split reveal the outcome; the message contains every finding with its remedy."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training.

    Attributes:
        candidates: names from CANDIDATES, in order of preference, simplest first: see `choose`.
        seed: of every sampling learner.
        capacity: share of customers that a campaign reaches; precision and recall are measured at this share.
        single_feature_auc_limit: a feature whose AUC alone is above this limit stops the training as a leak.
        memory_cohorts: numbers of newest train cohorts to try besides all of them: see `remembered`.
        ensemble_margin: AUC by which an ensemble must beat the best candidate; 1 keeps none.
        minimum_positives: a part with fewer churners has a status instead of figures; the train part is refused.
        scratch: see `SparkMatrix`; only clusters need it.
        engine: see `Learner`.
    """

    candidates: tuple[str, ...] = ("histogram_boosting",)
    seed: int = 20260
    capacity: float = 0.1
    single_feature_auc_limit: float = SUSPICIOUS_AUC
    memory_cohorts: tuple[int, ...] = ()
    ensemble_margin: float = 0.002
    minimum_positives: int = MINIMUM_POSITIVES
    scratch: str | None = None
    engine: EngineChoice = "auto"

    def __post_init__(self) -> None:
        require(self.candidates)


@dataclass(frozen=True)
class _Chosen:
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


def train(
    frame: pd.DataFrame,
    features: Sequence[str],
    split: Split,
    settings: TrainingSettings,
    spark: "Callable[[], SparkSession]",
    progress: Callable[[str], None] = lambda message: None,
    search: Search | None = None,
) -> TrainingResult:
    """Train on snapshots with settled labels.

    Transformation and candidates are fitted on the train part only. On the selection cohorts the training chooses the
    candidate (`choose`) and the number of train cohorts to learn from (`remembered`), and judges ensembles (`weigh`).
    The calibration is fitted on the calibration cohorts. The chosen model is then refitted on all cohorts whose
    outcomes were known at the test cohort (`Split.refitted`); it keeps the calibration and scores the test cohort once.
    If parts share cohorts, rows are scored crosswise (learner.py). If the test cohort also validates and has too few
    churners for both, the cohort before it validates instead (`Split.unhalved`).

    Args:
        frame: customer_key, as_of_date, label (0/1, none missing), the features, and optionally tenure_days and
            known_at. Cohorts outside the split are not trained on.
        features: declared features, in order.
        split: see `temporal_split`.
        spark: returns a Spark session; called only if a candidate needs it.
        progress: receives one line per step, without personal data.
        search: settings of a hyper-parameter search before the training; None: no search.

    Raises:
        KeyError: a column is missing.
        TrainingError: a part is empty, a label is missing, a customer appears twice in a cohort, or the train part has
            too few churners.
        LeakFound: features or split reveal the outcome (see leak_guards.py).
    """
    split, parts = _usable_parts(frame, split, settings)
    alone = _refuse_leaks(frame, parts, split, features, settings)
    learner = Learner(features, settings.seed, spark, settings.scratch, settings.engine)
    searched = tuned(parts["train"], split, settings.candidates, learner, search, progress) if search else ()
    learner = _with_settings(learner, searched)
    selection = _select(frame, parts, split, learner, settings, progress)
    chosen, learning, parts = selection.chosen, selection.learning, selection.parts
    calibrated_on = chosen.scores(learning, parts["calibration"])
    calibration = Calibration.fit(calibrated_on, parts["calibration"]["label"].to_numpy(np.float64))
    # of a halved cohort only the test half is judged: the other half chose the model
    earlier = parts["validation"].iloc[:0] if selection.split.halved else parts["validation"]
    earlier_raw = chosen.scores(learning, earlier)
    split, parts, fitted = _refit(frame, selection, learner, settings, progress)
    model = PortableModel(chosen.name, *chosen.fitted(fitted), calibration)
    contributions = _contributions(model, parts["validation"], settings.seed)
    importance = _importance(contributions)
    rows = {name: _counts(part) for name, part in parts.items()}
    made_of = {
        "members": chosen.members,
        "hyper_parameters": {name: dict(vars(learner.candidates[name])) for name in chosen.members},
    }
    model = _with_about(model, split, rows, importance, made_of, parts["train"], calibrated_on)
    raw = chosen.scores(fitted, parts["test"])
    probability = calibration.apply(raw)
    test = _evaluate(parts["test"], raw, probability, settings)
    progress(f"{chosen.name} chosen; test {split.test} AUC {_auc_text(test)}")
    judged = [(earlier, earlier_raw, calibration.apply(earlier_raw)), (parts["test"], raw, probability)]
    return TrainingResult(
        model=model,
        chosen=chosen.name,
        candidates=selection.results(),
        ensemble=selection.why,
        searched=searched,
        test=test,
        test_by_tenure=_by_tenure(parts["test"], raw, probability, settings),
        split=split,
        rows=rows,
        importance=importance,
        contributions=contributions,
        alone=alone,
        judged=pd.concat([_judged(*part) for part in judged if len(part[0])], ignore_index=True),
        tested=TestedSample(parts["test"]["label"].to_numpy(np.float64), raw, probability),
    )


def _usable_parts(
    frame: pd.DataFrame, split: Split, settings: TrainingSettings
) -> tuple[Split, dict[str, pd.DataFrame]]:
    """Returns the split, not halved where that would leave too few churners, and its parts, after checking them."""
    parts = _parts(frame, split)
    if split.halved and _rarer(parts["test"]) < ENOUGH_FOR_HALF * settings.minimum_positives:
        split = split.unhalved()
        parts = _parts(frame, split)
    _check(parts, settings)
    return split, parts


@dataclass(frozen=True)
class _Selection:
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
    chosen: _Chosen
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


def _select(
    frame: pd.DataFrame,
    parts: dict[str, pd.DataFrame],
    split: Split,
    learner: Learner,
    settings: TrainingSettings,
    progress: Callable[[str], None],
) -> _Selection:
    """Chooses how far back to learn from, the candidate, and whether an ensemble replaces it."""
    whole = split
    split, learning = remembered(parts["train"], parts["selection"], split, settings.memory_cohorts, learner)
    if split != whole:
        progress(f"learning from the newest {len(split.train)} of {len(whole.train)} train cohorts")
        parts = parts | {"train": _parts(frame, split)["train"]}
    progress(f"training on {len(parts['train'])} snapshots, {int(parts['train']['label'].sum())} churners")
    raws = learning.scores(settings.candidates, parts["selection"])
    figures = {name: _evaluate(parts["selection"], raw, raw, settings) for name, raw in raws.items()}
    for name, metrics in figures.items():
        how = f"{learning.seconds[name]:.1f} s, {learning.engines[name]}"
        progress(f"{name}: selection AUC {_auc_text(metrics)}, {how}")
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
        figures |= {name: _evaluate(judges, raw, raw, settings) for name, raw in verdict.scores.items()}
    progress(why)
    return _Selection(split, parts, learning, figures, _Chosen(single, ensemble), why)


def _refit(
    frame: pd.DataFrame,
    selection: _Selection,
    learner: Learner,
    settings: TrainingSettings,
    progress: Callable[[str], None],
) -> tuple[Split, dict[str, pd.DataFrame], FittedCandidates]:
    """Fits what was chosen on all cohorts whose outcomes were known at the test cohort; see `Split.refitted`."""
    split = selection.split.refitted()
    if split == selection.split:
        return split, selection.parts, selection.learning
    parts = _parts(frame, split)
    _check(parts, settings)
    progress(
        f"fitting {selection.chosen.name} once more, on the {len(parts['train'])} snapshots known on {split.test}"
    )
    return split, parts, FittedCandidates(parts["train"], learner)


def _by_tenure(
    part: pd.DataFrame,
    raw: NDArray[np.float64],
    probability: NDArray[np.float64],
    settings: TrainingSettings,
) -> dict[str, Metrics]:
    """Returns the metrics by tenure band; none without the column."""
    if "tenure_days" not in part:
        return {}
    scored = part.assign(raw=raw, probability=probability)
    return by_tenure(scored, settings.capacity, settings.minimum_positives)


def _judged(part: pd.DataFrame, raw: NDArray[np.float64], probability: NDArray[np.float64]) -> pd.DataFrame:
    return part[["customer_key", "as_of_date", "label"]].assign(raw=raw, probability=probability)


def _with_settings(learner: Learner, searched: Sequence[Found]) -> Learner:
    """Returns the learner with the hyper-parameters that the search found."""
    changed: dict[str, Any] = {found.candidate: learner.candidates[found.candidate] for found in searched}
    better = {found.candidate: replace(changed[found.candidate], **found.settings) for found in searched}
    return replace(learner, candidates={**learner.candidates, **better})


def _counts(part: pd.DataFrame) -> dict[str, int]:
    return {
        "rows": len(part),
        "customers": part["customer_key"].nunique(),
        "positives": int(part["label"].sum()),
    }


def _parts(frame: pd.DataFrame, split: Split) -> dict[str, pd.DataFrame]:
    """Returns part name -> frame; `validation` is selection and calibration together. See `Split.halved`."""
    absent = [name for name in ("customer_key", "as_of_date", "label") if name not in frame.columns]
    if absent:
        raise KeyError(f"the training frame lacks the columns {absent}")
    days = pd.to_datetime(frame["as_of_date"])
    dates = split.parts | {"validation": split.validation}
    at = {name: days.isin(pd.to_datetime(list(of))) for name, of in dates.items()}
    if split.halved:
        tests = at["test"] & (fold_of(frame["customer_key"]) % 2 == 1)
        at |= {name: rows & ~tests for name, rows in at.items() if name != "train"} | {"test": tests}
    return {name: frame[rows].reset_index(drop=True) for name, rows in at.items()}


def _rarer(part: pd.DataFrame) -> int:
    """Number of churners, or of stayers if they are fewer."""
    positives = int(part["label"].sum())
    return min(positives, len(part) - positives)


def _check(parts: dict[str, pd.DataFrame], settings: TrainingSettings) -> None:
    for name, part in parts.items():
        if part.empty:
            raise TrainingError(f"the {name} part has no rows; check labels and eligibility of its cohorts")
        if not part["label"].isin([0, 1]).all():
            raise TrainingError(
                f"the {name} part has labels other than 0 and 1; train on settled labels only"
            )
        if part.duplicated(["customer_key", "as_of_date"]).any():
            raise TrainingError(f"the {name} part has a customer twice in one cohort")
    if _rarer(parts["train"]) < settings.minimum_positives:
        positives = int(parts["train"]["label"].sum())
        raise TrainingError(
            f"the train part has {positives} churners among {len(parts['train'])} snapshots, and needs at least "
            f"{settings.minimum_positives} of each kind; wait for more cohorts, or review the label policy."
        )


def _refuse_leaks(
    frame: pd.DataFrame,
    parts: dict[str, pd.DataFrame],
    split: Split,
    features: Sequence[str],
    settings: TrainingSettings,
) -> dict[str, float]:
    """Returns the AUC of each feature alone; raises LeakFound if features or split reveal the outcome."""
    labels = parts["train"]["label"].to_numpy(np.float64)
    alone = {name: auc_alone(parts["train"][name], labels) for name in features}
    findings = [*too_good(alone, settings.single_feature_auc_limit), *known_too_late(frame)]
    # parts that share cohorts are scored crosswise, so a model never scores customers whose outcomes it learned
    if split.out_of_time:
        findings += overlapping_outcomes(parts, ["train", "validation"], "test", split.horizon)
        if not split.short_history:
            findings += overlapping_outcomes(parts, ["train"], "validation", split.horizon)
    if findings:
        raise LeakFound(" ".join(findings))
    return alone


def _evaluate(
    part: pd.DataFrame, raw: NDArray[np.float64], probability: NDArray[np.float64], settings: TrainingSettings
) -> Metrics:
    return evaluate(
        part["label"], raw, probability, part["customer_key"], settings.capacity, settings.minimum_positives
    )


def _contributions(model: PortableModel, part: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Contributions of a sample of rows, by feature, with the rows' customer_key as index."""
    sample = part.sample(min(IMPORTANCE_ROWS, len(part)), random_state=seed)
    return model.contributions(sample).set_axis(pd.Index(sample["customer_key"], name="customer_key"))


def _importance(contributions: pd.DataFrame) -> dict[str, float]:
    """Mean absolute contribution per feature, largest first."""
    means = contributions.abs().mean().sort_values(ascending=False, kind="stable")
    return {str(name): float(value) for name, value in means.items()}


def _with_about(
    model: PortableModel,
    split: Split,
    rows: dict[str, dict[str, int]],
    importance: dict[str, float],
    made_of: dict[str, Any],
    train_part: pd.DataFrame,
    calibrated_on: NDArray[np.float64],
) -> PortableModel:
    """Returns the model with the figures that monitoring needs.

    The reference of the features is the train part. The reference of the scores is the calibration part, because scores
    of rows that a model was fitted on are too extreme.
    """
    scores = pd.DataFrame({"raw": calibrated_on, "probability": model.calibration.apply(calibrated_on)})
    about = {
        "split": split.as_dict(),
        "out_of_time": split.out_of_time,
        "rows": rows,
        "importance": importance,
        **made_of,
        "reference_features": reference_statistics(train_part, model.transformation.features),
        "reference_scores": reference_statistics(scores, ["raw", "probability"]),
    }
    return PortableModel(model.candidate, model.transformation, model.scorer, model.calibration, about)


def _auc_text(metrics: Metrics) -> str:
    if metrics.status != OK:
        return metrics.status
    return f"{metrics.auc:.3f} ({metrics.auc_low:.3f} to {metrics.auc_high:.3f})"
