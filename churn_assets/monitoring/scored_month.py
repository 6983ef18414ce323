"""One scored month on the monthly page."""

from dataclasses import dataclass
from datetime import date

from churn_assets.ml.metrics.classification import OK

GOOD, PERHAPS, WEAKER = "as promised", "perhaps weaker", "weaker"


@dataclass(frozen=True)
class ScoredMonth:
    """One scored month and the model that was in charge of it; unknown figures are None.

    Attributes:
        day, model_version, status, n, excluded, positives, auc, auc_low, auc_high, auc_estimated, expected_positives:
            as in monitoring/model_performance; for a large cohort, figures of a random sample.
        scored: number of all customers scored, also those without a label or not in the sample.
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
        """Number of customers behind the figures: all who were scored, or a sample of them."""
        return self.n + (self.excluded or 0)

    def of_all(self, count: float) -> float:
        """Extrapolates a count in the sample to all scored customers."""
        return count * self.scored / self.sample if self.sample else count

    def judgement(self, margin: float) -> str | None:
        """Compares the AUC with the promised one minus the margin; None without a realised AUC or a promised one.

        WEAKER when even the upper end of the interval is below, PERHAPS when only the AUC is, else GOOD.
        """
        if self.status != OK or self.promised is None or self.auc is None or self.auc_high is None:
            return None
        bar = self.promised - margin
        return WEAKER if self.auc_high < bar else PERHAPS if self.auc < bar else GOOD
