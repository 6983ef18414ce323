"""Places in a declaration, which every mistake is told with."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from churn_assets.contracts.errors import DeclarationError


@dataclass(frozen=True)
class Place:
    """A file and the path to one of its keys or items; an empty path is the file as a whole."""

    file: Path
    path: str = ""

    def at(self, *steps: str | int) -> "Place":
        """The place so many keys or items further inside."""
        path = self.path
        for step in steps:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        return Place(self.file, path)

    def refuse(self, problem: str, remedy: str = "") -> NoReturn:
        """Tells what is wrong here.

        Raises:
            DeclarationError: always.
        """
        raise DeclarationError(self.file, self.path, problem, remedy)
