"""Predicted values against what was earned since, by tenth, and against a value that knows no lifetimes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TENTHS = 10
Z_95 = 1.959963984540054
Z_OF_TENTHS = 2.807033768343811  # 99.5 %: of ten intervals nearly all hold together
# A tenth is off if chance does not explain the difference, and it is larger than this share of what was predicted.
TOLERANCE = 0.1


@dataclass(frozen=True)
class ValueTenth:
    """A tenth of the customers, by predicted value.

    Attributes:
        customers: how many.
        predicted: mean prediction.
        earned, low, high: mean of what was earned, with its 99.5 % interval.
    """

    customers: int
    predicted: float
    earned: float
    low: float
    high: float

    @property
    def is_off(self) -> bool:
        """Whether the prediction is wrong beyond chance and beyond TOLERANCE."""
        beyond = not self.low <= self.predicted <= self.high
        return beyond and abs(self.earned - self.predicted) > TOLERANCE * self.predicted


@dataclass(frozen=True)
class Backtest:
    """How values that were predicted came out.

    Attributes:
        customers: whose value was predicted.
        tenths: from the lowest to the highest prediction.
        predicted, earned: means of all customers.
        error, constant_error: root mean squared error of the prediction, and of the constant.
        gain, gain_low, gain_high: mean fall of the squared error, with the 95 % interval of the paired difference.
    """

    customers: int
    tenths: tuple[ValueTenth, ...]
    predicted: float
    earned: float
    error: float
    constant_error: float
    gain: float
    gain_low: float
    gain_high: float

    @property
    def is_better(self) -> bool:
        """Whether the prediction is better than the constant beyond chance."""
        return self.gain_low > 0

    @property
    def off(self) -> list[int]:
        """The tenths (1: the lowest) whose prediction is wrong."""
        return [at for at, tenth in enumerate(self.tenths, start=1) if tenth.is_off]


def backtest(predicted: Floats, earned: Floats, constant: Floats) -> Backtest:
    """Compares predictions with what was earned.

    The constant gets the mean of the predictions, so that only the differences between customers are compared.

    Args:
        predicted, earned: of each customer, in one currency.
        constant: prediction without knowledge of lifetimes, in any unit; its mean must be above 0.

    Raises:
        ValueError: fewer customers than tenths, a value is missing, or the constant says nothing.
    """
    if len(predicted) < TENTHS:
        raise ValueError(f"{len(predicted)} customers are too few for {TENTHS} tenths")
    if not (np.isfinite(predicted).all() and np.isfinite(earned).all() and np.isfinite(constant).all()):
        raise ValueError("a value is missing")
    if constant.mean() <= 0:
        raise ValueError("the constant predicts nothing")
    plain = constant * (predicted.mean() / constant.mean())
    squared, squared_plain = (earned - predicted) ** 2, (earned - plain) ** 2
    gains = squared_plain - squared
    wide = Z_95 * float(gains.std(ddof=1)) / len(gains) ** 0.5
    order = np.argsort(predicted, kind="stable")
    return Backtest(
        customers=len(predicted),
        tenths=tuple(_tenth(predicted[part], earned[part]) for part in np.array_split(order, TENTHS)),
        predicted=float(predicted.mean()),
        earned=float(earned.mean()),
        error=float(squared.mean() ** 0.5),
        constant_error=float(squared_plain.mean() ** 0.5),
        gain=float(gains.mean()),
        gain_low=float(gains.mean()) - wide,
        gain_high=float(gains.mean()) + wide,
    )


def _tenth(predicted: Floats, earned: Floats) -> ValueTenth:
    mean = float(earned.mean())
    wide = Z_OF_TENTHS * float(earned.std(ddof=1)) / len(earned) ** 0.5 if len(earned) > 1 else np.inf
    return ValueTenth(len(earned), float(predicted.mean()), mean, mean - wide, mean + wide)
