"""Draws the pictures of the report as PNGs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

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
    strength_figure,
)
from churn_assets.reporting.words import spoken
from churn_assets.study.drivers import Driver, Segment
from churn_assets.study.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
SHOWS = review.SHOWS | {
    "contenders": "ROC-AUC of each model: the folds, their mean and its interval",
    "money": "Profit per customer against the share of customers contacted",
    "drivers": "Features by how much they move the scores",
    "segments": "Observed and predicted churn of each segment",
}


def pictures(
    evaluation: Evaluation,
    drivers: Sequence[Driver],
    segments: Sequence[Segment],
    economics: Economics,
    judged: str,
) -> dict[str, bytes]:
    """Returns name -> PNG, one picture per name in SHOWS; `judged` says who was judged: `900 customers`."""
    best, labels = evaluation.best, evaluation.labels
    about = f"{judged}, each scored by a model that did not see them"
    figures = {
        "contenders": _contenders_figure(evaluation),
        "roc": review.roc_figure(labels, best.log_odds, best.metrics, about),
        "precision_recall": review.precision_recall_figure(labels, best.log_odds, best.metrics, about),
        "calibration": review.calibration_figure(labels, best.probability, best.metrics, about),
        "lift": review.lift_figure(labels, best.log_odds, best.metrics, about),
        "money": _money_figure(evaluation, economics),
        "drivers": strength_figure([Estimate(d.words, d.strength, None, None) for d in drivers]),
        "segments": segments_figure(segments),
    }
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
    axes.legend(loc="lower left")
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
