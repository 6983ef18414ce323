"""Draws the pictures of the report as PNGs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.ml.review import figures as review
from churn_assets.reporting.figures import (
    BLUE,
    GREY,
    ORANGE,
    Estimate,
    as_png,
    blank,
    interval_figure,
    plain,
    small_axes,
    strength_figure,
)
from churn_assets.reporting.words import spoken
from churn_assets.study.drivers import Driver, Segment
from churn_assets.study.effects import Effect
from churn_assets.study.evaluation import Evaluation
from churn_assets.study.study import Study
from churn_assets.study.survival import SurvivalView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
DISTRIBUTIONS, BINS, VALUES = 12, 20, 8
# Letters of a category's name that are shown.
NAME = 20
SHOWS = review.SHOWS | {
    "contenders": "ROC-AUC of each model: the folds, their mean and its interval",
    "money": "Profit per customer against the share of customers contacted",
    "drivers": "Features by how much they move the scores",
    "segments": "Observed and predicted churn of each segment",
    "effects": "Mean churn probability by the value of each of the strongest features",
    "distributions": "Values of each of the strongest features, of those who left and of those who stayed",
}


def pictures(study: Study) -> dict[str, bytes]:
    """Returns name -> PNG: one picture per name in SHOWS, and `retention` if there is a survival view."""
    evaluation, segments, economics = study.evaluation, study.segments, study.prepared.economics
    best, labels = evaluation.best, evaluation.labels
    about = f"{study.judged()}, each scored by a model that did not see them"
    figures = {
        "contenders": _contenders_figure(evaluation),
        "roc": review.roc_figure(labels, best.log_odds, best.metrics, about),
        "precision_recall": review.precision_recall_figure(labels, best.log_odds, best.metrics, about),
        "calibration": review.calibration_figure(labels, best.probability, best.metrics, about),
        "lift": review.lift_figure(labels, best.log_odds, best.metrics, about),
        "money": _money_figure(evaluation, economics),
        "drivers": strength_figure([Estimate(d.words, d.strength, None, None) for d in study.drivers]),
        "segments": segments_figure(segments),
        "effects": effects_figure(study.effects, float(labels.mean())),
        "distributions": distributions_figure(
            study.prepared.modelled, study.prepared.rows.labels, study.drivers[:DISTRIBUTIONS]
        ),
    }
    if isinstance(study.survival, SurvivalView):
        figures["retention"] = retention_figure(study.survival)
    return {name: as_png(figure, DPI) for name, figure in figures.items()}


def _contenders_figure(evaluation: Evaluation) -> "Figure":
    estimates = [
        Estimate(
            name=spoken(found.name),
            value=found.mean.auc,
            low=found.mean.low,
            high=found.mean.high,
            chosen=found.name == evaluation.chosen,
            single=found.mean.folds,
        )
        for found in evaluation.contenders
    ]
    return interval_figure(
        "Which model ranks churners best", "ROC-AUC: mean of the folds with its 95 % interval", estimates
    )


def _money_figure(evaluation: Evaluation, economics: Economics) -> "Figure":
    """Profit per customer of the base against the share contacted."""
    curve = profit_curve(evaluation.labels, evaluation.best.log_odds, economics)
    figure, axes = blank(
        "What a campaign earns",
        "share of customers contacted, riskiest first",
        "profit per customer of the base",
    )
    axes.plot(curve.share, curve.profit, color=BLUE, label="model")
    axes.plot([0, 1], [0, curve.profit[-1]], color=GREY, linestyle="--", label="at random")
    best = curve.best
    axes.plot(
        curve.share[best],
        curve.profit[best],
        "o",
        color=ORANGE,
        label=f"best: contact {curve.share[best]:.0%}",
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False)
    return figure


def segments_figure(segments: Sequence[Segment]) -> "Figure":
    """Observed against predicted churn of each segment."""
    height = 1.2 + 0.32 * len(segments)
    figure, axes = blank("Segments: risk tier and main driver", "share that left", "", 8, height)
    at = np.arange(len(segments))[::-1]
    axes.barh(at, [s.churn for s in segments], color=BLUE, label="observed")
    axes.plot([s.probability for s in segments], at, "d", color=ORANGE, label="predicted")
    axes.set_yticks(at, [f"{s.tier}: {plain(s.driver)} ({s.rows:,})" for s in segments])
    axes.legend(loc="lower right")
    return figure


def retention_figure(view: SurvivalView) -> "Figure":
    """The retention curves with their intervals: all customers, then the values of each feature."""
    groupings = list(dict.fromkeys(curve.grouping for curve in view.curves))
    figure, every = small_axes(len(groupings), 2)
    for axes, grouping in zip(every, groupings, strict=True):
        for curve in (curve for curve in view.curves if curve.grouping == grouping):
            ages, shares, low, high = (
                np.concatenate([[start], values])
                for start, values in ((0, curve.ages), (1, curve.shares), (1, curve.low), (1, curve.high))
            )
            (line,) = axes.step(
                ages, 100 * shares, where="post", label=plain(curve.group[:24]), linewidth=1.6
            )
            axes.fill_between(ages, 100 * low, 100 * high, step="post", alpha=0.15, color=line.get_color())
        axes.set_title(plain(grouping[:44]) or "all", fontsize=10)
        axes.set_ylim(0, 103)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"tenure, {view.tenure.unit}")
        axes.set_ylabel("still there, %")
        if grouping:
            axes.legend(loc="lower left", fontsize=8)
    return figure


def effects_figure(effects: Sequence[Effect], average: float) -> "Figure":
    """The curves side by side on one scale, with the average churn."""
    figure, every = small_axes(len(effects), 3)
    for axes, effect in zip(every, effects, strict=True):
        percent = [100 * p for p in effect.probability]
        axes.set_title(plain(effect.words[:44]), fontsize=10)
        if effect.is_category:
            axes.barh(range(len(percent)), percent, color=BLUE)
            axes.axvline(100 * average, color=GREY, linestyle="--", linewidth=1)
            _name_bars(axes, effect.values)
            axes.set_xlabel("would leave, %")
        else:
            axes.axhline(100 * average, color=GREY, linestyle="--", linewidth=1)
            axes.plot(effect.values, percent, "o-", color=BLUE, markersize=3)
            axes.set_ylim(bottom=0)
            axes.set_ylabel("would leave, %")
    return figure


def _name_bars(axes: "Axes", values: Sequence[object]) -> None:
    """Names horizontal bars, the first on top: names of categories are too long for the foot of a small picture."""
    axes.set_yticks(range(len(values)), [plain(str(value)[:NAME]) for value in values], fontsize=8)
    axes.invert_yaxis()


def distributions_figure(
    frame: pd.DataFrame, labels: NDArray[np.float64], drivers: Sequence[Driver]
) -> "Figure":
    """The values of each feature as shares of those who stayed (blue) and of those who left (orange)."""
    figure, every = small_axes(len(drivers), 4)
    for axes, driver in zip(every, drivers, strict=True):
        values = frame[driver.name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            shown = values.value_counts().index[:VALUES].tolist()
            at = np.arange(len(shown))
            for shift, color, of in ((-0.2, BLUE, labels == 0), (0.2, ORANGE, labels == 1)):
                share = values[of].value_counts(normalize=True).reindex(shown).fillna(0).to_numpy()
                axes.barh(at + shift, 100 * share, 0.4, color=color)
            _name_bars(axes, shown)
            axes.set_xlabel("share, %")
        else:
            known = values.to_numpy(np.float64)
            bins = _bins(known)
            for color, of in ((BLUE, labels == 0), (ORANGE, labels == 1)):
                part = known[of & ~np.isnan(known)]
                axes.hist(
                    np.clip(part, bins[0], bins[-1]),
                    bins.tolist(),
                    weights=np.full(len(part), 100 / max(len(part), 1)),
                    histtype="step",
                    linewidth=1.6,
                    color=color,
                )
            axes.set_ylabel("share, %")
        axes.set_title(plain(driver.words[:34]), fontsize=10)
    return figure


def _bins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the edges of the bins: one bin per value if there are few, else BINS without the outermost values."""
    known = np.unique(values[~np.isnan(values)])
    if 1 < len(known) <= BINS:
        middles = (known[1:] + known[:-1]) / 2
        return np.concatenate([[2 * known[0] - middles[0]], middles, [2 * known[-1] - middles[-1]]])
    low, high = np.nanquantile(values, [0.01, 0.99])
    return np.linspace(low, high if high > low else low + 1, BINS + 1)
