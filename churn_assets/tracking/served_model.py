"""Wraps the portable model in MLflow's pyfunc interface.

MLflow stores this file with each logged model and runs it on loading ("models from code"), so nothing is pickled. Only
MLflow imports it; the model itself needs the churn-assets wheel, numpy and pandas.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from churn_assets.ml.portable.model import PortableModel


class ServedChurnModel(PythonModel):
    """Scores snapshots: takes the declared features, returns `raw` and calibrated `probability`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the portable model from the artifacts."""
        self.model = PortableModel.load(Path(context.artifacts["portable"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Returns the scores of `PortableModel.score`."""
        return self.model.score(model_input)


set_model(ServedChurnModel())
