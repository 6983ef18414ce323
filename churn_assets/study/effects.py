"""The effect of the strongest features: mean churn probability by value, all other features unchanged, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_assets.study.drivers import Driver
from churn_assets.study.evaluation import FinalModel
from churn_assets.study.folds import SEED

SHOWN, ROWS, POINTS, CATEGORIES = 6, 300, 9, 8
# A curve has one direction if its values are ordered like the feature's by at least this rank correlation, and is flat
# if it moves by less than this probability.
ORDERED, FLAT = 0.9, 0.01


@dataclass(frozen=True)
class Effect:
    """The curve of one feature.

    Attributes:
        words: name of the feature.
        values: rising numbers between the 5 % and the 95 % quantile, or the most frequent categories.
        probability: mean probability if every customer had this value.
    """

    words: str
    values: tuple[float, ...] | tuple[str, ...]
    probability: tuple[float, ...]

    @property
    def is_category(self) -> bool:
        """Whether the values are categories."""
        return isinstance(self.values[0], str)

    def sentence(self) -> str:
        """Returns the direction of the curve in words."""
        p = self.probability
        low, high = int(np.argmin(p)), int(np.argmax(p))
        if p[high] - p[low] < FLAT:
            return f"{self.words} hardly moves the risk by itself."
        if self.is_category:
            return (
                f"Risk is highest where {self.words} is {self.values[high]} ({p[high]:.0%}) and lowest where it is "
                f"{self.values[low]} ({p[low]:.0%})."
            )
        order = np.arange(len(p))
        together = float(np.corrcoef(order, pd.Series(p).rank())[0, 1])
        first, last = (f"{p[at]:.0%} at {_number(self.values[at])}" for at in (0, -1))
        if abs(together) >= ORDERED:
            return (
                f"The higher {self.words}, the {'more' if together > 0 else 'fewer'} leave: {first}, {last}."
            )
        return (
            f"Risk is highest around {self.words} {_number(self.values[high])} ({p[high]:.0%}) and lowest around "
            f"{_number(self.values[low])} ({p[low]:.0%})."
        )


def effects(model: FinalModel, frame: pd.DataFrame, drivers: Sequence[Driver]) -> tuple[Effect, ...]:
    """Returns the curves of the first SHOWN drivers over a sample; a feature of fewer than two values has none.

    Args:
        frame: features of the used rows.
    """
    sample = frame.sample(min(ROWS, len(frame)), random_state=SEED)
    found = []
    for driver in drivers[:SHOWN]:
        values = _values(frame[driver.name])
        if len(values) < 2:
            continue
        every = pd.concat([_with(sample, driver.name, value) for value in values], ignore_index=True)
        probability = model.probability(model.transformation.transform(every)).reshape(len(values), -1)
        found.append(Effect(driver.words, values, tuple(probability.mean(axis=1).tolist())))
    return tuple(found)


def _with(sample: pd.DataFrame, name: str, value: float | str) -> pd.DataFrame:
    column = sample[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return sample.assign(**{name: pd.Categorical([value] * len(sample), dtype=column.dtype)})
    return sample.assign(**{name: np.full(len(sample), value, dtype=np.float64)})


def _values(column: pd.Series) -> tuple[float, ...] | tuple[str, ...]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = column.value_counts()
        return tuple(str(value) for value in counts[counts > 0].index[:CATEGORIES])
    known = column.dropna().to_numpy(np.float64)
    distinct = np.unique(known)
    if len(distinct) <= POINTS:
        return tuple(distinct.tolist())
    return tuple(np.unique(np.quantile(known, np.linspace(0.05, 0.95, POINTS))).tolist())


def _number(value: float | str) -> str:
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 100 else f"{float(value):,.0f}"
