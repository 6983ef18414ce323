"""The settings of a training."""

from dataclasses import dataclass

from churn_assets.contracts.training import SUSPICIOUS_AUC
from churn_assets.ml.candidates.candidate import EngineChoice
from churn_assets.ml.candidates.registry import require
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES


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
