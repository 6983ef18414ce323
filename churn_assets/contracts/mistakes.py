"""Mistakes in declarations, and the exception that lists all of them."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from churn_assets.counts import counted

WIDTH = 100


@dataclass(frozen=True)
class Mistake:
    """One mistake: its place, the problem, what is allowed instead, and what was probably meant."""

    file: Path
    line: int
    path: str
    problem: str
    remedy: str = ""
    meant: str = ""

    def __str__(self) -> str:
        """Returns `file:line: path`, then problem, remedy and guess, wrapped at 100 columns."""
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        meant = f"did you mean {self.meant}?" if self.meant else ""
        told = filter(None, (self.problem, self.remedy, meant))
        body = [
            textwrap.indent(textwrap.fill(text, WIDTH - 4, break_long_words=False), "    ") for text in told
        ]
        return "\n".join([f"{place}: {self.path}" if self.path else place, *body])


class DeclarationErrors(ValueError):
    """A contract or churn.yaml is invalid; `mistakes` contains every mistake, sorted by file and line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (str(m.file), m.line)))
        super().__init__("\n\n".join([self.head(len(self.mistakes)), *map(str, self.mistakes)]))

    def head(self, count: int) -> str:
        """Returns the first line of the message."""
        return f"{counted(count, 'mistake')} in the declarations of the business"
