"""Partial dependence: what the mean probability would be if one feature had this value for everybody (Friedman 2001).

Only the one feature moves; those that go with it in real life stay as they are, so a curve describes the model, not the
world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_assets.ml.metrics.classification import Z_95
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.transformation import CategoryColumn, known_numbers
from churn_assets.ml.review.figures import BLUE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 200
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


def dependence_figure(curves: Sequence[Dependence], words: Mapping[str, str]) -> "Figure":
    """The curves side by side, five in a row, on one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max(1, -(-len(curves) // 5))
    figure = Figure(figsize=(15, 3.3 * rows))
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, 5, sharey=True, squeeze=False).ravel()
    # by hand: constrained layout takes a second for so many axes
    figure.subplots_adjust(left=0.045, right=0.99, top=0.9, bottom=0.12, wspace=0.08, hspace=0.55)
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
