"""The JSON Schemas accept what is shipped and refuse what is misspelt, as reading does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from churn_assets.cli.main import cli
from churn_assets.settings import SHIPPED_BUSINESSES

FILES = sorted(SHIPPED_BUSINESSES.rglob("*.yaml"), key=str)


def _validator(kind: str) -> Draft202012Validator:
    printed = CliRunner().invoke(cli, ["schema", kind])
    assert printed.exit_code == 0
    schema = json.loads(printed.output)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


VALIDATORS = {kind: _validator(kind) for kind in ("churn", "contract")}


def _content(file: Path) -> tuple[Draft202012Validator, Any]:
    """The validator of a file, and what the file holds, days as text."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return VALIDATORS["churn" if file.name == "churn.yaml" else "contract"], json.loads(
        json.dumps(content, default=str)
    )


def _mappings(content: Any) -> Iterator[dict[str, Any]]:
    """All mappings but those of values to texts: their keys are of the data."""
    if isinstance(content, dict):
        yield content
    for key, inner in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(inner, dict | list) and key != "values":
            yield from _mappings(inner)


@pytest.mark.one_python(reason="one check of hundreds of keys; others here check a few")
@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parts[-3]}/{f.name}")
def test_shipped_files_fit_and_none_of_their_keys_may_be_misspelt(file: Path) -> None:
    validator, content = _content(file)
    assert [error.message for error in validator.iter_errors(content)] == []
    for mapping in _mappings(content):
        for key in list(mapping):
            items = list(mapping.items())
            mapping.clear()
            mapping.update((f"{k}x" if k == key else k, v) for k, v in items)
            assert not validator.is_valid(content), key
            mapping.clear()
            mapping.update(items)
    assert validator.is_valid(content)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["customProperties", 0, "property"], "rolle"),
        (["customProperties", 0, "value"], "spel"),
        (["customProperties", 3, "value", "endedOn"], 5),
        (["schema", 0, "properties", 5, "customProperties", 0, "property"], "alternativFormats"),
        (["schema", 0, "properties", 2, "logicalType"], "text"),
        (["schema", 0, "quality", 0, "implementation", "rule"], "volumes"),
        (["slaProperties", 0, "property"], "frequncy"),
        (["servers", 0, "format"], "xlsx"),
    ],
)
def test_a_contract_may_use_only_the_words_that_have_a_meaning(place: list[str | int], value: object) -> None:
    validator, content = _content(SHIPPED_BUSINESSES / "telecom" / "contracts" / "subscriptions.yaml")
    inside = content
    for step in place[:-1]:
        inside = inside[step]
    assert inside[place[-1]] != value
    inside[place[-1]] = value
    assert not validator.is_valid(content)


def test_a_contract_needs_its_role() -> None:
    validator, content = _content(SHIPPED_BUSINESSES / "shop" / "contracts" / "transactions.yaml")
    content["customProperties"] = [p for p in content["customProperties"] if p["property"] != "role"]
    assert not validator.is_valid(content)


def test_an_editor_is_told_what_a_key_means() -> None:
    windows = VALIDATORS["churn"].schema["$defs"]["Windows"]["properties"]
    assert windows["gap_days"]["description"].startswith("G, days: the time that a campaign needs to act")
    own = VALIDATORS["contract"].schema["properties"]["customProperties"]["items"]["anyOf"]
    role = next(item["properties"] for item in own if item["properties"]["property"]["const"] == "role")
    assert role["value"]["enum"] == ["entity", "spell", "event", "treatment"]
    assert "subscriptions" in role["property"]["description"]
