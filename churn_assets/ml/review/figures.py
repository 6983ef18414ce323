"""Figures that a manager can read: every title says what is shown, on how many customers, how sure it is.

matplotlib's object interface only: no global figure state, no display, safe in threads.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import OK, Metrics, wilson
from churn_assets.reporting.documents import png_uri

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from churn_assets.ml.metrics.importance import Importance
    from churn_assets.ml.training.result import CandidateResult, TrainingResult

BLUE, GREY, ORANGE = "#1f5fa8", "#8a8a8a", "#d9822b"


def training_figures(result: "TrainingResult") -> "dict[str, Figure]":
    """All figures of a training by file stem: roc, precision_recall, calibration, lift, candidates.

    The four figures of the test cohort are left out when it has no metrics (too few churners).
    """
    figures = {"candidates": candidates_figure(result.candidates)}
    if result.test.status == OK:
        sample = result.tested
        figures["roc"] = roc_figure(sample.labels, sample.raw, result.test)
        figures["precision_recall"] = precision_recall_figure(sample.labels, sample.raw, result.test)
        figures["calibration"] = calibration_figure(sample.labels, sample.probability, result.test)
        figures["lift"] = lift_figure(sample.labels, sample.raw, result.test)
    return figures


def roc_figure(labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics) -> "Figure":
    """Share of churners found against share of loyal customers bothered, over all cut-offs."""
    hits, seen = _by_score(labels, raw)
    found = hits / labels.sum()
    bothered = (seen - hits) / (len(labels) - labels.sum())
    figure, axes = blank(
        f"How well churners are told apart\n{_size(metrics)}",
        "share of staying customers contacted",
        "share of churners found",
    )
    interval = f"{metrics.auc:.3f} (95 %: {metrics.auc_low:.3f} to {metrics.auc_high:.3f})"
    axes.plot(np.append(0, bothered), np.append(0, found), color=BLUE, label=f"model, AUC {interval}")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance, AUC 0.5")
    axes.legend(loc="lower right")
    return figure


def precision_recall_figure(
    labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics
) -> "Figure":
    """Share of churners among those contacted against share of churners found."""
    hits, seen = _by_score(labels, raw)
    figure, axes = blank(
        f"How many of those contacted would really leave\n{_size(metrics)}",
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
    labels: NDArray[np.float64], probability: NDArray[np.float64], metrics: Metrics
) -> "Figure":
    """Observed churn against predicted churn in ten groups of equal size, with 95 % Wilson intervals."""
    order = np.argsort(probability, kind="stable")
    groups = [group for group in np.array_split(order, 10) if len(group)]
    predicted = np.array([probability[group].mean() for group in groups])
    observed = np.array([labels[group].mean() for group in groups])
    bounds = np.array([wilson(float(labels[group].sum()), len(group)) for group in groups])
    figure, axes = blank(
        f"Do predicted risks come true?\n{_size(metrics)}",
        "predicted churn probability",
        "observed churn rate",
    )
    # Rounding can put an end of the interval on the wrong side of the rate by 1e-17, which matplotlib refuses.
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


def lift_figure(labels: NDArray[np.float64], raw: NDArray[np.float64], metrics: Metrics) -> "Figure":
    """How many times more churners than by chance, by share of customers contacted."""
    hits, seen = _by_score(labels, raw)
    figure, axes = blank(
        f"How much better than contacting at random\n{_size(metrics)}", "share of customers contacted", "lift"
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


def candidates_figure(candidates: "Sequence[CandidateResult]") -> "Figure":
    """AUC of each candidate with its interval on the selection cohorts."""
    cohort = f"{candidates[0].selection.n:,} customers, {candidates[0].selection.positives:,} churners"
    figure, axes = blank(f"Candidates on the selection cohorts\n{cohort}", "AUC with 95 % interval", "")
    names = []
    for position, line in enumerate(reversed(candidates)):
        found = line.selection
        names.append(f"{line.candidate}{' (chosen)' if line.chosen else ''}")
        if found.auc is None or found.auc_low is None or found.auc_high is None:
            names[-1] += f"\n{found.status}"
            continue
        reach = [[found.auc - found.auc_low], [found.auc_high - found.auc]]
        color = ORANGE if line.chosen else BLUE
        axes.errorbar(found.auc, position, xerr=reach, fmt="o", color=color, capsize=3)
    axes.set_yticks(range(len(names)), names)
    return figure


def importance_figure(lines: "Sequence[Importance]", words: Mapping[str, str]) -> "Figure":
    """Features with how much they move the scores, and how sure that is."""
    figure, axes = blank(
        "What moves the scores most", "mean absolute contribution (log-odds)", "", 8, 1.2 + 0.3 * len(lines)
    )
    shown = list(lines)[::-1]
    value = np.array([line.value for line in shown])
    reach = [value - [line.low for line in shown], [line.high for line in shown] - value]
    names = [words.get(line.feature, line.feature) for line in shown]
    axes.barh(names, value, xerr=np.abs(reach), color=BLUE, ecolor=GREY, capsize=2)
    return figure


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


def _size(metrics: Metrics) -> str:
    return f"test cohort: {metrics.n:,} customers, {metrics.positives:,} churners"


def blank(title: str, x: str, y: str, width: float = 6.4, height: float = 4.8) -> "tuple[Figure, Axes]":
    """An empty figure of so many inches, in the house style."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure, axes


def as_png(figure: "Figure", dpi: int = 90) -> bytes:
    """The figure as a PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def as_uri(figure: "Figure", dpi: int = 90) -> str:
    """The figure as a PNG inside a data URI, for pages that keep no file beside them."""
    return png_uri(as_png(figure, dpi))
