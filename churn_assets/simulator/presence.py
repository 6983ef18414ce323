"""Whether extracts are in a landing zone, and whether the simulation that wrote them has finished."""

from pathlib import Path

UNFINISHED = ".unfinished-simulation"


def unfinished(root: Path) -> bool:
    """Returns True if a simulation into this landing zone began and did not finish."""
    return (root / UNFINISHED).exists()


def has_extracts(root: Path) -> bool:
    """Returns True if something is in this landing zone that no simulation may replace."""
    return root.is_dir() and any(root.iterdir()) and not unfinished(root)
