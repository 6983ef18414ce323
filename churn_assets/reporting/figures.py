"""matplotlib helpers: the colours of the pages, figures in the house style, and figures as PNG.

Only the object interface of matplotlib is used: no global figure state, no display, safe in threads.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _palette() -> dict[str, str]:
    style = files(__package__).joinpath("templates", "style.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style))


# Intervals between the numbers of a small axis; matplotlib's own choice takes a quarter more time to lay out and draw.
SMALL_STEPS = 4
INK, BLUE, GREY, ORANGE = (_palette()[name] for name in ("ink", "blue", "grey", "orange"))


@dataclass(frozen=True)
class Estimate:
    """One line of `interval_figure`.

    Attributes:
        name: what was estimated.
        value, low, high: the estimate and its interval; None if unknown.
        chosen: the figure emphasises this estimate.
        single: the single values of which the estimate is the mean.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    chosen: bool = False
    single: Sequence[float] = ()


def blank(title: str, x: str, y: str, width: float = 6.4, height: float = 4.8) -> "tuple[Figure, Axes]":
    """An empty figure in the house style; `width` and `height` are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def small_axes(count: int, across: int) -> "tuple[Figure, list[Axes]]":
    """A wide figure with `count` small axes, `across` in a row, each with a grid."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max(1, -(-count // across))
    figure = Figure(figsize=(11, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, across, squeeze=False).ravel().tolist()
    for axes in every[count:]:
        axes.set_axis_off()
    for axes in every[:count]:
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(nbins=SMALL_STEPS)
    return figure, every[:count]


def interval_figure(title: str, x: str, estimates: Sequence[Estimate]) -> "Figure":
    """A figure with one line per estimate: value, interval and single values."""
    figure, axes = blank(title, x, "", height=1.2 + 0.48 * len(estimates))
    for place, line in enumerate(reversed(estimates)):
        axes.plot(line.single, [place] * len(line.single), ".", color=GREY, markersize=5)
        if line.value is not None and line.low is not None and line.high is not None:
            reach = [[line.value - line.low], [line.high - line.value]]
            axes.errorbar(
                line.value, place, xerr=reach, fmt="o", color=ORANGE if line.chosen else BLUE, capsize=3
            )
    names = [f"{plain(line.name)}{' (chosen)' if line.chosen else ''}" for line in reversed(estimates)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    return figure


def strength_figure(estimates: Sequence[Estimate]) -> "Figure":
    """A bar chart of how much features move the scores, in the given order from the top; with intervals if known."""
    height = 1.2 + 0.32 * len(estimates)
    figure, axes = blank("What moves the scores most", "mean absolute contribution (log-odds)", "", 8, height)
    for place, line in enumerate(reversed(estimates)):
        value = line.value or 0.0
        axes.barh(place, value, color=BLUE)
        if line.low is not None and line.high is not None:
            reach = [[abs(value - line.low)], [abs(line.high - value)]]
            axes.errorbar(value, place, xerr=reach, fmt="none", ecolor=GREY, capsize=2)
    axes.set_yticks(range(len(estimates)), [plain(line.name) for line in reversed(estimates)])
    return figure


def plain(words: str) -> str:
    """The words with escaped dollar signs: matplotlib reads text between two of them as a formula."""
    return words.replace("$", r"\$")


def as_png(figure: "Figure", dpi: int = 90) -> bytes:
    """The figure as a PNG. `savefig` makes the same one, but draws twice: once for the layout alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def png_uri(png: bytes) -> str:
    """The PNG as a data URI, for pages in one file."""
    return f"data:image/png;base64,{b64encode(png).decode()}"
