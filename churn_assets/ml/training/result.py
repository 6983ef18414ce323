"""What a training found."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import Metrics
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.training.search import Found
from churn_assets.ml.training.split import Split


@dataclass(frozen=True)
class CandidateResult:
    """One line of the comparison.

    Attributes:
        candidate: its name, or that of an ensemble.
        chosen: whether it became the model.
        engine: where it was fitted, "local" or "spark"; of an ensemble "".
        fit_seconds: wall time of the fit; of an ensemble 0, since its members are fitted anyway.
        selection: metrics on the selection cohorts, uncalibrated; of an ensemble on those that judge it (`weigh`).
    """

    candidate: str
    chosen: bool
    engine: str
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
        chosen: name of the winning candidate or ensemble.
        candidates: all candidates and ensembles, best first.
        ensemble: whether an ensemble was kept and why, in words.
        searched: what the search of hyper-parameters came to; empty without one.
        test: metrics on the untouched last cohort.
        test_by_tenure: the same per tenure band; empty if the frame has no tenure_days.
        split: dates of the parts; `train` taught the model.
        rows: rows and positives per part.
        importance: feature -> mean absolute contribution (log-odds) on validation rows, largest first.
        contributions: of those rows, indexed by customer_key; what `importance` is the mean of.
        alone: feature -> ROC-AUC of it alone on the train part.
        judged: customer_key, as_of_date, label, raw, probability of the validation rows (whose AUC is flattered a
            little: they chose the model), by what was chosen before it was refitted, and of the test cohort. Nobody is
            scored by a model that has learned from them; of a cohort that does both (`Split.halved`) those that test.
    """

    model: PortableModel
    chosen: str
    candidates: tuple[CandidateResult, ...]
    ensemble: str
    searched: tuple[Found, ...]
    test: Metrics
    test_by_tenure: dict[str, Metrics]
    split: Split
    rows: dict[str, dict[str, int]]
    importance: dict[str, float]
    contributions: pd.DataFrame = field(repr=False)
    alone: dict[str, float] = field(repr=False)
    judged: pd.DataFrame = field(repr=False)
    tested: TestedSample = field(repr=False)

    def tested_in(self, frame: pd.DataFrame) -> pd.Series:
        """Which rows of `frame`, of what was trained on, the test looked at: booleans."""
        at, judged_at = (
            pd.to_datetime(rows["as_of_date"]) == pd.Timestamp(self.split.test)
            for rows in (frame, self.judged)
        )
        return at & frame["customer_key"].isin(self.judged.loc[judged_at, "customer_key"])

    def candidates_table(self) -> pd.DataFrame:
        """Comparison as a table: candidate, chosen, engine, fit_seconds, status, auc with interval, pr_auc, lift."""
        columns = ("status", "n", "positives", "auc", "auc_low", "auc_high", "pr_auc", "lift_top_decile")
        return pd.DataFrame(
            [
                {
                    "candidate": line.candidate,
                    "chosen": line.chosen,
                    "engine": line.engine,
                    "fit_seconds": round(line.fit_seconds, 2),
                    **{name: getattr(line.selection, name) for name in columns},
                }
                for line in self.candidates
            ]
        )
