"""Measures the study of a flat file against its required metrics."""

import sqlite3
from pathlib import Path

from benchmarks.cost import Cost, churn_assets

TELCO = Path(__file__).parents[2] / "shared" / "data" / "telco_ibm.csv"
PROMISED = {"auc": "at least .849", "brier": "at most .1345"}
SECONDS = 90


def study_of_telco(home: str) -> tuple[Cost, dict[str, float]]:
    """Returns the cost of `churn-assets study` on IBM Telco with default settings, and the metrics it logged.

    Raises:
        FileNotFoundError: the file is not beside this checkout.
    """
    if not TELCO.is_file():
        raise FileNotFoundError(f"{TELCO.name} is not beside this checkout (shared/data)")
    words = [str(TELCO), "--target", "Churn", "--id", "customerID", "--out", f"{home}/study"]
    cost = churn_assets("study", *words, CHURN_HOME=home)
    with sqlite3.connect(f"{home}/mlflow.db") as store:
        figures = dict(store.execute("select key, value from latest_metrics"))
    return cost, figures
