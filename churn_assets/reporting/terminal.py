"""Prints tables of figures in a terminal."""

from rich.console import Console
from rich.table import Table


def print_whole(grid: Table, console: Console) -> None:
    """Prints the table without cutting off figures; in a narrow terminal its lines break."""
    grid.width = Console(width=1000).measure(grid).maximum
    console.print(grid, crop=False)
