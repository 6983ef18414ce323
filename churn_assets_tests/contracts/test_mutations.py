"""Every key and value of the shipped businesses is broken: the report names that place, and nothing else.

Of the keys and values that mean the same (the `source` of each feature, the `version` of each contract) one is broken.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_assets.contracts import loader
from churn_assets.contracts.contract import read_contract
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.mistakes import DeclarationErrors, Mistake
from churn_assets.contracts.sources import ReadContract
from churn_assets.contracts.yaml_file import YamlDocument, read_yaml
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import edit_yaml

pytestmark = pytest.mark.one_python(
    reason="a thousand mistakes in one way; test_mistakes and test_contracts try each kind on each Python"
)

Path_ = tuple[str | int, ...]
Broken = tuple[Path_, yaml.ScalarNode | None, yaml.Node]  # path, key (of a mapping) and value
# Keys that a part cannot do without, by the path of the part.
REQUIRED = {
    "": "name calendar label features training segments apiVersion kind id version status servers schema",
    "calendar": "start",
    "label": "policy source",
    "protected[]": "source column",
    "customer_months[]": "name source aggregate",
    "training": "candidates",
    "monitoring.treated[]": "source",
    "offers[]": "name channel contact_cost cost",
    "campaigns": "budget",
    "campaigns.capacity[]": "channel contacts",
    "campaigns.reach[]": "channel column",
    "campaigns.crm[]": "crm fields",
    "campaigns.contacts[]": "source",
    "segments": "risk value rules",
    "segments.risk": "high elevated",
    "segments.value": "feature high middle",
    "segments.rules[]": "name action",
    "servers[]": "server type path format",
    "schema[]": "name properties",
    "schema[].properties[]": "name logicalType",
    "schema[].properties[].relationships[]": "to",
    "schema[].properties[].quality[]": "metric arguments",
    "schema[].properties[].quality[].arguments": "validValues",
    "schema[].properties[].customProperties[]": "property value",
    "schema[].quality[]": "type engine implementation",
    "schema[].quality[].implementation": "rule",
    "slaProperties[]": "property value",
    "team": "name",
    "customProperties[]": "property value",
}


def _shape(path: Path_) -> str:
    return re.sub(r"^\.", "", "".join("[]" if isinstance(step, int) else f".{step}" for step in path))


def _nodes(node: yaml.Node, path: Path_ = ()) -> Iterator[Broken]:
    """Everything below a node."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key, value
            yield from _nodes(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield (*path, position), None, value
            yield from _nodes(value, (*path, position))


def _to_break() -> dict[str, list[Broken]]:
    """File -> what is broken in it: of all that has one shape the first."""
    found: dict[str, list[Broken]] = {}
    seen: set[str] = set()
    for business in ("telecom", "shop"):
        for file in sorted((SHIPPED_BUSINESSES / business).rglob("*.yaml")):
            for broken in _nodes(yaml.compose(file.read_text(encoding="utf-8"))):
                shape = f"{file.name == 'churn.yaml'}{_shape(broken[0])}"
                if shape not in seen:
                    seen.add(shape)
                    found.setdefault(str(file.relative_to(SHIPPED_BUSINESSES)), []).append(broken)
    return found


BROKEN = _to_break()


def _mistakes(file: Path) -> tuple[Mistake, ...]:
    folder = file.parent.parent if file.parent.name == "contracts" else file.parent
    try:
        load_business.__wrapped__(folder)
    except DeclarationErrors as error:
        return error.mistakes
    return ()


def _broken(file: Path) -> list[Broken]:
    return next(broken for name, broken in BROKEN.items() if file.match(name))


@pytest.fixture(autouse=True)
def _contracts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contract that stays as it is need not be read for each mistake of another file: half of the time."""
    documents: dict[tuple[Path, bytes], YamlDocument] = {}
    contracts: dict[int, ReadContract] = {}

    def document_of(file: Path) -> YamlDocument:
        if file.name == "churn.yaml":
            return read_yaml(file)
        key = file, file.read_bytes()
        if key not in documents:
            documents[key] = read_yaml(file)
        return documents[key]

    def contract_of(document: YamlDocument) -> ReadContract:
        if id(document) not in contracts:
            contracts[id(document)] = read_contract(document)
        return contracts[id(document)]

    monkeypatch.setattr(loader, "read_yaml", document_of)
    monkeypatch.setattr(loader, "read_contract", contract_of)


@pytest.fixture
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of a copy of a shipped business."""
    business, _, name = str(request.param).partition("/")
    shutil.copytree(SHIPPED_BUSINESSES / business, tmp_path / business)
    return tmp_path / business / name


@pytest.mark.parametrize("file", BROKEN, indirect=True)
def test_a_misspelt_key_is_told_alone_with_what_is_meant(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for path, key, _ in _broken(file):
        if key is None or path[-3:-1] == ("says", "values"):  # those are values of a column
            continue
        word, middle = str(key.value), len(key.value) // 2
        start, end = key.start_mark.index, key.end_mark.index
        misspelt = word[:middle] + word[middle - 1] + word[middle:]
        file.write_text(text[:start] + misspelt + text[end:], encoding="utf-8")
        told = [(m.file, m.line, m.problem, m.meant) for m in _mistakes(file)]
        assert told == [(file, key.start_mark.line + 1, f"there is no key '{misspelt}'", word)], path


@pytest.mark.parametrize("file", BROKEN, indirect=True)
def test_a_value_of_another_type_is_told_alone(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for path, key, value in _broken(file):
        if isinstance(value, yaml.ScalarNode):
            start, end = value.start_mark.index, value.end_mark.index
            file.write_text(text[:start] + "{wrong: type}" + text[end:], encoding="utf-8")
            told = [(m.file, m.line, m.problem) for m in _mistakes(file)]
            line = (value if key is None else key).start_mark.line + 1
            assert told == [(file, line, "found a mapping of keys")], path


@pytest.mark.parametrize("file", BROKEN, indirect=True)
def test_a_required_key_that_is_missing_is_told_alone(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for path, key, _ in _broken(file):
        if key is not None and key.value in REQUIRED.get(_shape(path[:-1]), "").split():
            file.write_text(text, encoding="utf-8")

            def drop(content: Any, path: Path_ = path) -> None:
                for step in path[:-1]:
                    content = content[step]
                del content[path[-1]]

            edit_yaml(file, drop)
            told = [(m.file, m.problem) for m in _mistakes(file)]
            assert told == [(file, f"the key {key.value} is missing")], path
