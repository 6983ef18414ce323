"""The documentation hangs together: every page is in the table of contents, every link and picture leads somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

from churn_assets.cli.main import cli

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\((?!https?://|mailto:)([^)\s#]*)(?:#[^)\s]*)?\)")


def test_every_page_is_in_the_table_of_contents() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    listed = [page for entry in nav for page in entry.values()]
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_a_page_lead_somewhere(page: Path) -> None:
    """The generator checks links between pages; it does not look at pictures, nor at the pages beside docs/."""
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing, f"{page.name} points to {missing}"


def test_every_picture_is_shown_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    idle = [
        picture.name for picture in [*DOCS.glob("*.png"), *DOCS.glob("*.svg")] if picture.name not in text
    ]
    assert not idle, f"no page shows {idle}"


def test_each_promise_about_the_unknown_names_tests_that_exist() -> None:
    text = (DOCS / "unknown.md").read_text(encoding="utf-8")
    promises = [part for part in text.split("\n**")[1:] if "`" in part]
    named = re.findall(r"`(?:([\w/]+\.py)::)?(test_\w+)`", text)
    assert len(promises) >= 15
    assert all("Test" in promise for promise in promises)
    tests = {
        path: path.read_text(encoding="utf-8") for path in (ROOT / "churn_assets_tests").rglob("test_*.py")
    }
    for file, test in named:
        places = [path for path, code in tests.items() if f"def {test}(" in code]
        assert [path for path in places if not file or path.match(f"churn_assets_tests/{file}")], (
            f"{file}::{test}"
        )


def test_the_table_of_commands_names_each_command() -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    table = page.partition("\n## The command line\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(?:churn-assets )?([a-z][a-z-]*)", table))
    assert sorted(set(cli.commands) - named) == []
