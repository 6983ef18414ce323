"""The report of a replay: a table in the terminal, and an HTML page with the same table and a picture."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from churn_assets.counts import counted
from churn_assets.months import month_end
from churn_assets.replay.replayed_months import ReplayedTraining
from churn_assets.replay.result import COLUMNS, ReplayResult, conclusion, rows
from churn_assets.reporting.blocks import Aside, Card, Cards, Chapter, Document, Grid, Pictures
from churn_assets.reporting.figures import BLUE, GREY, INK, ORANGE, as_png, blank
from churn_assets.reporting.html import html_page
from churn_assets.reporting.terminal import print_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = "auc"
EXPLAINED = (
    "Each cohort is judged three ways on the same customers: by the model in charge (AUC with its 95 % interval), by "
    "the first model as if it had never been replaced, and by the true hazard of the simulation, which no model can "
    "beat. Degradation and new data request trainings by the rules of churn.yaml."
)


def print_result(found: ReplayResult, console: Console) -> None:
    """Prints one line per cohort and event, then the conclusion."""
    table = Table(*COLUMNS)
    for row in rows(found):
        table.add_row(*row)
    print_whole(table, console)
    console.print(conclusion(found))


def replay_page(found: ReplayResult) -> str:
    """The page as HTML."""
    return html_page(_document(found), {PICTURE: as_png(_figure(found), dpi=110)})


def _document(found: ReplayResult) -> Document:
    plan = found.plan
    change = f"the world changes in {plan.drift_from}" if plan.drift_from else "the world does not change"
    picture = Pictures({PICTURE: "ROC-AUC of each cohort, with trainings and the change as lines"}, wide=True)
    marked = [at for at, row in enumerate(rows(found)) if row[-1]]
    return Document(
        title="Replay of a simulated world",
        under=f"{counted(plan.customers, 'customer')}, {counted(plan.months, 'month')}, {change}, seed {plan.seed}.",
        chapters=[
            Chapter("What the loop did", [_cards(found), conclusion(found), picture]),
            Chapter("Month by month", [Grid(COLUMNS, rows(found), "lrrrrrrl", marked), Aside(EXPLAINED)]),
        ],
    )


def _cards(found: ReplayResult) -> Cards:
    cards = [
        Card(str(found.needless), f"needless trainings in {counted(found.quiet_cohorts, 'quiet cohort')}"),
        Card(str(len(found.trainings)), "trainings in all"),
    ]
    if found.change is not None:
        waited = found.cohorts_until_alarm
        noticed = Card(
            "never" if waited is None else str(waited),
            "changed cohorts had matured when degradation requested a training",
        )
        share = "unknown" if found.regained is None else f"{found.regained:.0%}"
        cards = [noticed, Card(share, "of the lost AUC was regained"), *cards]
    return Cards(cards)


def _figure(found: ReplayResult) -> "Figure":
    """Realised AUC per cohort with its interval, the first model, the true hazard, and events as vertical lines."""
    figure, axes = blank("", "", "ROC-AUC of the matured cohort", width=9.5)
    days = [_at(c.as_of_date) for c in found.cohorts]

    def line(values: Sequence[float | None], label: str, **style: str | float) -> None:
        known = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
        axes.plot([day for day, _ in known], [value for _, value in known], label=label, **style)  # type: ignore[arg-type]

    line([c.auc_of_hazard for c in found.cohorts], "true hazard", color=GREY, linestyle="--")
    line(
        [c.auc_of_first for c in found.cohorts], "first model, never replaced", color=ORANGE, marker="s", ms=4
    )
    line([c.auc for c in found.cohorts], "model in charge", color=BLUE, marker="o")
    judged = [(day, c) for day, c in zip(days, found.cohorts, strict=True) if c.auc is not None]
    axes.fill_between(
        [day for day, _ in judged],
        [c.auc_low or 0.0 for _, c in judged],
        [c.auc_high or 0.0 for _, c in judged],
        color=BLUE,
        alpha=0.15,
        linewidth=0,
    )
    _events(axes, found.trainings)
    if found.change:
        axes.axvline(_at(found.change), color=INK, linestyle=":", linewidth=2, label="the world changes")
    axes.xaxis_date()
    figure.legend(loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


def _events(axes: "Axes", trainings: Sequence[ReplayedTraining]) -> None:
    """Draws trainings as vertical lines labelled with what requested them; each kind is in the legend once."""
    unlabelled = {True: "a new model takes charge", False: "a training without a better model"}
    for training in trainings:
        at, promoted = _at(month_end(training.month)), training.promoted
        style, width = ("-", 1.2) if promoted else ("-.", 0.8)
        label = unlabelled.pop(promoted, "_")  # matplotlib's legend omits labels with `_` first
        axes.axvline(at, color=INK if promoted else GREY, linestyle=style, linewidth=width, label=label)
        axes.text(
            at,
            0.02,
            f" {training.called_by}",
            rotation=90,
            fontsize=8,
            transform=axes.get_xaxis_transform(),
            va="bottom",
            ha="right",
        )


def _at(day: date) -> float:
    """Days since 1970-01-01, the dates of matplotlib."""
    return float((day - date(1970, 1, 1)).days)
