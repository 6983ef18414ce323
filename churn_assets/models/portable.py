"""The model that leaves training: transformation, linear or tree scorer, calibration; numpy and pandas only.

It is a folder of JSON and arrays without pickle, so it opens in a Spark worker, a web process or a later Python, and
opening it can execute nothing.
"""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.models.calibration import Calibration, logit, sigmoid
from churn_assets.models.transformation import Transformation
from churn_assets.models.trees import Trees

FORMAT_VERSION = 1
MODEL_FILE = "model.json"
ARRAYS_FILE = "arrays.npz"


@dataclass(frozen=True)
class Linear:
    """Log-odds = intercept + coefficients . row; `centre` is the mean training row that explanations start from."""

    coefficients: NDArray[np.float64]
    intercept: float
    centre: NDArray[np.float64]

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        log_odds: NDArray[np.float64] = matrix @ self.coefficients + self.intercept
        return log_odds

    def expected(self) -> float:
        """Log-odds of the mean training row."""
        return self.intercept + float(self.coefficients @ self.centre)

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """coefficient * (value - training mean), summed by group; (rows, groups)."""
        summing = np.zeros((matrix.shape[1], int(group.max()) + 1))
        summing[np.arange(matrix.shape[1]), group] = self.coefficients
        result: NDArray[np.float64] = (matrix - self.centre) @ summing
        return result

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """For `numpy.savez`."""
        return {
            "coefficients": self.coefficients,
            "intercept": np.asarray(self.intercept),
            "centre": self.centre,
        }


@dataclass(frozen=True)
class Scorer:
    """What fitting a candidate returns.

    Attributes:
        form: the arithmetic.
        scale: unit of what `form` predicts: "log_odds" (linear, boosted trees) or "probability" (tree, forest).
    """

    form: Linear | Trees
    scale: Literal["log_odds", "probability"]

    def probability(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw (uncalibrated) churn probability per row of the matrix."""
        predicted = self.form.predict(matrix)
        return sigmoid(predicted) if self.scale == "log_odds" else predicted


@dataclass(frozen=True)
class PortableModel:
    """A fitted churn model.

    Attributes:
        candidate: name of the candidate that won, e.g. "gradient_boosted_trees".
        transformation, scorer, calibration: applied in this order.
        about: plain JSON that travels with the model: split, windows, importance, reference statistics.
    """

    candidate: str
    transformation: Transformation
    scorer: Scorer
    calibration: Calibration = field(default_factory=Calibration)
    about: dict[str, Any] = field(default_factory=dict)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score snapshots.

        Args:
            frame: one row per snapshot with at least the model's features; other columns are ignored.

        Returns:
            Columns `raw` (rank by this one: calibration may tie neighbours) and `probability` (calibrated), both in
            [0, 1], with the index of `frame`.

        Raises:
            KeyError: a feature is not a column of the frame.
        """
        raw = self.scorer.probability(self.transformation.transform(frame))
        return pd.DataFrame({"raw": raw, "probability": self.calibration.apply(raw)}, index=frame.index)

    def base_value(self) -> float:
        """Log-odds that every explanation starts from: of the mean training row (linear) or mean prediction."""
        expected = self.scorer.form.expected()
        return expected if self.scorer.scale == "log_odds" else float(logit(np.array([expected]))[0])

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Why each snapshot scores as it does: one column per declared feature, on the log-odds scale.

        Per row they add up to `logit(raw) - base_value()`. Linear: coefficient times distance from the training
        mean. Boosted trees: exact path-dependent Shapley values. A tree or forest averages probabilities, so its
        Shapley values are probabilities; each row's are stretched by the one factor that makes them add up on the
        log-odds scale (the secant of the logit between base and score), which keeps sign and order. Contributions of
        the columns of one feature (missing indicator, categories) are summed.
        """
        matrix = self.transformation.transform(frame)
        form = self.scorer.form
        values = form.contributions(matrix, self.transformation.column_feature)
        if self.scorer.scale == "probability":
            raw, base = form.predict(matrix), form.expected()
            distance = raw - base
            near = np.abs(distance) < 1e-12
            slope = 1 / max(base * (1 - base), 1e-12)
            secant = (logit(raw) - self.base_value()) / np.where(near, 1.0, distance)
            values = values * np.where(near, slope, secant)[:, None]
        return pd.DataFrame(values, columns=self.transformation.features, index=frame.index)

    def save(self, folder: Path) -> None:
        """Write `model.json` and `arrays.npz` into a folder, which is created."""
        folder.mkdir(parents=True, exist_ok=True)
        stored = {
            "format_version": FORMAT_VERSION,
            "candidate": self.candidate,
            "kind": "linear" if isinstance(self.scorer.form, Linear) else "trees",
            "scale": self.scorer.scale,
            "transformation": self.transformation.as_dict(),
            "calibration": self.calibration.as_dict(),
            "about": self.about,
        }
        text = json.dumps(stored, indent=1, sort_keys=True, allow_nan=False)
        (folder / MODEL_FILE).write_text(text, encoding="utf-8")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.scorer.form.arrays())
        (folder / ARRAYS_FILE).write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, folder: Path) -> "PortableModel":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: not a model folder.
            ValueError: written by another format version.
        """
        stored = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        if stored["format_version"] != FORMAT_VERSION:
            raise ValueError(
                f"{folder / MODEL_FILE} has format version {stored['format_version']}, this code reads "
                f"{FORMAT_VERSION}; load it with the churn_assets release that wrote it, or retrain"
            )
        with np.load(folder / ARRAYS_FILE, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        form: Linear | Trees = (
            Linear(arrays["coefficients"], float(arrays["intercept"]), arrays["centre"])
            if stored["kind"] == "linear"
            else Trees.from_arrays(arrays)
        )
        return cls(
            candidate=stored["candidate"],
            transformation=Transformation.from_dict(stored["transformation"]),
            scorer=Scorer(form, stored["scale"]),
            calibration=Calibration.from_dict(stored["calibration"]),
            about=stored["about"],
        )
