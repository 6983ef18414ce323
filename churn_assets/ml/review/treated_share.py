"""How many customers of a training had been contacted: whoever was persuaded to stay looks like one who would have."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn_assets.ml.metrics.classification import OK, Metrics, evaluate_rows
from churn_assets.ml.training.result import TrainingResult


@dataclass(frozen=True)
class TreatedShare:
    """What contacts may have changed.

    Attributes:
        snapshots, treated: of the training part; treated ones were contacted before their outcome window ended.
        untreated: metrics of the test cohort without everybody who was, or may have been, contacted.
    """

    snapshots: int
    treated: int
    untreated: Metrics

    @property
    def sentence(self) -> str:
        """Both in words."""
        share = self.treated / self.snapshots if self.snapshots else 0.0
        told = (
            f"{self.treated:,} of the {self.snapshots:,} training snapshots ({share:.1%}) are of customers who were "
            "contacted before their outcome was known; a contact may have changed it."
        )
        if self.untreated.status != OK or self.untreated.auc is None:
            return f"{told} Of the test cohort too few left without a contact for an AUC of their own."
        return (
            f"{told} On the {self.untreated.n:,} customers of the test cohort who were not contacted the ROC-AUC is "
            f"{self.untreated.auc:.3f} ({self.untreated.auc_low:.3f} to {self.untreated.auc_high:.3f})."
        )


def treated_share(
    result: TrainingResult,
    frame: pd.DataFrame,
    known: Mapping[date, Set[str]],
    perhaps: Mapping[date, Set[str]],
    capacity: float,
    minimum_positives: int,
) -> TreatedShare:
    """How many customers of a training had been contacted, and how good it is on the others.

    Args:
        result: of the training.
        frame: the training frame, with customer_key and as_of_date.
        known: as_of_date -> customers who were contacted before the outcome window ended; of train and test cohorts.
        perhaps: as_of_date -> those who may have been.
        capacity: share of customers that a campaign reaches.
        minimum_positives: with fewer churners there is no AUC.
    """
    days = pd.to_datetime(frame["as_of_date"]).dt.date
    trained = treated = 0
    for day in result.split.train:
        keys = frame.loc[days == day, "customer_key"]
        trained, treated = trained + len(keys), treated + int(keys.isin(list(known[day])).sum())
    test = result.split.test
    judged = result.judged[pd.to_datetime(result.judged["as_of_date"]).dt.date == test]
    alone = judged[~judged["customer_key"].isin([*known[test], *perhaps[test]])]
    return TreatedShare(trained, treated, evaluate_rows(alone, capacity, minimum_positives))
