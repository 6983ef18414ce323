"""Documents as Markdown, for the pages of MLflow and Dagster. Text never becomes markup."""

import re
from collections.abc import Iterable, Mapping, Sequence

from churn_assets.reporting.blocks import (
    Aside,
    Bar,
    Beside,
    Block,
    Bullets,
    Cards,
    Code,
    Document,
    Grid,
    Notice,
    Pictures,
    Strong,
    Text,
)
from churn_assets.reporting.words import cell

# Characters that start emphasis, code or a link; an underscore inside a word starts nothing.
_MARKUP = re.compile(r"[\\`*\[\]]|(?<!\w)_|_(?!\w)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# Characters that start a heading, a quotation, a list or a rule at the beginning of a line.
_BLOCK = re.compile(r"^(>|[#+=~-](?!\d))|^(\d+)([.)])(?=\s|$)")


def markdown_page(document: Document, pictures: Mapping[str, str]) -> str:
    """The whole page as Markdown; `pictures` maps names in the document to addresses."""
    parts = [f"# {_plain(document.title)}", _line(document.under)]
    parts += [markdown(document.lead, pictures)] if document.lead else []
    for chapter in document.chapters:
        parts += [f"## {_plain(chapter.title)}", markdown(chapter.blocks, pictures)]
    return "\n\n".join(parts) + "\n"


def markdown(blocks: Iterable[Block], pictures: Mapping[str, str] | None = None) -> str:
    """The blocks as Markdown, separated by blank lines; `pictures` as in `markdown_page`."""
    shown = (_block(block, pictures or {}) for block in blocks)
    return "\n\n".join(text for text in shown if text)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of any values, formatted by `words.cell`; columns of numbers are right-aligned."""
    lines = [list(row) for row in rows]
    align = "".join(
        "r" if lines and all(isinstance(line[at], int | float) for line in lines) else "l"
        for at in range(len(head))
    )
    return markdown([Grid(head, [[cell(value) for value in line] for line in lines], align)])


def _block(block: Block, pictures: Mapping[str, str]) -> str:
    match block:
        case str() | tuple():
            return _line(block)
        case Aside(text):
            return f"*{_text(text)}*"
        case Bullets(items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case Notice(text):
            return f"> {_line(text)}"
        case Cards(cards):
            return "\n".join(f"- **{_plain(card.value)}** {_plain(card.meaning)}" for card in cards)
        case Grid():
            return _grid(block)
        case Pictures(shown):
            return "\n\n".join(
                f"![{_plain(shows)}]({pictures[name]})" for name, shows in shown.items() if name in pictures
            )
        case Beside(parts):
            return "\n\n".join(
                f"### {_plain(part.title)}\n\n{_line(part.note)}\n\n{markdown(part.blocks, pictures)}"
                for part in parts
            )


def _grid(grid: Grid) -> str:
    rule = "|".join(" ---: " if side == "r" else " --- " for side in grid.align)
    rows = [[_cell(value) for value in grid.head]]
    rows += [[_cell(value, at in grid.marked) for value in row] for at, row in enumerate(grid.rows)]
    head, *lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{rule}|", *lines])


def _cell(value: Text | Bar, marked: bool = False) -> str:
    text = value.words if isinstance(value, Bar) else value
    return _text(_strong(text) if marked else text).replace("|", "\\|")


def _strong(text: Text) -> Text:
    """The text with everything but code strong; adjacent parts are joined, because `**a****b**` is not markup."""
    parts: list[str | Code | Strong] = []
    for part in (text,) if isinstance(text, str) else text:
        if isinstance(part, Code):
            parts.append(part)
            continue
        words = part if isinstance(part, str) else part.words
        if parts and isinstance(before := parts[-1], Strong):
            parts[-1] = Strong(before.words + words)
        elif words:
            parts.append(Strong(words))
    return tuple(parts)


def _line(text: Text) -> str:
    """Text at the beginning of a line, with escaped block markup."""
    return _BLOCK.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", _text(text))


def _text(text: Text) -> str:
    parts = (text,) if isinstance(text, str) else text
    return "".join(_inline(part) for part in parts)


def _inline(part: str | Code | Strong) -> str:
    match part:
        case Code(words):
            fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
            room = " " if words.startswith("`") or words.endswith("`") else ""
            return f"{fence}{room}{_one_line(words)}{room}{fence}"
        case Strong(words):
            return f"**{_plain(words)}**"
        case _:
            return _plain(part)


def _plain(words: str) -> str:
    escaped = _MARKUP.sub(r"\\\g<0>", _ENTITY.sub("&amp;", _one_line(words)))
    return escaped.replace("<", "&lt;")


def _one_line(words: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", " ", words)
