"""Partial dependence: what the mean probability would be if one feature had this value for everybody (Friedman 2001).

Only the one feature moves; those that go with it in real life stay as they are, so a curve describes the model, not the
world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_assets.models.evaluation import Z_95
from churn_assets.models.plots import BLUE
from churn_assets.models.portable import PortableModel
from churn_assets.models.transformation import MISSING, CategoryColumn, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 300
POINTS = 9
TOP = 10


@dataclass(frozen=True)
class Dependence:
    """The curve of one feature.

    Attributes:
        feature: its name.
        values: where it was looked at: rising numbers between the 5 % and 95 % quantile, or categories.
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
    """Curves of some features over a sample of snapshots; a feature with one value only has none."""
    sample = frame.sample(min(ROWS, len(frame)), random_state=seed)
    matrix = model.transformation.transform(sample)
    found = []
    for feature in features:
        values = _values(model, frame[feature], feature)
        if len(values) < 2:
            continue
        columns = model.transformation.column_feature == model.transformation.features.index(feature)
        asked = sample.iloc[np.zeros(len(values), dtype=int)].copy()
        asked[feature] = np.array(values, dtype=object)
        blocks = model.transformation.transform(asked)[:, columns]
        every = np.tile(matrix, (len(values), 1))
        every[:, columns] = np.repeat(blocks, len(sample), axis=0)
        raw = model.scorer.probability(every)
        probability = model.calibration.apply(raw).reshape(len(values), len(sample))
        mean, half = probability.mean(axis=1), Z_95 * probability.std(axis=1) / len(sample) ** 0.5
        found.append(
            Dependence(
                feature,
                values,
                tuple(mean.tolist()),
                tuple((mean - half).tolist()),
                tuple((mean + half).tolist()),
            )
        )
    return tuple(found)


def _values(model: PortableModel, series: pd.Series, feature: str) -> tuple[float, ...] | tuple[str, ...]:
    part = model.transformation.parts[model.transformation.features.index(feature)]
    if isinstance(part, CategoryColumn):
        return tuple(category for category in part.categories if category != MISSING)
    known = numbers(series)
    known = known[~np.isnan(known)]
    if not len(known):
        return ()
    return tuple(np.unique(np.quantile(known, np.linspace(0.05, 0.95, POINTS))).tolist())


def dependence_figure(curves: Sequence[Dependence], words: Mapping[str, str]) -> "Figure":
    """The curves side by side, five in a row, on one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max(1, -(-len(curves) // 5))
    figure = Figure(figsize=(15, 3.1 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, 5, sharey=True, squeeze=False).ravel()
    for axes, curve in zip(every, curves, strict=False):
        places = list(range(len(curve.values))) if isinstance(curve.values[0], str) else list(curve.values)
        middle = 100 * np.array(curve.probability)
        below, above = 100 * np.array(curve.low), 100 * np.array(curve.high)
        if isinstance(curve.values[0], str):
            axes.errorbar(
                places, middle, yerr=[middle - below, above - middle], fmt="o", color=BLUE, capsize=3
            )
            axes.set_xticks(places, [str(value)[:14] for value in curve.values], rotation=30, ha="right")
        else:
            axes.plot(places, middle, "o-", color=BLUE, markersize=3)
            axes.fill_between(places, below, above, color=BLUE, alpha=0.15, linewidth=0)
        axes.set_title(_broken(words.get(curve.feature, curve.feature)), fontsize=10)
        axes.grid(alpha=0.3)
    for axes in every[len(curves) :]:
        axes.set_axis_off()
    for axes in every[::5]:
        axes.set_ylabel("mean probability, %")
    return figure


def _broken(words: str, width: int = 30) -> str:
    """In two lines at the most."""
    from textwrap import shorten, wrap

    return "\n".join(wrap(shorten(words, 2 * width - 4, placeholder="..."), width))
