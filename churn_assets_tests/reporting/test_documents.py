"""Blocks as HTML and as Markdown: every block is rendered, and words never become markup."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from churn_assets.reporting import figures
from churn_assets.reporting.blocks import (
    Aside,
    Bar,
    Beside,
    Block,
    Bullets,
    Card,
    Cards,
    Chapter,
    Code,
    Document,
    Grid,
    Notice,
    Part,
    Pictures,
    Strong,
)
from churn_assets.reporting.html import html_page
from churn_assets.reporting.markdown import markdown, markdown_page, markdown_table

PNG = b"\x89PNG"


def one_of_each(words: str) -> list[Block]:
    """Every kind of block, with the same words wherever words may stand."""
    text = (words, Code(words), Strong(words))
    part = Part(words, words, [words])
    return [
        words,
        text,
        Aside(text),
        Bullets([words, text]),
        Notice(words, severe=True),
        Cards([Card(words, words)]),
        Grid((words, "n", "share"), [(text, words, Bar(0.5, words))], "lrl", marked=[0]),
        Pictures({"drawn": words, "missing": words}),
        Beside([part]),
    ]


def page_of(words: str) -> Document:
    return Document(words, words, [Chapter(words, one_of_each(words))], lead=[words])


class Read(HTMLParser):
    """Text and tags of a page; fails on tags that are closed wrongly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.alts: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.alts += [str(value) for name, value in attrs if name == "alt"]
        if tag not in ("meta", "img", "hr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def test_the_sample_has_every_kind_of_block() -> None:
    kinds = {kind for part in get_args(Block) for kind in (get_args(part) or [part])}
    assert {type(block) for block in one_of_each("x")} >= {kind for kind in kinds if isinstance(kind, type)}


def test_a_page_is_one_file_that_needs_no_other() -> None:
    page = html_page(page_of("words"), {"drawn": PNG})
    read = Read(page)
    assert read.tags >= {"title", "h1", "nav", "h2", "h3", "p", "ul", "code", "strong", "table", "img"}
    assert not read.tags & {"script", "link", "iframe"} and "http" not in page and "@import" not in page
    assert read.alts == ["words"] and 'src="data:image/png;base64,' in page
    assert page.startswith("<!DOCTYPE html>")
    assert "<td class=n>words</td>" in page and 'style="width:60px"' in page and "<tr class=marked>" in page


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>|x", "a\"b'c&amp;<b>", "`*_[x](y)_*`", "{{ 7 * 7 }}"]
)
def test_html_shows_words_as_they_are(words: str) -> None:
    page = html_page(page_of(words), {"drawn": PNG})
    read = Read(page)
    harmless = Read(html_page(page_of("words"), {"drawn": PNG}))
    assert read.tags == harmless.tags
    assert "".join(read.text).count(words) == "".join(harmless.text).count("words")
    assert read.alts == [words]


@example("1.")
@given(st.text("<>&|`*_[]()#-+=~.1ab \\!:\"'", min_size=1))
def test_markdown_shows_words_as_they_are(words: str) -> None:
    """Read by another program's parser: no HTML, emphasis, link, list, heading or further cell comes of words."""
    text = f"a{words}b"
    tokens = MarkdownIt().enable("table").parse(markdown([Grid((text, "n"), [(text, text)])]))
    cells = [t.children for t in tokens if t.type == "inline"]
    assert len(cells) == 4
    shown = ["".join(c.content for c in cell or []) for cell in (cells[0], cells[2], cells[3])]
    assert {s.split() == text.split() for s in shown} == {True}
    assert all(c.type == "text" for cell in cells for c in cell or [])
    (paragraph,) = [t for t in MarkdownIt().parse(markdown([words.strip() or "x"])) if t.type == "inline"]
    assert "".join(c.content for c in paragraph.children or []).split() == (words.split() or ["x"])


@given(st.text("`ab|", min_size=1).filter(str.strip))
def test_code_in_markdown_may_hold_backticks(words: str) -> None:
    (line,) = [t for t in MarkdownIt().parse(markdown([(Code(words), "")])) if t.type == "inline"]
    assert [(c.type, c.content) for c in line.children or []] == [("code_inline", words)]


def test_both_formats_hold_the_same_words() -> None:
    document = page_of("words")
    text = markdown_page(document, {"drawn": "plots/drawn.png"})
    page = Read(html_page(document, {"drawn": PNG}))
    in_page = "".join(page.text).count("words") + len(page.alts)
    assert text.count("words") == in_page - 2  # the title of the window, and the link to the chapter
    assert "![words](plots/drawn.png)" in text and "missing" not in text


def test_a_marked_row_is_strong() -> None:
    cells = ("plain", ("a ", Strong("b"), Code("c")), Bar(0.5, "half"), "")
    table = markdown([Grid(("w", "x", "y", "z"), [cells, cells], marked=[1])])
    assert table.splitlines()[2] == "| plain | a **b**`c` | half |  |"
    assert table.splitlines()[3] == "| **plain** | **a b**`c` | **half** |  |"


def test_a_table_in_markdown_is_a_row_per_row() -> None:
    table = markdown_table(("name", "rows", "known"), [("a|b", 1234567, None), ("c", 2, True)])
    assert table.splitlines() == [
        "| name | rows | known |",
        "| --- | ---: | --- |",
        r"| a\|b | 1,234,567 |  |",
        "| c | 2 | True |",
    ]


@pytest.mark.parametrize(("rows", "align"), [([("a",)], ""), ([("a", "b", "c")], ""), ([("a", "b")], "lrr")])
def test_a_row_has_a_cell_per_column(rows: list[tuple[str, ...]], align: str) -> None:
    with pytest.raises(ValueError, match="2 columns in the head"):
        Grid(("x", "y"), rows, align)


def test_figures_take_their_colours_from_the_stylesheet() -> None:
    style = files("churn_assets.reporting").joinpath("templates", "style.css").read_text()
    for name in ("ink", "blue", "orange", "grey"):
        assert f"--{name}: {getattr(figures, name.upper())};" in style


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("text", ["ink", "faint", "blue"])
@pytest.mark.parametrize("ground", ["paper", "shade", "doubt", "error"])
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    """WCAG 2 asks for a contrast of 4.5."""
    style = files("churn_assets.reporting").joinpath("templates", "style.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style))
    lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
