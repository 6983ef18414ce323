"""A deep tabular model in TensorFlow/Keras: one small network per column; only its curve is stored."""

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_range import Range, Space
from churn_assets.ml.portable.calibration import logit
from churn_assets.ml.portable.curves import Curves
from churn_assets.ml.portable.model import Scorer

# Beyond these quantiles of the training rows a curve is flat: there are too few rows to fit it there.
LOWEST, HIGHEST = 0.005, 0.995


@dataclass(frozen=True)
class NeuralAdditive:
    """Neural additive model (Agarwal et al., NeurIPS 2021): log-odds = start + sum of one network per column.

    Each network has one input and two hidden layers of ReLU units, so it is a piecewise-linear curve. The model stores
    the exact knots of that curve: scoring needs no TensorFlow, and reasons are exact. Fitting needs the extra
    `tensorflow`. The number of epochs is fixed, because early stopping would hold out random rows; this project splits
    by time only.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local",)
    space: ClassVar[Space] = {
        "learning_rate": Range(0.0005, 0.02, log=True),
        "epochs": Range(5, 60, log=True),
        "decay": Range(0.001, 1.0, log=True),
    }

    learning_rate: float = 0.006
    epochs: int = 20
    decay: float = 0.1
    units: tuple[int, int] = (16, 8)
    batch: int = 512

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit all networks together, by Adam with decoupled weight decay and one cosine decay of the learning rate.

        Raises:
            ModuleNotFoundError: the extra `tensorflow` is not installed.
        """
        # TensorFlow reads this at import; 2 hides its informational messages and warnings.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        scale, start = Scale.fit(part.matrix), float(logit(part.labels.mean()[None])[0])
        if not len(scale.column):  # nothing varies, nothing to learn from
            return Scorer(Curves.join(start, {}, part.matrix), "log_odds")
        network = self._network(len(scale.column), start, part.seed)
        rows = tf.data.Dataset.from_tensor_slices(
            (scale.apply(part.matrix).astype(np.float32), part.labels.astype(np.float32)[:, None])
        )
        batches = rows.shuffle(len(part.labels), seed=part.seed).batch(self.batch)
        steps = self.epochs * -(-len(part.labels) // self.batch)
        network.compile(self._optimizer(steps), "binary_crossentropy")
        network.fit(batches, epochs=self.epochs, shuffle=False, verbose=0)  # the batches are shuffled
        return Scorer(curves_of(network, scale, part.matrix), "log_odds")

    def _network(self, width: int, start: float, seed: int) -> Any:
        """Returns a network from (rows, width) to probabilities; no unit takes input from more than one column."""
        from keras import Sequential, initializers, layers

        first, second = self.units
        return Sequential(
            [
                layers.Input((width,)),
                layers.Reshape((width, 1)),
                layers.EinsumDense(
                    "bci,cio->bco",
                    (width, first),
                    "relu",
                    "co",
                    initializers.RandomNormal(stddev=1.0, seed=seed),
                    initializers.RandomUniform(-1.5, 1.5, seed=seed + 1),  # kinks all over the scaled column
                ),
                layers.EinsumDense(
                    "bci,cio->bco",
                    (width, second),
                    "relu",
                    "co",
                    initializers.RandomNormal(stddev=(2 / first) ** 0.5, seed=seed + 2),
                ),
                layers.Flatten(),
                layers.Dense(
                    1,
                    "sigmoid",
                    kernel_initializer=initializers.RandomNormal(stddev=0.01, seed=seed + 3),
                    bias_initializer=initializers.Constant(start),
                ),
            ]
        )

    def _optimizer(self, steps: int) -> Any:
        from keras.optimizers import AdamW
        from keras.optimizers.schedules import CosineDecay

        return AdamW(CosineDecay(self.learning_rate, steps), weight_decay=self.decay)


@dataclass(frozen=True)
class Scale:
    """Scaling of the networks' input: columns that vary, clipped at the quantiles LOWEST and HIGHEST, standardised.

    Attributes:
        column: matrix columns that vary.
        low, high: bounds of each, in its own unit.
        mean, deviation: of the clipped training values.
    """

    column: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def fit(cls, matrix: NDArray[np.float64]) -> "Scale":
        """Returns the scaling of the training rows."""
        low, high = np.quantile(matrix, [LOWEST, HIGHEST], axis=0)
        rare = low == high  # for example a 0/1 column with few ones
        low, high = np.where(rare, matrix.min(axis=0), low), np.where(rare, matrix.max(axis=0), high)
        column = np.flatnonzero(low < high)
        low, high = low[column], high[column]
        cut = np.clip(matrix[:, column], low, high)
        return cls(column, low, high, cut.mean(axis=0), cut.std(axis=0))

    def apply(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the scaled matrix of shape (rows, columns that vary)."""
        scaled: NDArray[np.float64] = np.clip(matrix[:, self.column], self.low, self.high)
        scaled -= self.mean
        scaled /= self.deviation
        return scaled


def curves_of(network: Any, scale: Scale, matrix: NDArray[np.float64]) -> Curves:
    """Returns the curves of a fitted network, in units of the training `matrix`.

    Knots of a curve: its two ends, the points where a unit of the first layer switches, and the points where a unit of
    the second layer switches. Between two switches of the first layer the input of a second-layer unit is linear, so
    that unit switches there at most once.
    """
    weights = [array.astype(np.float64) for array in network.get_weights()]
    first, first_bias, second, second_bias, last, last_bias = weights
    last = last.reshape(second_bias.shape)
    curves = {}
    for at, column in enumerate(scale.column):
        mean, deviation = scale.mean[at], scale.deviation[at]
        low, high = (scale.low[at] - mean) / deviation, (scale.high[at] - mean) / deviation

        def bent(value: NDArray[np.float64], at: int = at) -> NDArray[np.float64]:
            hidden = np.maximum(value[:, None] * first[at] + first_bias[at], 0)
            inside: NDArray[np.float64] = hidden @ second[at] + second_bias[at]
            return inside

        with np.errstate(divide="ignore", invalid="ignore"):
            switches = -first_bias[at] / first[at, 0]
        knots = np.unique(np.concatenate([[low, high], switches[(switches > low) & (switches < high)]]))
        before = bent(knots)
        segment, unit = np.nonzero(before[:-1] * before[1:] < 0)
        left, right = before[segment, unit], before[segment + 1, unit]
        crossings = knots[segment] + (knots[segment + 1] - knots[segment]) * left / (left - right)
        knots = np.unique(np.concatenate([knots, crossings]))
        curves[int(column)] = (knots * deviation + mean, np.maximum(bent(knots), 0) @ last[at])
    return Curves.join(float(last_bias[0]), curves, matrix)
