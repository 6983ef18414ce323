"""Documents for people: the same sections as one HTML file with pictures inside, and as Markdown.

No script, and no address of another machine.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { --ink: #1c2733; --faint: #5d6b7a; --line: #dde3ea; --blue: #1f5fa8; --orange: #d9822b; --red: #b3261e; }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--ink); max-width: 1080px;
  margin: 0 auto; padding: 28px 24px 64px; background: #fff }
h1 { font-size: 1.9em; margin: 0 } h2 { margin: 48px 0 8px; border-top: 1px solid var(--line); padding-top: 22px }
p { max-width: 78ch } .faint { color: var(--faint) }
nav a { margin-right: 16px; color: var(--blue); text-decoration: none }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; margin: 22px 0 }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px }
.card b { display: block; font-size: 1.7em; line-height: 1.25 } .card span { color: var(--faint); font-size: .88em }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 16px }
img { width: 100%; max-width: 640px } img.wide { max-width: 1032px }
table { border-collapse: collapse; width: 100%; margin: 12px 0; font-size: .93em }
th { text-align: left; color: var(--faint); font-weight: 600 }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr.chosen td { font-weight: 650 }
.finding { border-left: 4px solid var(--orange); background: #fdf6ee; padding: 9px 14px; margin: 9px 0 }
.finding.leak { border-color: var(--red); background: #fcf1f0 }
.bar { display: inline-block; height: .72em; background: var(--blue); border-radius: 2px; margin-right: 7px }
code { background: #f2f5f8; padding: 1px 5px; border-radius: 4px; white-space: nowrap }
@media (max-width: 520px) { .pictures { grid-template-columns: 1fr } }
"""


@dataclass(frozen=True)
class Rows:
    """A table; columns from `numbers_from` on are numbers and stand right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


@dataclass(frozen=True)
class Finding:
    """A sentence that should be read."""

    words: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other, by name; those that were not drawn are left out. `wide` takes the whole page."""

    names: Sequence[str]
    wide: bool = False


@dataclass(frozen=True)
class Figures:
    """Large figures on top: (value, what it is)."""

    cards: Sequence[tuple[str, str]]


Block = str | Rows | Finding | Pictures | Figures


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; a string is a paragraph, in which `this` is code."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What a link inside the page points to."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def html_document(title: str, under: str, sections: Sequence[Section], pictures: Mapping[str, bytes]) -> str:
    """One page; `under` is the line below the title, `pictures` maps names to PNGs."""
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    bodies = "".join(
        f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>'
        f"{''.join(_html(block, pictures) for block in s.blocks)}</section>"
        for s in sections
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="faint">{_inline(under)}</p><nav>{links}</nav>{bodies}</body></html>'
    )


def markdown_document(
    title: str, under: str, sections: Sequence[Section], pictures: Mapping[str, str]
) -> str:
    """The same as Markdown; `pictures` maps names to the address of each picture."""
    parts = [f"# {title}", under]
    for section in sections:
        parts.append(f"## {section.title}")
        parts += [text for block in section.blocks if (text := _markdown(block, pictures))]
    return "\n\n".join(parts) + "\n"


def html_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    marked: Sequence[bool] = (),
    numbers_from: int = 1,
    numbers_to: int = 99,
) -> str:
    """A table; cells are escaped, `marked` rows stand out, columns `numbers_from` to `numbers_to` are numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if numbers_from <= at <= numbers_to else ''}>{escape(str(cell))}</{tag}>"
            for at, cell in enumerate(row)
        )

    lines = [
        f"<tr{' class=chosen' if at < len(marked) and marked[at] else ''}>{cells('td', row)}</tr>"
        for at, row in enumerate(rows)
    ]
    return f"<table><tr>{cells('th', head)}</tr>{''.join(lines)}</table>"


def html_cards(cards: Iterable[tuple[str, str]]) -> str:
    """Large figures with what they are."""
    inside = "".join(f'<div class="card"><b>{escape(a)}</b><span>{escape(b)}</span></div>' for a, b in cards)
    return f'<div class="cards">{inside}</div>'


def png_uri(png: bytes) -> str:
    """A picture as a data URI, for pages that keep no file beside them."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _html(block: Block, pictures: Mapping[str, bytes]) -> str:
    match block:
        case str():
            return f"<p>{_inline(block)}</p>"
        case Finding(words):
            return f'<div class="finding">{_inline(words)}</div>'
        case Rows(head, rows, numbers_from):
            return html_table(head, rows, numbers_from=numbers_from)
        case Figures(cards):
            return html_cards(cards)
        case Pictures(names, wide):
            shown = "".join(
                f'<img{" class=wide" if wide else ""} src="{png_uri(pictures[name])}" alt="{_alt(name)}">'
                for name in names
                if name in pictures
            )
            return shown if wide else f'<div class="pictures">{shown}</div>'


def _markdown(block: Block, pictures: Mapping[str, str]) -> str:
    match block:
        case str():
            return block
        case Finding(words):
            return f"> {words}"
        case Rows(head, rows, _):
            lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
            lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
            return "\n".join(lines)
        case Figures(cards):
            return "\n".join(f"- **{value}** {what}" for value, what in cards)
        case Pictures(names, _):
            return "\n\n".join(f"![{_alt(name)}]({pictures[name]})" for name in names if name in pictures)


def spoken(name: str) -> str:
    """`soft_voting` as `soft voting`."""
    return name.replace("_", " ")


def capitalised(words: str) -> str:
    """With a capital letter at its beginning."""
    return words[:1].upper() + words[1:]


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _alt(name: str) -> str:
    return escape(spoken(name))
