"""One scored month as the monthly page shows it."""

from dataclasses import dataclass
from datetime import date

from churn_assets.ml.metrics.classification import OK

GOOD, PERHAPS, WEAKER = "as promised", "perhaps weaker", "weaker"


@dataclass(frozen=True)
class ScoredMonth:
    """One scored month under the model that was in charge of it; None where a figure is not known.

    Attributes:
        day, model_version, status, n, excluded, positives, auc, auc_low, auc_high, auc_estimated, expected_positives:
            as in monitoring/model_performance; of a large cohort, those of a random sample.
        scored: everybody, also who turned out to have no label or is not in the sample.
        promised: ROC-AUC of that model on the test cohort of its own training.
    """

    day: date
    model_version: str
    status: str
    n: int
    scored: int
    excluded: int | None = None
    positives: int | None = None
    expected_positives: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    auc_estimated: float | None = None
    promised: float | None = None

    @property
    def sample(self) -> int:
        """Customers that the figures rest on: everybody who was scored, or a sample of them."""
        return self.n + (self.excluded or 0)

    def of_all(self, count: float) -> float:
        """What `count` customers of the sample stand for among everybody."""
        return count * self.scored / self.sample if self.sample else count

    def judgement(self, margin: float) -> str | None:
        """Against what was promised, minus the margin; None while that cannot be said. Chance is given its due."""
        if self.status != OK or self.promised is None or self.auc is None or self.auc_high is None:
            return None
        bar = self.promised - margin
        return WEAKER if self.auc_high < bar else PERHAPS if self.auc < bar else GOOD
