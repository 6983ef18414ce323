"""The model against the truth of the simulated world."""

import pandas as pd
from sklearn.metrics import roc_auc_score

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings


def model_and_hazard_auc(settings: Settings) -> tuple[float, float]:
    """ROC-AUC of the newest model and of the true churn probability, both on the model's test cohort.

    Customers without a label (involuntary ends, ends inside the gap) count for neither.
    """
    lake = Lakehouse(settings)
    last = lake.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()[-1]
    day = last["test_as_of_date"]
    labels = lake.arrow(
        tables.CHURN_LABELS, ["customer_key", "label"], [("as_of_date", "=", day)]
    ).to_pandas()
    keys = lake.arrow(tables.CUSTOMER_KEYS).to_pandas()
    truth = pd.read_parquet(settings.home_path / "truth" / "hazard.parquet")
    truth = truth[pd.to_datetime(truth["as_of_date"]) == pd.Timestamp(day)]
    joined = labels.dropna().merge(keys, on="customer_key").merge(truth, on="customer_id")
    return float(last["auc"]), float(roc_auc_score(joined["label"], joined["churn_probability"]))
