"""Customers on the first screen: the key of each, and beside it what is told, in lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table as RichTable
from rich.text import Text

INDENT = 2


def customer_grid(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    width: int,
    told: Callable[[Mapping[str, Any], int], Sequence[str]],
) -> RichTable:
    """Returns a grid of customers.

    Args:
        title: above it.
        rows: at least one, each with a customer_key.
        width: characters of a line.
        told: what is told of a row, as lines of at most so many characters.
    """
    grid = RichTable(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
        padding=(0, INDENT, 0, 0),
    )
    grid.add_column(no_wrap=True)
    grid.add_column()
    room = width - max(len(row["customer_key"]) for row in rows) - 2 * INDENT
    for row in rows:
        grid.add_row(row["customer_key"], Text("\n".join(told(row, room))))
    return grid
