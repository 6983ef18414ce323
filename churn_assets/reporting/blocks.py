"""What a document is made of. `html` and `markdown` render it; only they know about markup.

Words are plain: whatever stands in them is shown as it is, in every format.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """Words to be typed or copied."""

    words: str


@dataclass(frozen=True)
class Strong:
    """Words that stand out."""

    words: str


# One paragraph, list item, or cell.
Text = str | tuple[str | Code | Strong, ...]


@dataclass(frozen=True)
class Aside:
    """A paragraph in small print: how to read what stands above it."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """Sentences below each other."""

    items: Sequence[Text]


@dataclass(frozen=True)
class Notice:
    """A sentence that must be read; `severe` where it concerns an error and not a doubt."""

    text: Text
    severe: bool = False


@dataclass(frozen=True)
class Card:
    """One large figure and what it is."""

    value: str
    meaning: str


@dataclass(frozen=True)
class Cards:
    """Large figures beside each other."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Bar:
    """A cell that shows a share from 0 to 1 as a bar and in words."""

    share: float
    words: str


@dataclass(frozen=True)
class Grid:
    """Rows and columns of words and numbers.

    Attributes:
        head: names of the columns.
        rows: a cell per column.
        align: a letter per column, `l` for words and `r` for numbers; by default only the first column holds words.
        marked: positions of the rows that stand out.

    Raises:
        ValueError: a row or `align` has more or fewer columns than `head`.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Text | Bar]]
    align: str = ""
    marked: Collection[int] = ()

    def __post_init__(self) -> None:
        if not self.align:
            object.__setattr__(self, "align", "l" + "r" * (len(self.head) - 1))
        widths = {len(self.align), *(len(row) for row in self.rows)}
        if widths != {len(self.head)}:
            raise ValueError(f"{len(self.head)} columns in the head, {sorted(widths)} in rows and alignment")


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other: name -> what it shows, for people who cannot see it.

    Names that have no picture are left out. A `wide` picture takes the whole width.
    """

    shown: Mapping[str, str]
    wide: bool = False


@dataclass(frozen=True)
class Part:
    """Blocks below a small heading; `note` explains the heading."""

    title: str
    note: str
    blocks: "Sequence[Block]"


@dataclass(frozen=True)
class Beside:
    """Parts beside each other, where the page is wide enough."""

    parts: Sequence[Part]


Block = Text | Aside | Bullets | Notice | Cards | Grid | Pictures | Beside


@dataclass(frozen=True)
class Chapter:
    """A heading with what stands below it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What a link inside the page points to."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Document:
    """A page.

    Attributes:
        title: heading.
        under: line below the heading.
        chapters: in order.
        lead: blocks above the first chapter.
    """

    title: str
    under: Text
    chapters: Sequence[Chapter]
    lead: Sequence[Block] = ()
