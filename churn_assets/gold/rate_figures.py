"""What the pages of gold/churn_rates and gold/retention_cohorts show: a plot and a table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.churn_rates import EVERYBODY
from churn_assets.reporting.blocks import Block, Grid, Pictures
from churn_assets.reporting.figures import BLUE, GREY, as_png, blank, png_uri
from churn_assets.reporting.markdown import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_MONTHS = 12
RATES, TRIANGLE = "rates", "triangle"


def rates_report(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metadata of gold/churn_rates: the newest months of all customers; empty without a settled month."""
    shown = [row for row in rows if row["dimension"] == EVERYBODY][-SHOWN_MONTHS:]
    if not shown:
        return {}
    flows = ("start", "new", "returned", "known_again", "lost_by_choice", "lost_otherwise", "unknown", "end")
    head = ("month", *(name.replace("_", " ") for name in flows), "churn rate", "net revenue retention")
    lines = [
        (
            row["month"],
            *(f"{row[f'customers_{name}']:,}" for name in flows),
            percent(row["churn_rate"]),
            percent(row.get("net_revenue_retention")),
        )
        for row in shown
    ]
    blocks: list[Block] = [
        Pictures({RATES: "Customers lost in each month, of those known at its start"}),
        Grid(head, lines, "l" + "r" * (len(head) - 1)),
    ]
    return {"churn": dg.MetadataValue.md(markdown(blocks, {RATES: png_uri(as_png(_rates_figure(shown)))}))}


def _rates_figure(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    figure, axes = blank("Customers lost in a month, of 100 at its start", "", "%", width=8, height=3.4)
    places = range(len(rows))
    for name, words, color in (("churn_rate", "all", GREY), ("churn_rate_by_choice", "by choice", BLUE)):
        values = [float("nan") if row[name] is None else 100 * row[name] for row in rows]
        axes.plot(places, values, "o-", color=color, label=words)
    axes.set_xticks(places, [row["month"] for row in rows], rotation=45)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def cohorts_report(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metadata of gold/retention_cohorts: the newest months of joining; empty without a settled month."""
    if not rows:
        return {}
    joined = sorted({row["joined_month"] for row in rows})[-SHOWN_MONTHS:]
    by = {(row["joined_month"], row["months_since"]): row for row in rows if row["joined_month"] in joined}
    steps = range(max(since for _, since in by) + 1)
    lines = [
        (
            month,
            f"{by[month, 0]['joined']:,}",
            *(percent(by[month, k]["retention"]) if (month, k) in by else "" for k in steps),
        )
        for month in joined
    ]
    blocks: list[Block] = [
        Pictures({TRIANGLE: "Share of those who joined in a month who are there after some months"}),
        Grid(("joined", "customers", *map(str, steps)), lines, "lr" + "r" * len(steps)),
    ]
    picture = png_uri(as_png(_triangle_figure(joined, by, steps)))
    return {"retention": dg.MetadataValue.md(markdown(blocks, {TRIANGLE: picture}))}


def _triangle_figure(
    joined: Sequence[str], by: Mapping[tuple[str, int], Mapping[str, Any]], steps: range
) -> "Figure":
    import numpy as np

    shares = np.full((len(joined), len(steps)), np.nan)
    for place, month in enumerate(joined):
        for step in steps:
            row = by.get((month, step))
            if row is not None and row["retention"] is not None:
                shares[place, step] = 100 * row["retention"]
    figure, axes = blank(
        "Of 100 who joined, how many are there",
        "months since joining",
        "joined in",
        8,
        1.4 + 0.3 * len(joined),
    )
    image = axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set_yticks(range(len(joined)), joined)
    axes.set_xticks(list(steps))
    figure.colorbar(image, ax=axes)
    return figure


def percent(share: float | None) -> str:
    """A share as text; empty where there is none."""
    return "" if share is None else f"{share:.1%}"
