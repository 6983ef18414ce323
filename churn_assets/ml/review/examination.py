"""The examination of a finished training, before its model is used; the model card reports its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from churn_assets.contracts.economics import Economics
from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.contracts.segments import ValueTiers
from churn_assets.ml.metrics.campaign import Quality, quality
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, OK, Metrics
from churn_assets.ml.metrics.fairness import Group, fairness
from churn_assets.ml.metrics.importance import Importance, importance_intervals
from churn_assets.ml.metrics.partial_dependence import TOP, Dependence, partial_dependence
from churn_assets.ml.metrics.stability import by_cohort, by_value
from churn_assets.ml.review.figures import dependence_figure, importance_figure, training_figures
from churn_assets.ml.review.leak_report import LeakReport, leak_report
from churn_assets.ml.training.result import TrainingResult
from churn_assets.progress import note
from churn_assets.reporting.figures import as_png

SHOWN = 15


@dataclass(frozen=True)
class ExaminationSettings:
    """Settings of the examination.

    Attributes:
        capacity: share of customers that a campaign reaches.
        economics: of a campaign.
        value: feature and bounds of the value tiers; None: no tiers.
        protected: attributes whose groups are compared; the frame has a column per attribute, its `name`.
        seed: of samples and shuffles.
        minimum_positives: groups with fewer churners have a status instead of figures.
    """

    capacity: float = 0.1
    economics: Economics = field(default_factory=Economics)
    value: ValueTiers | None = None
    protected: tuple[ProtectedAttribute, ...] = ()
    seed: int = 20260
    minimum_positives: int = MINIMUM_POSITIVES


@dataclass(frozen=True)
class Examination:
    """Results of the examination.

    Attributes:
        quality: of the test cohort; None if it has no metrics.
        cohorts: as_of date -> metrics of the validation cohorts and the test cohort.
        days: as_of date -> metrics of the test cohort and of later days between month ends; empty without such days.
        segments: kind of customer -> metrics on the test cohort: tenure bands, value tiers.
        groups: of the protected attributes, on the test cohort.
        leaks: results of the checks for leaks.
        importance: of every feature, largest first.
        dependence: curves of the ten most important features.
    """

    quality: Quality | None
    cohorts: dict[str, Metrics]
    days: dict[str, Metrics]
    segments: dict[str, Metrics]
    groups: tuple[Group, ...]
    leaks: LeakReport
    importance: tuple[Importance, ...]
    dependence: tuple[Dependence, ...]

    def metrics(self) -> dict[str, float]:
        """Returns flat name -> number for MLflow."""
        found = {f"test.{name}": value for name, value in self.figures().items()}
        for kind, parts in (("cohort", self.cohorts), ("day", self.days), ("segment", self.segments)):
            for name, metrics in parts.items():
                if metrics.auc is not None and metrics.auc_low is not None and metrics.auc_high is not None:
                    at = f"{kind}.{name.replace(' ', '_')}"
                    found |= {
                        f"{at}.auc": metrics.auc,
                        f"{at}.auc_low": metrics.auc_low,
                        f"{at}.auc_high": metrics.auc_high,
                    }
        return found | self.leaks.metrics()

    def figures(self) -> dict[str, float]:
        """Figures of the test cohort, by the names of `Quality.as_dict`; empty if it has none."""
        return self.quality.as_dict() if self.quality else {}


def pictures(result: TrainingResult, found: Examination, words: Mapping[str, str]) -> dict[str, bytes]:
    """Returns file stem -> PNG for every picture of a training.

    Args:
        words: feature -> its name for people.
    """
    figures = training_figures(result)
    figures["importance"] = importance_figure(found.importance[:SHOWN], words)
    if found.dependence:
        figures["partial_dependence"] = dependence_figure(found.dependence, words)
    return {name: as_png(figure) for name, figure in figures.items()}


def examine(
    result: TrainingResult,
    frame: pd.DataFrame,
    settings: ExaminationSettings,
    between: pd.DataFrame | None = None,
) -> Examination:
    """Examine a finished training.

    Args:
        frame: the training frame; see `train`. It also has the columns of `settings.value` and `settings.protected`.
        between: labelled snapshots as of days between month ends that judge the model (`Split.judging`); None: none.
    """
    tested = _tested(result, frame)
    importance = importance_intervals(result.contributions, settings.seed)
    strongest = [line.feature for line in importance[:TOP] if line.value > 0]
    note("checking for leaks")
    leaks = leak_report(result, frame, settings.seed)
    note("computing partial dependence of the strongest features")
    dependence = partial_dependence(result.model, tested, strongest, settings.seed)
    note("measuring quality, stability and fairness")
    return Examination(
        quality=_quality(result, tested, settings),
        cohorts=by_cohort(result.judged, settings.capacity, settings.minimum_positives),
        days=_days(result, between, settings),
        segments=_segments(result, tested, settings),
        groups=fairness(tested, settings.protected, settings.capacity, settings.minimum_positives),
        leaks=leaks,
        importance=importance,
        dependence=dependence,
    )


def _tested(result: TrainingResult, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the test cohort with their scores."""
    scores = result.judged[["customer_key", "as_of_date", "raw", "probability"]]
    rows = frame[result.tested_in(frame)]
    return rows.merge(scores, on=["customer_key", "as_of_date"], validate="one_to_one")


def _days(
    result: TrainingResult, between: pd.DataFrame | None, settings: ExaminationSettings
) -> dict[str, Metrics]:
    """Metrics of the test cohort and of the later days between month ends; empty without such days."""
    if between is None:
        return {}
    scores = result.model.score(between)[["raw", "probability"]].to_numpy()
    rows = between[["customer_key", "as_of_date", "label"]].assign(raw=scores[:, 0], probability=scores[:, 1])
    found = by_cohort(rows, settings.capacity, settings.minimum_positives)
    return {str(result.split.test): result.test} | found


def _quality(result: TrainingResult, tested: pd.DataFrame, settings: ExaminationSettings) -> Quality | None:
    if result.test.status != OK:
        return None
    labels, raw, probability = (tested[name] for name in ("label", "raw", "probability"))
    return quality(labels, raw, probability, tested["customer_key"], settings.capacity, settings.economics)


def _segments(
    result: TrainingResult, tested: pd.DataFrame, settings: ExaminationSettings
) -> dict[str, Metrics]:
    found = dict(result.test_by_tenure)
    if settings.value is not None:
        found |= by_value(tested, settings.value, settings.capacity, settings.minimum_positives)
    return {name: metrics for name, metrics in found.items() if metrics.n}
