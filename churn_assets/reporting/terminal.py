"""Tables of figures in a terminal."""

from rich.console import Console
from rich.table import Table


def print_whole(grid: Table, console: Console) -> None:
    """Prints whole figures, also where the terminal is narrow: its lines break then, but nothing is cut off."""
    grid.width = Console(width=1000).measure(grid).maximum
    console.print(grid, crop=False)
