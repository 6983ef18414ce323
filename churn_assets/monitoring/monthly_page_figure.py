"""The picture of a monthly page: how often the model was right, month by month."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.reporting.figures import BLUE, GREY, ORANGE, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from churn_assets.monitoring.scored_month import ScoredMonth


def quality_figure(cohorts: "Sequence[ScoredMonth]") -> "Figure":
    """Realised AUC with its 95 % interval per cohort, the estimate before that, and the AUC promised by training."""
    title = "How often the model is right, in 100 pairs of one who leaves and one who stays"
    figure, axes = blank(title, "", "", width=8, height=3.6)
    # matplotlib leaves labels that start with an underscore out of the legend, so each kind is in it once
    label_promised, label_known = "promised by the training", "measured, with the range of chance"
    label_estimated = "estimated, results follow"
    for i, c in enumerate(cohorts):
        if c.promised is not None:
            level = 100 * c.promised
            axes.hlines(level, i - 0.5, i + 0.5, color=GREY, linestyle="--", label=label_promised)
            label_promised = "_"
        if c.auc is not None and c.auc_low is not None and c.auc_high is not None:
            reach = [[100 * (c.auc - c.auc_low)], [100 * (c.auc_high - c.auc)]]
            axes.errorbar(i, 100 * c.auc, yerr=reach, fmt="o", color=BLUE, capsize=4, label=label_known)
            label_known = "_"
        elif c.auc_estimated is not None:
            axes.plot(i, 100 * c.auc_estimated, "D", color=ORANGE, mfc="white", label=label_estimated)
            label_estimated = "_"
    axes.set_xticks(range(len(cohorts)), [f"{c.day:%b}\n{c.day:%Y}" for c in cohorts])
    axes.set_xlim(-0.6, len(cohorts) - 0.4)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure
