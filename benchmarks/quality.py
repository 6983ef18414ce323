"""Compares the model with the truth of the simulated world."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.split import temporal_split
from churn_assets.models.training_frame import training_frame
from churn_assets.settings import Settings

RESAMPLES = 500


@dataclass(frozen=True)
class Quality:
    """ROC-AUC on the test cohort of the newest model.

    Attributes:
        model: ROC-AUC of the model.
        hazard: ROC-AUC of the true churn probability.
        share: 2.5 % and 97.5 % quantiles of model / hazard over resamples of the test cohort.
        taught: ROC-AUC of trees that learn the true probability, not the labels, from the model's features and cohorts:
            about the most these features allow without the noise of the labels.
    """

    model: float
    hazard: float
    share: tuple[float, float]
    taught: float

    def __str__(self) -> str:
        return (
            f"{self.model:.3f} against {self.hazard:.3f} of the true hazard: {self.model / self.hazard:.1%} "
            f"({self.share[0]:.1%} to {self.share[1]:.1%}); "
            f"trees that learn the hazard instead of the labels: {self.taught / self.hazard:.1%}"
        )


def quality(settings: Settings) -> Quality:
    """Returns the quality of the newest model of a simulated lake.

    Customers without a label (involuntary ends, ends in the gap) are left out.
    """
    lake, business = Lakehouse(settings), load_business(settings.business_path)
    last = lake.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()[-1]
    days = lake.arrow(tables.CHURN_LABELS, ["as_of_date"], [("as_of_date", "<=", last["test_as_of_date"])])
    windows = business.file.windows
    split = temporal_split(days["as_of_date"].to_pylist(), windows.gap_days, windows.outcome_days).refitted()
    names, limit = [f.name for f in business.features], business.file.training.row_limit
    frame = training_frame(lake, names, [*split.train, split.test], limit)
    keys = lake.arrow(tables.CUSTOMER_KEYS).to_pandas()
    wanted = ["customer_id", "as_of_date", "churn_probability"]
    truth = pd.read_parquet(settings.home_path / "truth" / "hazard.parquet", columns=wanted)
    for table in (frame, truth):
        table["as_of_date"] = pd.to_datetime(table["as_of_date"])
    known = frame.merge(keys, on="customer_key").merge(truth, on=["customer_id", "as_of_date"])
    tested = known["as_of_date"] == pd.Timestamp(split.test)
    past, test = known[~tested], known[tested]
    transformation = Transformation.fit(past, names)
    chance = past["churn_probability"].clip(1e-6, 1 - 1e-6)
    trees = HistGradientBoostingRegressor(learning_rate=0.05, max_iter=400, random_state=7)
    trees.fit(transformation.transform(past), np.log(chance / (1 - chance)))
    model = tracking_of(settings, business).load_version(last["model_version"])
    scored = test.assign(model=model.score(test)["raw"])
    draws = (scored.sample(frac=1, replace=True, random_state=seed) for seed in range(RESAMPLES))
    low, high = np.quantile([_auc(drawn, "model") / _auc(drawn) for drawn in draws], [0.025, 0.975])
    return Quality(
        model=_auc(scored, "model"),
        hazard=_auc(scored),
        share=(low, high),
        taught=float(roc_auc_score(test["label"], trees.predict(transformation.transform(test)))),
    )


def _auc(rows: pd.DataFrame, scores: str = "churn_probability") -> float:
    return float(roc_auc_score(rows["label"], rows[scores]))
