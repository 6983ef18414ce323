"""Reads a YAML file into a document: its content, the line of each part, and the mistakes found in it.

Stricter than YAML: a repeated key is a mistake, because the parser would drop one of its values.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from churn_assets.contracts.mistakes import Mistake

MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"
LOADER: type[yaml.SafeLoader] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # nine times as fast, if PyYAML was built with it
KINDS = {"timestamp": "day", "int": "whole number", "float": "number"}
Step = str | int
Steps = tuple[Step, ...]


@dataclass
class YamlDocument:
    """One file. `readable` is false if it is no YAML mapping; then its content cannot be checked."""

    file: Path
    content: dict[Any, Any] = field(default_factory=dict)
    root: yaml.Node | None = None
    readable: bool = False
    text: str = ""
    mistakes: list[Mistake] = field(default_factory=list)
    told: set[Steps] = field(default_factory=set)  # settled places: nothing more is reported about them

    def line(self, steps: Steps) -> int:
        """Returns the line of the innermost part of the path that exists in the file; 1 for the whole file."""
        line, node = 1, self.root
        for step in steps:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
            line = mark.line + 1
        return line

    def tell(self, line: int, path: str, problem: str, remedy: str = "", meant: str = "") -> None:
        """Adds a mistake."""
        self.mistakes.append(Mistake(self.file, line, path, problem, remedy, meant))

    def rename(self, steps: Steps, key: str) -> None:
        """Renames a misspelt key to `key` in the content; keeps its line."""
        parent = self.parent_of(steps)
        parent[key] = parent.pop(steps[-1])
        node = self.root
        for step in steps[:-1]:
            found = _child(node, step)
            node = found[1] if found else None
        for name, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            if name.value == steps[-1]:
                name.value = key

    def parent_of(self, steps: Steps) -> Any:
        """Returns the mapping or list that contains the last step."""
        found: Any = self.content
        for step in steps[:-1]:
            found = found[step]
        return found


def _child(node: yaml.Node | None, step: Step) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark, v) for k, v in reversed(node.value) if k.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def read_yaml(file: Path) -> YamlDocument:
    """Reads the file into a document; if that fails, the reason is in `mistakes`."""
    document, content = YamlDocument(file), file.read_bytes()
    try:
        document.text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        document.tell(line, "", "the file is not UTF-8", "save it as UTF-8")
        return document
    loader = LOADER(document.text)
    try:
        document.root = loader.get_single_node()
        _check_nodes(document, loader, document.root, (), set())
        found = loader.construct_document(document.root) if document.root else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        begun = f"{error.context} of line {error.context_mark.line + 1}, " if error.context_mark else ""
        document.tell(mark.line + 1 if mark else 1, "", f"this is not valid YAML: {begun}{error.problem}")
        return document
    except yaml.YAMLError as error:
        document.tell(1, "", f"this is not valid YAML: {error}")
        return document
    finally:
        loader.dispose()
    if isinstance(found, dict):
        document.content, document.readable = found, True
    else:
        document.tell(1, "", "the file has no keys and values", "start from a shipped business")
    return document


def _check_nodes(
    document: YamlDocument, loader: yaml.SafeLoader, node: yaml.Node | None, steps: Steps, seen: set[int]
) -> None:
    """Reports repeated keys, and invalid values such as 2025-06-31, which are then read as text."""
    if id(node) in seen:  # an alias of an anchor
        return
    seen.add(id(node))
    match node:
        case yaml.MappingNode():
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                    if key.value in keys:
                        line = key.start_mark.line + 1
                        document.tell(line, key.value, f"{key.value} stands twice in one block", "remove one")
                    keys.add(key.value)
                    _check_nodes(document, loader, value, (*steps, key.value), seen)
        case yaml.SequenceNode():
            for position, item in enumerate(node.value):
                _check_nodes(document, loader, item, (*steps, position), seen)
        case yaml.ScalarNode() if node.tag != MERGE:
            try:
                loader.construct_object(node)
            except (ValueError, OverflowError) as error:
                kind = KINDS.get(node.tag.rpartition(":")[2], "value")
                path = str(steps[-1]) if steps else ""
                document.tell(node.start_mark.line + 1, path, f"{node.value} is no {kind}: {error}")
                document.told.add(steps)
                node.tag = TEXT
