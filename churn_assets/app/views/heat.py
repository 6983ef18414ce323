"""A heat map with its numbers. The numbers tell and the shades only help, so print loses nothing."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

ROW = 26  # pixels
SHORT = 3  # longer names of columns stand aslant, so that a narrow screen shows them all
DARK = 0.55  # from this shade on the number is white


def heat(
    frame: pd.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    shade: str,
    text: str,
    rows: Sequence[str],
    columns: Sequence[str] | Sequence[float],
    tips: Sequence[tuple[str, str]],
) -> alt.LayerChart:
    """A heat map.

    Args:
        frame: one row per cell; cells that are not known have no shade, and `text` says so.
        x: column of the frame and title of the axis.
        y: the same.
        shade: column with 0 (light) to 1 (dark), or null.
        text: column with the text of the cell.
        rows: the values of `y` in order.
        columns: the values of `x` in order.
        tips: column and title of what appears when a reader points at a cell.
    """
    longest = max((len(str(name)) for name in columns), default=0)
    axis = alt.Axis(labelAngle=-45 if longest > SHORT else 0, labelOverlap=longest <= SHORT)
    base = alt.Chart(frame).encode(
        x=alt.X(f"{x[0]}:O", title=x[1], sort=columns, axis=axis),
        y=alt.Y(f"{y[0]}:O", title=y[1], sort=list(rows), axis=alt.Axis(labelLimit=200, labelOverlap=False)),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in tips],
    )
    cells = base.mark_rect(stroke="white").encode(
        color=alt.condition(
            f"isValid(datum.{shade})",
            alt.Color(f"{shade}:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
            alt.value("#ffffff"),
        )
    )
    ink = alt.condition(f"datum.{shade} > {DARK}", alt.value("white"), alt.value("black"))
    numbers = base.mark_text(fontSize=10).encode(text=f"{text}:N", color=ink)
    drawn: alt.LayerChart = (cells + numbers).properties(
        height=ROW * len(rows) + (100 if longest > SHORT else 50)
    )
    return drawn
