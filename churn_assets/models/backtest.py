"""Compares trainings as of a range of months in a table and a plot: a rolling-origin backtest (Tashman 2000).

Each training uses only data up to the end of its month, so its test metrics are those that one could have had then.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.decisions import BY_TRAINING
from churn_assets.reporting.blocks import Block, Grid, Pictures
from churn_assets.reporting.figures import BLUE, as_png, blank, png_uri
from churn_assets.reporting.markdown import markdown
from churn_assets.reporting.words import spoken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    *("trained as of", "version", "model", "test cohort", "AUC", "95 %", "lift", "Brier"),
    *("EMPC", "profit at capacity", "decision"),
)


def trainings(lakehouse: Lakehouse, first: date, last: date) -> list[dict[str, Any]]:
    """Returns the newest training of each trained_as_of in `[first, last]`, ascending.

    Each is a row of models/training_runs with `promoted` of its decision. Empty before the first training.
    """
    if not lakehouse.exists(tables.TRAINING_RUNS) or not lakehouse.exists(tables.CHAMPIONS):
        return []
    decisions = lakehouse.arrow(
        tables.CHAMPIONS, ["model_version", "mlflow_run_id", "promoted", "by"]
    ).to_pylist()
    promoted = {d["mlflow_run_id"]: d["promoted"] for d in decisions if d["by"].startswith(BY_TRAINING)}
    newest: dict[date, dict[str, Any]] = {}
    for row in lakehouse.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist():
        if first <= row["trained_as_of"] <= last:
            newest[row["trained_as_of"]] = row | {"promoted": promoted.get(row["mlflow_run_id"], False)}
    return [newest[day] for day in sorted(newest)]


def backtest_rows(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Returns one line per training with the cells of COLUMNS; money per customer, in the currency of churn.yaml."""
    return [
        (
            str(row["trained_as_of"]),
            row["model_version"],
            spoken(row["candidate"]),
            str(row["test_as_of_date"]),
            f"{row['auc']:.3f}",
            f"{row['auc_low']:.3f} to {row['auc_high']:.3f}",
            f"{row['lift_top_decile']:.1f}",
            f"{row['brier']:.4f}",
            _money(row["empc"]),
            _money(row["profit_at_capacity"]),
            "takes charge" if row["promoted"] else "champion stays",
        )
        for row in found
    ]


def _money(value: float | None) -> str:
    """Returns the amount per customer as text; "" for trainings of earlier releases, which did not measure it."""
    return "" if value is None else f"{value:.2f}"


def backtest_figure(found: Sequence[Mapping[str, Any]]) -> "Figure":
    """Plots the AUC of each training on its test cohort, with its 95 % interval."""
    title = "AUC of each training on the cohort that followed\nfilled: the model took charge"
    figure, axes = blank(title, "trained as of", "ROC-AUC", width=8, height=3.6)
    for position, row in enumerate(found):
        reach = [[row["auc"] - row["auc_low"]], [row["auc_high"] - row["auc"]]]
        filled = BLUE if row["promoted"] else "white"
        axes.errorbar(position, row["auc"], yerr=reach, fmt="o", color=BLUE, mfc=filled, capsize=4)
    axes.set_xticks(
        range(len(found)), [f"{row['trained_as_of']:%b}\n{row['trained_as_of']:%Y}" for row in found]
    )
    return figure


def backtest_markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """Returns table and plot as Markdown with the picture embedded."""
    pictures = {"auc": png_uri(as_png(backtest_figure(found)))}
    blocks: list[Block] = [
        Grid(COLUMNS, backtest_rows(found), "lllllrrrrrl"),
        Pictures({"auc": "AUC of each training"}),
    ]
    return markdown(blocks, pictures)
