"""The portable model: transformation, scorer (linear, curves, trees or a blend) and calibration.

It is stored as a folder of JSON and arrays without pickle, so a Spark worker, a web process or a later Python can load
it, and loading executes no code from it.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.portable.arrays import Arrays
from churn_assets.ml.portable.calibration import Calibration, logit, sigmoid
from churn_assets.ml.portable.curves import Curves
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.portable.trees import Trees

if TYPE_CHECKING:
    import pandas as pd

# Version 2 added blends, version 3 curves, version 4 bounds of the calibration; older versions can still be read.
FORMAT_VERSION = 4
MODEL_FILE = "model.json"
ARRAYS_FILE = "arrays.npz"


class Form(Protocol):
    """A function of matrix rows that can explain its predictions."""

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prediction per row."""
        ...

    def expected(self) -> float:
        """Prediction that contributions are relative to."""
        ...

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows, groups): what each group of columns adds to `expected`; per row they sum to `predict - expected`."""
        ...


@dataclass(frozen=True)
class Linear(Arrays):
    """Log-odds = intercept + coefficients . row; explanations are relative to `centre`, the mean training row."""

    coefficients: NDArray[np.float64]
    intercept: float
    centre: NDArray[np.float64]

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        # not @: BLAS rounds a row as its place in the batch has it, and engines cut other batches
        log_odds: NDArray[np.float64] = np.einsum("ij,j->i", np.ascontiguousarray(matrix), self.coefficients)
        return log_odds + self.intercept

    def expected(self) -> float:
        """Log-odds of the mean training row."""
        return self.intercept + float(self.coefficients @ self.centre)

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """coefficient * (value - training mean), summed by group; (rows, groups)."""
        result = np.zeros((int(group.max()) + 1, len(matrix)))
        for column, coefficient in enumerate(self.coefficients):
            result[group[column]] += (matrix[:, column] - self.centre[column]) * coefficient
        return result.T


@dataclass(frozen=True)
class Blend:
    """A weighted sum of the log-odds of its members, plus a constant."""

    members: tuple[Form, ...]
    weights: tuple[float, ...]
    intercept: float = 0.0

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        return blended([m.predict(matrix) for m in self.members], self.weights, self.intercept)

    def expected(self) -> float:
        """The blend of the members' `expected`."""
        return self.intercept + sum(w * m.expected() for w, m in zip(self.weights, self.members, strict=True))

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """The blend of the members' contributions."""
        return blended([m.contributions(matrix, group) for m in self.members], self.weights)


def blended(
    values: Sequence[NDArray[np.float64]], weights: Sequence[float], intercept: float = 0.0
) -> NDArray[np.float64]:
    """Weighted sum of arrays of one shape."""
    total = np.full(values[0].shape, intercept)
    for value, weight in zip(values, weights, strict=True):
        total += weight * value
    return total


@dataclass(frozen=True)
class Scorer:
    """A fitted candidate: converts the predictions of its form to log-odds.

    Attributes:
        form: the function; a blend's members are scorers themselves, each with its own scale.
        scale: unit of the form's predictions: "log_odds" (linear, curves, boosted trees, blends) or "probability"
            (tree, forest).
    """

    form: Form
    scale: Literal["log_odds", "probability"]

    def probability(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw (uncalibrated) churn probability per row of the matrix."""
        predicted = self.form.predict(matrix)
        return sigmoid(predicted) if self.scale == "log_odds" else predicted

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        predicted = self.form.predict(matrix)
        return predicted if self.scale == "log_odds" else logit(predicted)

    def expected(self) -> float:
        """Log-odds of the mean training row (linear), their mean (curves), or that of the mean prediction (trees)."""
        expected = self.form.expected()
        return expected if self.scale == "log_odds" else float(logit(np.array([expected]))[0])

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows, groups) on log-odds.

        If the form predicts probabilities, its contributions are probabilities too. Each row's are multiplied by one
        factor, the secant of the logit between base and score, so that they add up on the log-odds scale. Sign and
        order stay the same.
        """
        return self.explained(matrix, group)[1]

    def explained(
        self, matrix: NDArray[np.float64], group: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns `probability` and `contributions`; predicts once."""
        predicted, values = self.form.predict(matrix), self.form.contributions(matrix, group)
        if self.scale == "log_odds":
            return sigmoid(predicted), values
        base = self.form.expected()
        distance = predicted - base
        near = np.abs(distance) < 1e-12
        slope = 1 / max(base * (1 - base), 1e-12)
        secant = (logit(predicted) - self.expected()) / np.where(near, 1.0, distance)
        return predicted, values * np.where(near, slope, secant)[:, None]


@dataclass(frozen=True)
class Explained:
    """Scores and contributions of some rows.

    Attributes:
        raw, probability: see `PortableModel.score`.
        contributions: (rows, features of the model), see `PortableModel.contributions`.
    """

    raw: NDArray[np.float64]
    probability: NDArray[np.float64]
    contributions: NDArray[np.float64]


@dataclass(frozen=True)
class PortableModel:
    """A fitted churn model.

    Attributes:
        candidate: name of the candidate that won, e.g. "gradient_boosted_trees".
        transformation, scorer, calibration: applied in this order.
        about: plain JSON stored with the model: split, windows, importance, reference statistics.
    """

    candidate: str
    transformation: Transformation
    scorer: Scorer
    calibration: Calibration = field(default_factory=Calibration)
    about: dict[str, Any] = field(default_factory=dict)

    def score(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Score snapshots.

        Args:
            frame: one row per snapshot with at least the model's features; other columns are ignored.

        Returns:
            Columns `raw` (rank by this one, because calibration may create ties) and `probability` (calibrated), both
            in [0, 1], with the index of `frame`.

        Raises:
            KeyError: a feature is not a column of the frame.
        """
        import pandas as pd

        raw = self.scorer.probability(self.transformation.transform(frame))
        return pd.DataFrame({"raw": raw, "probability": self.calibration.apply(raw)}, index=frame.index)

    def base_value(self) -> float:
        """Log-odds that contributions are relative to, see `Scorer.expected`."""
        return self.scorer.expected()

    def contributions(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Contribution of each feature to the score: one column per declared feature, on the log-odds scale.

        Per row they add up to `logit(raw) - base_value()`. Linear: coefficient times distance from the training
        mean. Curves: height above the curve's training mean. Boosted trees: exact path-dependent Shapley values. A tree
        or forest: its Shapley values scaled to log-odds, see `Scorer.contributions`. A blend: the weighted sum of its
        members' contributions. Contributions of the columns of one feature (missing indicator, categories) are summed.
        """
        matrix = self.transformation.transform(frame)
        contributions = self.scorer.contributions(matrix, self.transformation.column_feature)
        return self._by_feature(contributions, frame.index)

    def score_and_explain(self, frame: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
        """Returns `score` and `contributions`; transforms the frame and predicts once."""
        import pandas as pd

        found = self._explained(self.transformation.transform(frame))
        scores = pd.DataFrame({"raw": found.raw, "probability": found.probability}, index=frame.index)
        return scores, self._by_feature(found.contributions, frame.index)

    def evaluate(self, columns: Mapping[str, NDArray[Any]], rows: int) -> Explained:
        """Returns `score_and_explain` of arrays, see `Transformation.matrix`; needs no pandas."""
        return self._explained(self.transformation.matrix(columns, rows))

    def _explained(self, matrix: NDArray[np.float64]) -> Explained:
        raw, contributions = self.scorer.explained(matrix, self.transformation.column_feature)
        return Explained(raw, self.calibration.apply(raw), contributions)

    def _by_feature(self, contributions: NDArray[np.float64], index: "pd.Index") -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(contributions, columns=self.transformation.features, index=index)

    def save(self, folder: Path) -> None:
        """Write `model.json` and `arrays.npz` into a folder; create the folder if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        described, arrays = _stored(self.scorer)
        stored = {
            "format_version": FORMAT_VERSION,
            "candidate": self.candidate,
            **described,
            "transformation": self.transformation.as_dict(),
            "calibration": self.calibration.as_dict(),
            "about": self.about,
        }
        text = json.dumps(stored, indent=1, sort_keys=True, allow_nan=False)
        (folder / MODEL_FILE).write_text(text, encoding="utf-8")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        (folder / ARRAYS_FILE).write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, folder: Path) -> "PortableModel":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: not a model folder.
            ValueError: written by another format version.
        """
        stored = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        if not 1 <= stored["format_version"] <= FORMAT_VERSION:
            raise ValueError(
                f"{folder / MODEL_FILE} has format version {stored['format_version']}, this code reads 1 to "
                f"{FORMAT_VERSION}; load it with the churn_assets release that wrote it, or retrain"
            )
        with np.load(folder / ARRAYS_FILE, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return cls(
            candidate=stored["candidate"],
            transformation=Transformation.from_dict(stored["transformation"]),
            scorer=_restored(stored, arrays),
            calibration=Calibration.from_dict(stored["calibration"]),
            about=stored["about"],
        )


KINDS: dict[str, type[Linear | Trees | Curves]] = {"linear": Linear, "trees": Trees, "curves": Curves}


def _stored(scorer: Scorer) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    """Returns a scorer as JSON values and named arrays; arrays of a blend's n-th member are called `n.<name>`."""
    form = scorer.form
    for kind, known in KINDS.items():
        if isinstance(form, known):
            return {"kind": kind, "scale": scorer.scale}, form.arrays()
    if not isinstance(form, Blend):
        raise TypeError(
            f"a scorer of {type(form).__name__} cannot be saved; give this form a kind in {__name__}"
        )
    members = [_stored(m if isinstance(m, Scorer) else Scorer(m, "log_odds")) for m in form.members]
    described = {
        "kind": "blend",
        "scale": scorer.scale,
        "weights": form.weights,
        "intercept": form.intercept,
        "members": [json_values for json_values, _ in members],
    }
    named = {
        f"{number}.{name}": array
        for number, (_, arrays) in enumerate(members)
        for name, array in arrays.items()
    }
    return described, named


def _restored(stored: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Scorer:
    """Inverse of `_stored`."""
    if stored["kind"] in KINDS:
        return Scorer(KINDS[stored["kind"]].from_arrays(arrays), stored["scale"])
    members = []
    for number, member in enumerate(stored["members"]):
        start = f"{number}."
        own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        members.append(_restored(member, own))
    return Scorer(Blend(tuple(members), tuple(stored["weights"]), stored["intercept"]), stored["scale"])
