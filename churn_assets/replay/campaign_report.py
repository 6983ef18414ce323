"""The report of a replay with campaigns: tables in the terminal, and an HTML page with them and three pictures."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from churn_assets.counts import counted
from churn_assets.replay.campaign_result import (
    BROUGHT,
    LEFT,
    MEASURED,
    CampaignResult,
    brought_rows,
    conclusion,
    left_rows,
    measured_rows,
)
from churn_assets.replay.policies import PLAN
from churn_assets.reporting.blocks import Aside, Chapter, Document, Grid, Pictures
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank
from churn_assets.reporting.html import html_page
from churn_assets.reporting.terminal import print_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHURN, EFFECTS, PROFIT = "churn", "effects", "profit"
EXPLAINED = (
    "Two copies of one world share the random number of each customer and day. One is left alone; the other is treated "
    "by the plans of the pipeline, which the replay approves and exports in its own name. Contacts come back through "
    "the source of contacts, as the pipeline's own do. The truth of a campaign is what became of the same customers in "
    "a copy that was left alone since the holdout was drawn."
)
OF_POLICIES = (
    "Each policy chooses among the customers of the treated copy, at the end of each month, with the same budget, "
    "offers and capacities. Profit counts the true change of the churn probability in the next outcome window, times "
    "the value of the customer, less contacts and the offers that are accepted on average. The oracle knows the true "
    "effects."
)


def print_campaigns(found: CampaignResult, console: Console) -> None:
    """Prints the tables, then the conclusion."""
    for title, columns, rows in _tables(found):
        table = Table(*columns, title=title)
        for row in rows:
            table.add_row(*row)
        print_whole(table, console)
    console.print(conclusion(found))


def _tables(found: CampaignResult) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    return [
        ("Customers who chose to leave since the first contact", LEFT, left_rows(found)),
        ("Measured and true", MEASURED, measured_rows(found)),
        ("With the same budget", BROUGHT, brought_rows(found)),
    ]


def campaigns_page(found: CampaignResult) -> str:
    """The page as HTML."""
    plan, tables = found.plan, _tables(found)
    works = "" if plan.offers_work else "; offers do nothing"
    document = Document(
        title="Campaigns in a simulated world",
        under=f"{counted(plan.customers, 'customer')}, {counted(plan.months, 'month')}, "
        f"{counted(len(plan.planned), 'campaign')}, seed {plan.seed}{works}.",
        chapters=[
            Chapter(
                "What campaigns did",
                [
                    conclusion(found),
                    Pictures({CHURN: "Customers who left, without and with campaigns"}, wide=True),
                ],
            ),
            Chapter(tables[0][0], [Grid(tables[0][1], tables[0][2], "lrrrrrr"), Aside(EXPLAINED)]),
            Chapter(
                tables[1][0],
                [
                    Pictures(
                        {EFFECTS: "Measured effects with their intervals, and the true ones"}, wide=True
                    ),
                    Grid(tables[1][1], tables[1][2], "lrrrrlrl"),
                ],
            ),
            Chapter(
                tables[2][0],
                [
                    Pictures({PROFIT: "Profit of each policy"}, wide=True),
                    Grid(tables[2][1], tables[2][2], "lrrr"),
                    Aside(OF_POLICIES),
                ],
            ),
        ],
    )
    pictures = {CHURN: _churn(found), PROFIT: _profit(found)}
    if any(one.holds is not None for one in found.campaigns):
        pictures[EFFECTS] = _effects(found)
    return html_page(document, {name: as_png(figure, dpi=110) for name, figure in pictures.items()})


def _churn(found: CampaignResult) -> "Figure":
    figure, axes = blank("", "", "customers who left since the first contact", width=9.5)
    months = [one.month for one in found.left]
    axes.plot(months, [one.alone for one in found.left], color=GREY, marker="o", label="left alone")
    axes.plot(months, [one.treated for one in found.left], color=BLUE, marker="o", label="with our plans")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left")
    return figure


def _effects(found: CampaignResult) -> "Figure":
    from matplotlib.ticker import PercentFormatter

    figure, axes = blank("", "", "difference of the shares who left", width=9.5)
    shown = [one for one in found.campaigns if one.holds is not None]
    at = list(range(len(shown)))
    ranges = [one.measured for one in shown if one.measured is not None]
    below_above = [[value - low for value, low, _ in ranges], [high - value for value, _, high in ranges]]
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.errorbar(
        at,
        [value for value, _, _ in ranges],
        below_above,
        fmt="o",
        color=BLUE,
        capsize=3,
        label="measured (95 %)",
    )
    axes.plot(at, [one.truth or 0.0 for one in shown], "D", color=ORANGE, ms=5, label="truth")
    names = [f"{one.campaign_id}\n{one.days} days" for one in shown]
    axes.set_xticks(at, names, rotation=60, ha="right", fontsize=7)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False)
    return figure


def _profit(found: CampaignResult) -> "Figure":
    figure, axes = blank("", "", f"profit ({found.currency})", width=9.5)
    colours = [BLUE if one.policy == PLAN else GREY for one in found.brought]
    axes.bar([one.policy for one in found.brought], [one.profit for one in found.brought], color=colours)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    return figure
