"""Figures for managers: titles and legends give the content, the number of customers and the uncertainty.

They use matplotlib's object interface only: no global figure state, no display, safe in threads.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import OK, Metrics
from churn_assets.ml.metrics.tenths import calibration_tenths
from churn_assets.reporting.figures import (
    BLUE,
    GREY,
    ORANGE,
    Estimate,
    blank,
    interval_figure,
    plain,
    strength_figure,
)
from churn_assets.reporting.words import spoken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from churn_assets.ml.metrics.importance import Importance
    from churn_assets.ml.metrics.partial_dependence import Dependence
    from churn_assets.ml.training.result import CandidateResult, TrainingResult

# Figures of one set of scored customers: name -> content.
SHOWS = {
    "lift": "Lift against the share of customers contacted",
    "calibration": "Observed churn rate against predicted probability in ten groups",
    "roc": "ROC curve: share of churners found against share of staying customers contacted",
    "precision_recall": "Precision against recall",
}


def training_figures(result: "TrainingResult") -> "dict[str, Figure]":
    """All figures of a training by file stem: roc, precision_recall, calibration, lift, candidates.

    The four figures of the test cohort are absent if it has no metrics (too few churners).
    """
    figures = {"candidates": _candidates_figure(result.candidates)}
    if result.test.status == OK:
        sample, test = result.tested, result.test
        about = f"test cohort: {test.n:,} customers, {test.positives:,} churners"
        figures["roc"] = roc_figure(sample.labels, sample.raw, test, about)
        figures["precision_recall"] = precision_recall_figure(sample.labels, sample.raw, test, about)
        figures["calibration"] = calibration_figure(sample.labels, sample.probability, test, about)
        figures["lift"] = lift_figure(sample.labels, sample.raw, test, about)
    return figures


def roc_figure(
    labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics, about: str
) -> "Figure":
    """Share of churners found against share of staying customers contacted, over all cut-offs."""
    hits, seen = _by_score(labels, raw)
    found = hits / labels.sum()
    bothered = (seen - hits) / (len(labels) - labels.sum())
    figure, axes = blank(
        f"How well churners are told apart\n{about}",
        "share of staying customers contacted",
        "share of churners found",
    )
    interval = f"{metrics.auc:.3f} (95 %: {metrics.auc_low:.3f} to {metrics.auc_high:.3f})"
    axes.plot(np.append(0, bothered), np.append(0, found), color=BLUE, label=f"model, AUC {interval}")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance, AUC 0.5")
    axes.legend(loc="lower right")
    return figure


def precision_recall_figure(
    labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics, about: str
) -> "Figure":
    """Share of churners among those contacted against share of churners found."""
    hits, seen = _by_score(labels, raw)
    figure, axes = blank(
        f"How many of those contacted would really leave\n{about}",
        "share of churners found (recall)",
        "share of churners among contacted (precision)",
    )
    axes.plot(
        hits / labels.sum(), hits / seen, color=BLUE, label=f"model, average precision {metrics.pr_auc:.3f}"
    )
    axes.axhline(labels.mean(), color=GREY, linestyle="--", label=f"chance {labels.mean():.3f}")
    axes.plot(
        _known(metrics.recall),
        _known(metrics.precision),
        "o",
        color=ORANGE,
        label=f"contacting {metrics.capacity:.0%}: precision {metrics.precision:.2f}, recall {metrics.recall:.2f}",
    )
    axes.legend(loc="upper right")
    return figure


def calibration_figure(
    labels: NDArray[np.float64], probability: NDArray[np.float64], metrics: Metrics, about: str
) -> "Figure":
    """Observed churn against predicted churn in ten groups of equal size, with 95 % Wilson intervals."""
    tenths = calibration_tenths(labels, probability)
    predicted = np.array([tenth.predicted for tenth in tenths])
    observed = np.array([tenth.observed for tenth in tenths])
    bounds = np.array([(tenth.low, tenth.high) for tenth in tenths])
    figure, axes = blank(
        f"Do predicted risks come true?\n{about}",
        "predicted churn probability",
        "observed churn rate",
    )
    # Rounding can make a distance negative by 1e-17, which matplotlib rejects.
    spread = np.abs(np.vstack([observed - bounds[:, 0], bounds[:, 1] - observed]))
    axes.errorbar(
        predicted,
        observed,
        yerr=spread,
        fmt="o-",
        color=BLUE,
        capsize=3,
        label=f"ten groups, Brier {metrics.brier:.4f}, slope {metrics.calibration_slope:.2f}",
    )
    top = float(max(predicted.max(), bounds.max())) * 1.05
    axes.plot([0, top], [0, top], color=GREY, linestyle="--", label="perfect")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.legend(loc="upper left")
    return figure


def lift_figure(
    labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics, about: str
) -> "Figure":
    """Ratio of churners found to those found by chance, by share of customers contacted."""
    hits, seen = _by_score(labels, raw)
    figure, axes = blank(
        f"How much better than contacting at random\n{about}", "share of customers contacted", "lift"
    )
    axes.plot(
        seen / len(labels),
        hits / seen / labels.mean(),
        color=BLUE,
        label=f"model, {metrics.lift_top_decile:.1f} times in the top tenth",
    )
    axes.axhline(1, color=GREY, linestyle="--", label="chance")
    axes.axvline(
        _known(metrics.capacity),
        color=ORANGE,
        linestyle=":",
        label=f"campaign capacity {metrics.capacity:.0%}",
    )
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")
    return figure


def _candidates_figure(candidates: "Sequence[CandidateResult]") -> "Figure":
    """AUC of each candidate with its interval on the selection cohorts."""
    cohort = f"{candidates[0].selection.n:,} customers, {candidates[0].selection.positives:,} churners"
    estimates = [
        Estimate(
            name=spoken(line.candidate) + (f"\n{found.status}" if found.auc is None else ""),
            value=found.auc,
            low=found.auc_low,
            high=found.auc_high,
            chosen=line.chosen,
        )
        for line in candidates
        for found in [line.selection]
    ]
    return interval_figure(
        f"Candidates on the selection cohorts\n{cohort}", "AUC with 95 % interval", estimates
    )


def importance_figure(lines: "Sequence[Importance]", words: Mapping[str, str]) -> "Figure":
    """Importance of each feature with its interval."""
    return strength_figure(
        [Estimate(words.get(line.feature, line.feature), line.value, line.low, line.high) for line in lines]
    )


def dependence_figure(curves: "Sequence[Dependence]", words: Mapping[str, str]) -> "Figure":
    """The curves side by side, five in a row, on one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max(1, -(-len(curves) // 5))
    figure = Figure(figsize=(15, 3.3 * rows))
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, 5, sharey=True, squeeze=False).ravel()
    # fixed margins, because constrained layout takes a second for so many axes
    figure.subplots_adjust(left=0.045, right=0.99, top=0.9, bottom=0.12, wspace=0.08, hspace=0.55)
    for axes, curve in zip(every, curves, strict=False):
        places = list(range(len(curve.values))) if isinstance(curve.values[0], str) else list(curve.values)
        middle = 100 * np.array(curve.probability)
        below, above = 100 * np.array(curve.low), 100 * np.array(curve.high)
        if isinstance(curve.values[0], str):
            axes.errorbar(
                places, middle, yerr=[middle - below, above - middle], fmt="o", color=BLUE, capsize=3
            )
            axes.set_xticks(
                places, [plain(str(value)[:14]) for value in curve.values], rotation=30, ha="right"
            )
        else:
            axes.plot(places, middle, "o-", color=BLUE, markersize=3)
            axes.fill_between(places, below, above, color=BLUE, alpha=0.15, linewidth=0)
        axes.set_title(plain(_broken(words.get(curve.feature, curve.feature))), fontsize=10)
        axes.grid(alpha=0.3)
    for axes in every[len(curves) :]:
        axes.set_axis_off()
    for axes in every[::5]:
        axes.set_ylabel("mean probability, %")
    return figure


def _broken(words: str, width: int = 30) -> str:
    """Returns the words broken into at most two lines, shortened if necessary."""
    from textwrap import shorten, wrap

    return "\n".join(wrap(shorten(words, 2 * width - 4, placeholder="..."), width))


def _by_score(
    labels: NDArray[np.float64], raw: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Churners found and customers seen after each distinct score, from the highest down."""
    order = np.argsort(-raw, kind="stable")
    last_of_tie = np.flatnonzero(np.append(np.diff(raw[order]) != 0, True))
    return np.cumsum(labels[order])[last_of_tie], last_of_tie + 1


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("these figures need metrics with status ok")
    return value
