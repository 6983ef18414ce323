"""Partial dependence: the mean probability if one feature had a given value for every customer (Friedman 2001).

Only this feature changes. Features correlated with it keep their values, so a curve describes the model and not the
real effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_assets.ml.metrics.classification import Z_95
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.transformation import CategoryColumn, known_numbers

ROWS = 200
POINTS = 9
TOP = 10


@dataclass(frozen=True)
class Dependence:
    """The curve of one feature.

    Attributes:
        feature: its name.
        values: points of the curve: rising numbers between the 5 % and 95 % quantile, or categories.
        probability, low, high: mean calibrated probability over the sample, with its 95 % interval.
    """

    feature: str
    values: tuple[float, ...] | tuple[str, ...]
    probability: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def partial_dependence(
    model: PortableModel, frame: pd.DataFrame, features: Sequence[str], seed: int
) -> tuple[Dependence, ...]:
    """Curves of the given features over a sample of snapshots; a feature with fewer than two values has no curve."""
    sample = frame.sample(min(ROWS, len(frame)), random_state=seed)
    transformation, names = model.transformation, model.transformation.features
    matrix = transformation.transform(sample)
    values = {feature: _values(model, frame[feature], feature) for feature in features}
    values = {feature: asked for feature, asked in values.items() if len(asked) > 1}
    if not values:
        return ()
    blocks = []
    for feature, asked in values.items():
        rows = sample.iloc[np.zeros(len(asked), dtype=int)].copy()
        rows[feature] = np.array(asked, dtype=object)
        columns = transformation.column_feature == names.index(feature)
        every = np.tile(matrix, (len(asked), 1))
        every[:, columns] = np.repeat(transformation.transform(rows)[:, columns], len(sample), axis=0)
        blocks.append(every)
    probability = model.calibration.apply(model.scorer.probability(np.vstack(blocks)))
    by_value = probability.reshape(-1, len(sample))
    mean, half = by_value.mean(axis=1), Z_95 * by_value.std(axis=1) / len(sample) ** 0.5
    found, at = [], 0
    for feature, asked in values.items():
        curves = (tuple(line[at : at + len(asked)].tolist()) for line in (mean, mean - half, mean + half))
        found.append(Dependence(feature, asked, *curves))
        at += len(asked)
    return tuple(found)


def _values(model: PortableModel, series: pd.Series, feature: str) -> tuple[float, ...] | tuple[str, ...]:
    part = model.transformation.part(feature)
    if isinstance(part, CategoryColumn):
        return part.known
    known = known_numbers(series)
    if not len(known):
        return ()
    return tuple(np.unique(np.quantile(known, np.linspace(0.05, 0.95, POINTS))).tolist())
