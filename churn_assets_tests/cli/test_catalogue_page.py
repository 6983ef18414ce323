"""docs/tables.md is what the catalogue says today."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.catalogue_page import catalogue_page
from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.other_stores import OTHERS
from churn_assets.lakehouse.tables import catalogue
from churn_assets.settings import SHIPPED_BUSINESSES

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_current() -> None:
    told = catalogue_page(load_business(SHIPPED_BUSINESSES / "telecom"))
    assert told == PAGE.read_text(encoding="utf-8"), "run `make tables`"


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_the_page_tells_every_table_column_and_store(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_BUSINESS", name)
    done = CliRunner().invoke(cli, ["catalogue"])
    assert done.exit_code == 0
    business, page = load_business(SHIPPED_BUSINESSES / name), done.output
    sections = dict(re.findall(r"^## (\S+ ?\S*)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for table in catalogue(business):
        rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \|", sections[table.path], re.MULTILINE)
        assert dict(rows) == table.types
        assert f"**grain**: {table.grain}" in sections[table.path]
    for store in OTHERS:
        assert f"| `{store.path}`" in sections["Other stores"]
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (6, 7) for line in lines), "a cell breaks its table"


def test_links_of_the_contents_lead_to_headings() -> None:
    page = PAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", line[3:].lower()).replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) == headings
