"""The pictures of the report, each as text of an `img` source: no file beside the report is needed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.profit import profit_curve
from churn_assets.ml.review.figures import (
    calibration_figure,
    lift_figure,
    precision_recall_figure,
    roc_figure,
)
from churn_assets.reporting.documents import spoken
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_uri, blank
from churn_assets.study.drivers import Driver, Segment
from churn_assets.study.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110


def pictures(
    evaluation: Evaluation, drivers: Sequence[Driver], segments: Sequence[Segment], economics: Economics
) -> dict[str, str]:
    """Picture name -> data URI of a PNG."""
    best = evaluation.best
    labels, raw, probability, metrics = evaluation.labels, best.log_odds, best.probability, best.metrics
    figures = {
        "contenders": contenders_figure(evaluation),
        "roc": roc_figure(labels, raw, metrics),
        "precision_recall": precision_recall_figure(labels, raw, metrics),
        "calibration": calibration_figure(labels, probability, metrics),
        "lift": lift_figure(labels, raw, metrics),
        "money": money_figure(evaluation, economics),
        "drivers": drivers_figure(drivers),
        "segments": segments_figure(segments),
    }
    for name in ("roc", "precision_recall", "calibration", "lift"):
        axes = figures[name].axes[0]
        axes.set_title(
            f"{axes.get_title().splitlines()[0]}\n{metrics.n:,} customers, none scored by a model that saw them"
        )
    return {name: as_uri(figure, DPI) for name, figure in figures.items()}


def contenders_figure(evaluation: Evaluation) -> "Figure":
    """ROC-AUC of each contender: the folds as dots, their mean with its interval."""
    figure, axes = blank(
        "Who ranks churners best", "ROC-AUC: mean of the folds with its 95 % interval", "", height=3.6
    )
    names = []
    for position, found in enumerate(reversed(evaluation.contenders)):
        color = ORANGE if found.name == evaluation.chosen else BLUE
        axes.plot(found.mean.folds, [position] * len(found.mean.folds), ".", color=GREY, markersize=5)
        reach = [[found.mean.auc - found.mean.low], [found.mean.high - found.mean.auc]]
        axes.errorbar(found.mean.auc, position, xerr=reach, fmt="o", color=color, capsize=3)
        names.append(spoken(found.name) + (" (chosen)" if found.name == evaluation.chosen else ""))
    axes.set_yticks(range(len(names)), names)
    return figure


def money_figure(evaluation: Evaluation, economics: Economics) -> "Figure":
    """Profit per customer of the base by share contacted."""
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


def drivers_figure(drivers: Sequence[Driver]) -> "Figure":
    """The strongest drivers."""
    height = 1.2 + 0.32 * len(drivers)
    figure, axes = blank(
        "What moves the scores most", "mean absolute contribution (log-odds)", "", height=height
    )
    axes.barh(
        [_plain(d.words) for d in reversed(drivers)], [d.strength for d in reversed(drivers)], color=BLUE
    )
    return figure


def segments_figure(segments: Sequence[Segment]) -> "Figure":
    """Observed against predicted churn of each segment."""
    height = 1.2 + 0.32 * len(segments)
    figure, axes = blank("Segments: risk tier and main driver", "share that left", "", height=height)
    at = np.arange(len(segments))[::-1]
    axes.barh(at, [s.churn for s in segments], color=BLUE, label="observed")
    axes.plot([s.probability for s in segments], at, "d", color=ORANGE, label="predicted")
    axes.set_yticks(at, [f"{s.tier}: {_plain(s.driver)} ({s.rows:,})" for s in segments])
    axes.legend(loc="lower right")
    return figure


def _plain(words: str) -> str:
    """Words in which a dollar sign is one: between two of them would be a formula."""
    return words.replace("$", r"\$")
