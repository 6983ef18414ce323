"""The request for one training, its sample, and the names of the checks that it must pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

    from churn_assets.ml.training.split import Split

ENOUGH_COHORTS = "enough_matured_cohorts"
USABLE_SAMPLE = "training_sample_usable"
NO_LEAK = "no_feature_knows_the_outcome"
BETTER_THAN_CHANCE = "better_than_chance"
CHECKS = {
    ENOUGH_COHORTS: "Enough cohorts have matured to train on some of them and to test on a later one.",
    USABLE_SAMPLE: "Every part of the split has settled labels, each customer once per cohort, and enough churners to "
    "train and to test.",
    NO_LEAK: "No single feature separates churners almost perfectly, no value arrived after the snapshot date, and no "
    "outcome window overlaps a later part of the split.",
    BETTER_THAN_CHANCE: "The 95 % interval of the ROC-AUC on the test cohort is above 0.5.",
}
NOT_REGISTERED = "No model was registered."


@dataclass(frozen=True)
class TrainingRequest:
    """Arguments of one training.

    Attributes:
        trained_as_of: the training uses only data known up to this date.
        degraded: the training was requested because the champion has degraded.
        run_id: id of the Dagster run.
        progress: receives one line per step, without personal data.
    """

    business: Business
    lakehouse: Lakehouse
    tracking: Tracking
    trained_as_of: date
    degraded: bool
    run_id: str
    progress: Callable[[str], None]

    def refused(self, check: str, found: str, remedy: str, evidence: Mapping[str, Any]) -> CheckFailed:
        """Returns the exception for a failed check that stops this training."""
        told = {"trained_as_of": str(self.trained_as_of), **evidence}
        return CheckFailed(
            check, f"trained_as_of {self.trained_as_of}: {found}", remedy, told, NOT_REGISTERED
        )


@dataclass(frozen=True)
class Sample:
    """The training data, and the champion that the new model is compared with.

    Attributes:
        split: the cohorts of each part.
        frame: labelled snapshots with the features and the protected attributes.
        before: the champion at trained_as_of; None if there was none.
        weakness: why that champion is weak, see `promotion_rule`; None if it is not.
    """

    split: "Split"
    frame: "pd.DataFrame"
    before: Champion | None
    weakness: str | None
