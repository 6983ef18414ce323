"""The parts of a document. `html` and `markdown` render them; all markup is in those two modules.

Text is plain: every format shows all characters of it as they are.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """Text to type or copy."""

    words: str


@dataclass(frozen=True)
class Strong:
    """Emphasised text."""

    words: str


# One paragraph, list item, or cell.
Text = str | tuple[str | Code | Strong, ...]


@dataclass(frozen=True)
class Aside:
    """A paragraph in small print that explains the block above it."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """A bulleted list."""

    items: Sequence[Text]


@dataclass(frozen=True)
class Notice:
    """A highlighted sentence; `severe` if it reports an error and not a doubt."""

    text: Text
    severe: bool = False


@dataclass(frozen=True)
class Card:
    """One large figure and its meaning."""

    value: str
    meaning: str


@dataclass(frozen=True)
class Cards:
    """Large figures beside each other."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Bar:
    """A cell that shows a share (0 to 1) as a bar, and `words`."""

    share: float
    words: str


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        head: names of the columns.
        rows: a cell per column.
        align: a letter per column, `l` for text and `r` for numbers; the default is `l` for the first column only.
        marked: positions of the emphasised rows.

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
    """Pictures beside each other: name -> alternative text.

    Names without a picture are omitted. A `wide` picture takes the whole width.
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
    """Parts beside each other, if the page is wide enough."""

    parts: Sequence[Part]


Block = Text | Aside | Bullets | Notice | Cards | Grid | Pictures | Beside


@dataclass(frozen=True)
class Chapter:
    """A heading with the blocks below it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """The target of a link inside the page."""
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
