"""matplotlib helpers: colours, an empty figure in the house style, and figures as PNG.

Only matplotlib's object interface is used: no global figure state, no display, safe in threads.
"""

from io import BytesIO
from typing import TYPE_CHECKING

from churn_assets.reporting.documents import png_uri

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREY, ORANGE = "#1f5fa8", "#8a8a8a", "#d9822b"


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
