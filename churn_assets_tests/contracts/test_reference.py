"""docs/churn-yaml.md tells of every key of churn.yaml, and of no other."""

import re
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from churn_assets.contracts.business import BusinessFile
from churn_assets.settings import SHIPPED_BUSINESSES

ROOT = Path(__file__).parents[2]
PAGE = "docs/churn-yaml.md"


def _keys(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Path of each key below a section -> its meaning, and its default or "required"."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if section:
            found |= _keys(section, f"{before}{name}{'[]' if get_origin(field.annotation) is list else ''}.")
        else:
            found[before + name] = field.description, "required" if field.is_required() else field.default
    return found


def test_every_key_stands_on_the_page_with_its_meaning_and_default_and_no_other_does() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| ([^|]+) \|$", page, re.MULTILINE)
    told = {
        key: (meaning, None if said == "none" else yaml.safe_load(said.strip("`")))
        for key, meaning, said in rows
    }
    assert len(told) == len(rows), "a key stands there twice"
    assert told == _keys(BusinessFile)


def test_shipped_businesses_and_readme_point_to_the_page() -> None:
    for business in ("telecom", "shop"):
        first = (SHIPPED_BUSINESSES / business / "churn.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert PAGE in first, business
    assert f"]({PAGE})" in (ROOT / "README.md").read_text(encoding="utf-8")
