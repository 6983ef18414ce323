"""The result of a training."""

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
    """One line of the comparison of candidates.

    Attributes:
        candidate: name of the candidate or ensemble.
        chosen: whether it became the model.
        engine: where it was fitted, "local" or "spark"; "" for an ensemble.
        fit_seconds: wall time of the fit; 0 for an ensemble, because its members are fitted anyway.
        selection: metrics on the selection cohorts, uncalibrated; for an ensemble on the rows that judge it (`weigh`).
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
    """The result of a training.

    Attributes:
        model: the calibrated model; its `about` contains split, importance and reference statistics.
        chosen: name of the chosen candidate or ensemble.
        candidates: all candidates and ensembles, best first.
        ensemble: whether an ensemble was kept and why, in words.
        searched: results of the hyper-parameter search, one per candidate; empty without a search.
        test: metrics on the test cohort.
        test_by_tenure: the same per tenure band; empty if the frame has no tenure_days.
        split: dates of the parts; the model is fitted on `train`.
        rows: rows, customers and positives per part.
        importance: feature -> mean absolute contribution (log-odds) on a sample of validation rows, largest first.
        contributions: contributions of that sample, indexed by customer_key; `importance` is their mean absolute value.
        alone: feature -> its ROC-AUC alone on the train part.
        judged: customer_key, as_of_date, label, raw and probability of the validation rows and the test cohort. The
            validation rows are scored by the chosen model before it was refitted; their AUC is slightly too high,
            because they chose the model. No customer is scored by a model that has learned from them. If the test
            cohort also validates (`Split.halved`), only its test half is included and no validation rows.
        tested: labels and scores of the test cohort without keys.
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
        """Returns a boolean per row of `frame` (the training frame): True for rows of the test."""
        at, judged_at = (
            pd.to_datetime(rows["as_of_date"]) == pd.Timestamp(self.split.test)
            for rows in (frame, self.judged)
        )
        return at & frame["customer_key"].isin(self.judged.loc[judged_at, "customer_key"])

    def candidates_table(self) -> pd.DataFrame:
        """Comparison as a table: candidate, chosen, engine, fit_seconds, and the main figures of `selection`."""
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
