"""One training: fit candidates on the past, choose and calibrate on what followed, test once on the last cohort."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.models.calibration import Calibration
from churn_assets.models.candidates import CANDIDATES, TrainingPart
from churn_assets.models.evaluation import (
    MINIMUM_POSITIVES,
    OK,
    Z_95,
    Metrics,
    auc_interval,
    by_tenure,
    compare_auc,
    evaluate,
)
from churn_assets.models.leaks import known_too_late, overlapping_outcomes, single_feature_auc, too_good
from churn_assets.models.mllib import SparkMatrix
from churn_assets.models.portable import PortableModel, Scorer
from churn_assets.models.reference import reference_statistics
from churn_assets.models.split import Split
from churn_assets.models.transformation import Transformation

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IMPORTANCE_ROWS = 2000


class TrainingError(ValueError):
    """The frame cannot be trained on; the message says which part lacks what."""


class LeakFound(TrainingError):
    """Features or split know the outcome; the message holds every finding with its remedy."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        candidates: names from CANDIDATES, in order of preference, simplest first: see `choose`.
        seed: of every sampling learner.
        capacity: share of customers that a campaign reaches; precision and recall are measured there.
        single_feature_auc_limit: a feature whose AUC alone lies above stops the training as a leak.
        minimum_positives: fewer churners in a part give a status instead of numbers.
        scratch: see `SparkMatrix`; only clusters need it.
    """

    candidates: tuple[str, ...] = tuple(CANDIDATES)
    seed: int = 20260
    capacity: float = 0.1
    single_feature_auc_limit: float = 0.95
    minimum_positives: int = MINIMUM_POSITIVES
    scratch: str | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.candidates if name not in CANDIDATES]
        if unknown or not self.candidates:
            raise ValueError(f"candidates {unknown or 'missing'}: choose from {', '.join(CANDIDATES)}")


@dataclass(frozen=True)
class CandidateResult:
    """One line of the comparison.

    Attributes:
        candidate: its name.
        chosen: whether it became the model.
        fit_seconds: wall time of the fit.
        selection: metrics on the selection cohorts, uncalibrated.
    """

    candidate: str
    chosen: bool
    fit_seconds: float
    selection: Metrics


@dataclass(frozen=True)
class TestedSample:
    """Scores of the test cohort without keys, for plots only.

    Attributes:
        labels, raw, probability: one value per customer, in the order of the frame.
    """

    labels: NDArray[np.float64]
    raw: NDArray[np.float64]
    probability: NDArray[np.float64]


@dataclass(frozen=True)
class TrainingResult:
    """What a training found.

    Attributes:
        model: the calibrated model; its `about` holds split, importance and reference statistics.
        chosen: name of the winning candidate.
        candidates: all candidates, best first.
        test: metrics on the untouched last cohort.
        test_by_tenure: the same per tenure band; empty if the frame has no tenure_days.
        split: dates of the parts.
        rows: rows and positives per part.
        importance: feature -> mean absolute contribution (log-odds) on validation rows, largest first.
    """

    model: PortableModel
    chosen: str
    candidates: tuple[CandidateResult, ...]
    test: Metrics
    test_by_tenure: dict[str, Metrics]
    split: Split
    rows: dict[str, dict[str, int]]
    importance: dict[str, float]
    tested: TestedSample = field(repr=False)

    def candidates_table(self) -> pd.DataFrame:
        """Comparison as a table: candidate, chosen, fit_seconds, status, auc with interval, pr_auc, lift."""
        columns = ("status", "n", "positives", "auc", "auc_low", "auc_high", "pr_auc", "lift_top_decile")
        return pd.DataFrame(
            [
                {
                    "candidate": line.candidate,
                    "chosen": line.chosen,
                    "fit_seconds": round(line.fit_seconds, 2),
                    **{name: getattr(line.selection, name) for name in columns},
                }
                for line in self.candidates
            ]
        )


def train(
    frame: pd.DataFrame,
    features: Sequence[str],
    split: Split,
    settings: TrainingSettings,
    spark: "Callable[[], SparkSession]",
    progress: Callable[[str], None] = lambda message: None,
) -> TrainingResult:
    """Train on snapshots with settled labels.

    Only the train part fits transformation and candidates; the selection cohorts choose (`choose`); the calibration
    cohorts fit the probability; the test cohort is scored once, by the chosen model. The model is not refitted on
    later cohorts afterwards: what was tested is what is used.

    Args:
        frame: customer_key, as_of_date, label (0/1, none missing), the features, and tenure_days if at hand.
            Cohorts outside the split (the embargo) are ignored.
        features: declared features, in order.
        split: see `temporal_split`.
        spark: gives a Spark session; called only if a candidate needs it.
        progress: receives one line per step, without personal data.

    Raises:
        KeyError: a column is missing.
        TrainingError: a part is empty, a label is missing, a customer appears twice in a cohort, or the train part has
            too few churners.
        LeakFound: the outcome shows through (see leaks.py).
    """
    parts = _parts(frame, split)
    rows = {
        name: {
            "rows": len(part),
            "customers": part["customer_key"].nunique(),
            "positives": int(part["label"].sum()),
        }
        for name, part in parts.items()
    }
    _check(parts, settings)
    transformation = Transformation.fit(parts["train"], features)
    matrix = transformation.transform(parts["train"])
    selection = transformation.transform(parts["selection"])
    labels = parts["train"]["label"].to_numpy(np.float64)
    alone = single_feature_auc(matrix, labels, transformation)
    _refuse_leaks(frame, parts, split, alone, settings)
    progress(f"training on {len(matrix)} snapshots x {matrix.shape[1]} columns, {int(labels.sum())} churners")
    if any(CANDIDATES[name].needs_spark for name in settings.candidates):
        spark()  # MLlib's estimators cannot even be made without a session
    fitted: dict[str, tuple[Scorer, float, Metrics]] = {}
    raws: dict[str, NDArray[np.float64]] = {}
    with SparkMatrix(matrix, labels, spark, settings.scratch) as on_spark:
        part = TrainingPart(matrix, labels, on_spark, settings.seed)
        for name in settings.candidates:
            started = time.perf_counter()
            scorer = CANDIDATES[name].fit(part)
            seconds = time.perf_counter() - started
            raw = scorer.probability(selection)
            raws[name] = raw
            metrics = _evaluate(parts["selection"], raw, raw, settings)
            fitted[name] = (scorer, seconds, metrics)
            progress(f"{name}: selection AUC {_auc_text(metrics)}, {seconds:.1f} s")
    # sorted is stable: equal candidates stay in the order of preference.
    order = sorted(fitted, key=lambda name: -(fitted[name][2].auc or 0.0))
    # Held-out customers of the train cohorts cannot show what time does to a model: simple ones are trusted further.
    errors = 2.0 if split.held_out else 1.0
    decided_on = parts["selection"]["label"].to_numpy(np.float64)
    chosen = choose(settings.candidates, raws, decided_on, fitted[order[0]][2], errors)
    model = _calibrated(chosen, transformation, fitted[chosen][0], parts["calibration"])
    importance = _importance(model, parts["validation"], settings.seed)
    model = _with_about(model, split, rows, importance, parts["train"], parts["calibration"])
    scores = model.score(parts["test"])
    raw, probability = scores["raw"].to_numpy(), scores["probability"].to_numpy()
    test = _evaluate(parts["test"], raw, probability, settings)
    progress(f"{chosen} chosen; test {split.test} AUC {_auc_text(test)}")
    bands = (
        by_tenure(
            parts["test"].assign(raw=raw, probability=probability),
            settings.capacity,
            settings.minimum_positives,
        )
        if "tenure_days" in parts["test"]
        else {}
    )
    return TrainingResult(
        model=model,
        chosen=chosen,
        candidates=tuple(CandidateResult(name, name == chosen, *fitted[name][1:]) for name in order),
        test=test,
        test_by_tenure=bands,
        split=split,
        rows=rows,
        importance=importance,
        tested=TestedSample(parts["test"]["label"].to_numpy(np.float64), raw, probability),
    )


def choose(
    candidates: Sequence[str],
    raws: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    best: Metrics,
    errors: float = 1.0,
) -> str:
    """The first candidate whose AUC is within some standard errors of the best one's; the first of all without an AUC.

    With one, the rule of Breiman et al. 1984: among models that chance could have ordered otherwise, the simplest,
    which drifts least. The error is that of the paired difference on the same rows (DeLong).

    Args:
        candidates: in order of preference, simplest first.
        raws: candidate -> scores of the selection part.
        labels: 0 or 1 per row of the selection part.
        best: metrics of the candidate with the highest AUC.
        errors: how many standard errors.
    """
    if best.status != OK:
        return candidates[0]
    top = max(candidates, key=lambda name: auc_interval(labels, raws[name])[0])
    for name in candidates:
        difference, _, high = compare_auc(labels, raws[top], raws[name])
        if difference <= errors * (high - difference) / Z_95:
            return name
    return top


def _parts(frame: pd.DataFrame, split: Split) -> dict[str, pd.DataFrame]:
    """Frames by part; `validation` is selection and calibration together."""
    absent = [name for name in ("customer_key", "as_of_date", "label") if name not in frame.columns]
    if absent:
        raise KeyError(f"the training frame lacks the columns {absent}")
    days = pd.to_datetime(frame["as_of_date"])
    dates = {
        "train": split.train,
        "validation": split.validation,
        "selection": split.selection,
        "calibration": split.calibration,
        "test": (split.test,),
    }
    held_out = _held_out(frame["customer_key"], split.held_out)
    parts = {}
    for name, of in dates.items():
        rows = days.isin(pd.to_datetime(list(of)))
        if split.held_out and name != "test":
            rows &= ~held_out if name == "train" else held_out
        parts[name] = frame[rows].reset_index(drop=True)
    return parts


def _held_out(keys: pd.Series, share: float) -> NDArray[np.bool_]:
    """True for about `share` of the customers, the same ones in every cohort, whatever rows are at hand."""
    return pd.util.hash_array(keys.to_numpy(object), categorize=True) % 1000 < 1000 * share


def _check(parts: dict[str, pd.DataFrame], settings: TrainingSettings) -> None:
    for name, part in parts.items():
        if part.empty:
            raise TrainingError(f"the {name} part has no rows; check labels and eligibility of its cohorts")
        if not part["label"].isin([0, 1]).all():
            raise TrainingError(
                f"the {name} part holds labels other than 0 and 1; train on settled labels only"
            )
        if part.duplicated(["customer_key", "as_of_date"]).any():
            raise TrainingError(f"the {name} part holds a customer twice in one cohort")
    positives = int(parts["train"]["label"].sum())
    if min(positives, len(parts["train"]) - positives) < settings.minimum_positives:
        raise TrainingError(
            f"the train part has {positives} churners among {len(parts['train'])} snapshots, and needs at least "
            f"{settings.minimum_positives} of each kind; wait for more cohorts or review the label policy"
        )


def _refuse_leaks(
    frame: pd.DataFrame,
    parts: dict[str, pd.DataFrame],
    split: Split,
    alone: dict[str, float],
    settings: TrainingSettings,
) -> None:
    earlier = ["train", "validation"]
    findings = [
        *too_good(alone, settings.single_feature_auc_limit),
        *known_too_late(frame),
        *overlapping_outcomes(parts, earlier, "test", split.horizon),
        *overlapping_outcomes(parts, ["train"], "validation", split.horizon),
    ]
    if findings:
        raise LeakFound(" ".join(findings))


def _evaluate(
    part: pd.DataFrame, raw: NDArray[np.float64], probability: NDArray[np.float64], settings: TrainingSettings
) -> Metrics:
    return evaluate(
        part["label"], raw, probability, part["customer_key"], settings.capacity, settings.minimum_positives
    )


def _calibrated(
    name: str, transformation: Transformation, scorer: Scorer, part: pd.DataFrame
) -> PortableModel:
    raw = scorer.probability(transformation.transform(part))
    return PortableModel(
        name, transformation, scorer, Calibration.fit(raw, part["label"].to_numpy(np.float64))
    )


def _importance(model: PortableModel, part: pd.DataFrame, seed: int) -> dict[str, float]:
    """Mean absolute contribution per feature, largest first."""
    sample = part.sample(min(IMPORTANCE_ROWS, len(part)), random_state=seed)
    means = model.contributions(sample).abs().mean().sort_values(ascending=False, kind="stable")
    return {str(name): float(value) for name, value in means.items()}


def _with_about(
    model: PortableModel,
    split: Split,
    rows: dict[str, dict[str, int]],
    importance: dict[str, float],
    train_part: pd.DataFrame,
    calibration_part: pd.DataFrame,
) -> PortableModel:
    """The model with what monitoring needs later.

    Reference of the features is the train part (what was learned from), of the scores the calibration part: scores of
    rows that a model was fitted on are too sure of themselves.
    """
    scores = model.score(calibration_part)
    about = {
        "split": split.as_dict(),
        "held_out": split.held_out,
        "rows": rows,
        "importance": importance,
        "reference_features": reference_statistics(train_part, model.transformation.features),
        "reference_scores": reference_statistics(scores, ["raw", "probability"]),
    }
    return PortableModel(model.candidate, model.transformation, model.scorer, model.calibration, about)


def _auc_text(metrics: Metrics) -> str:
    if metrics.status != OK:
        return metrics.status
    return f"{metrics.auc:.3f} ({metrics.auc_low:.3f} to {metrics.auc_high:.3f})"
