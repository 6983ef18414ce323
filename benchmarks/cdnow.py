"""Upper bound of the ROC-AUC on CDNOW: purchases up to the test date against churn in the half year after it.

The data are Fader and Hardie's log of 23,570 customers, who all first bought in the first quarter of 1997. A model that
learns from 1997-06-30 and is tested on 1997-12-31 cannot beat one that is fitted on the test cohort itself.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CDNOW = Path(__file__).parents[2] / "shared" / "data" / "cdnow_transactions.csv"
AS_OF, OUTCOME_DAYS = pd.Timestamp("1997-12-31"), 180
WINDOWS = (14, 30, 91, 182, 365)


def within_the_test_cohort() -> dict[str, float]:
    """Returns model -> ROC-AUC, cross-validated in 10 folds inside the test cohort.

    Raises:
        FileNotFoundError: the file is not beside this checkout.
    """
    bought = pd.read_csv(CDNOW, parse_dates=["date"]).drop_duplicates()
    features = _features(bought[bought["date"] <= AS_OF])
    later = bought["date"].between(AS_OF + pd.Timedelta(days=1), AS_OF + pd.Timedelta(days=OUTCOME_DAYS))
    churned = ~features.index.isin(bought.loc[later, "customer_id"])
    folds = StratifiedKFold(10, shuffle=True, random_state=7)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    trees = HistGradientBoostingClassifier(
        learning_rate=0.03, max_iter=300, max_leaf_nodes=6, min_samples_leaf=60, random_state=7
    )
    scores = {
        "logistic regression on logarithms": (linear, np.log1p(features)),
        "histogram boosting": (trees, features),
    }
    return {
        name: float(
            roc_auc_score(
                churned, cross_val_predict(model, rows, churned, cv=folds, method="predict_proba")[:, 1]
            )
        )
        for name, (model, rows) in scores.items()
    }


def _features(bought: pd.DataFrame) -> pd.DataFrame:
    """Returns recency and tenure (days), rates, and number, items and money in windows up to AS_OF, per customer.

    WINDOWS are in days.
    """
    customers = bought.groupby("customer_id")
    features = pd.DataFrame(
        {
            "recency": (AS_OF - customers["date"].max()).dt.days,
            "tenure": (AS_OF - customers["date"].min()).dt.days,
            "purchases": customers["date"].nunique(),
        }
    )
    features["recency_share"] = features["recency"] / features["tenure"]
    features["rate"] = (features["purchases"] - 1) / features["tenure"]
    for days in WINDOWS:
        window = bought[bought["date"] > AS_OF - pd.Timedelta(days=days)].groupby("customer_id")
        features[f"count_{days}d"] = window.size()
        features[f"amount_{days}d"] = window["amount"].sum()
        features[f"quantity_{days}d"] = window["quantity"].sum()
    return features.fillna(0.0)
