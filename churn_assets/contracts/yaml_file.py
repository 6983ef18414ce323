"""A YAML file as a mapping, read more strictly than YAML asks for: of a key that stands twice, one would be lost."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from churn_assets.contracts.errors import DeclarationError

MERGE = "tag:yaml.org,2002:merge"


class _Refused(Exception):
    """What is wrong at a mark, and the remedy."""

    def __init__(self, mark: yaml.Mark, problem: str, remedy: str) -> None:
        self.line, self.problem, self.remedy = mark.line + 1, problem, remedy


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if key.value in seen:
                    raise _Refused(key.start_mark, f"{key.value} stands twice in one block", "remove one.")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_day(self, node: yaml.ScalarNode) -> object:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            raise _Refused(node.start_mark, f"{node.value} is no day: {error}", "mend it.") from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_day)


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping that the file holds.

    Raises:
        DeclarationError: not UTF-8, not YAML, no mapping, a key twice in one block, or a day that does not exist.
    """
    content = file.read_bytes()
    try:
        found = yaml.load(content.decode("utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeclarationError(file, f"line {line}", "the file is not UTF-8", "save it as UTF-8.") from error
    except _Refused as error:
        raise DeclarationError(file, f"line {error.line}", error.problem, error.remedy) from error
    except yaml.YAMLError as error:
        raise DeclarationError(file, "", f"not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise DeclarationError(file, "", "the file holds no mapping.", "start from a shipped business.")
    return found
