"""Places in a document, which every mistake is told with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_assets.contracts.words import closest, listed
from churn_assets.contracts.yaml_file import Step, Steps, YamlDocument

NAMED = ("properties", "customProperties")  # lists whose items go by their names


@dataclass(frozen=True)
class Place:
    """A document and the path to one of its keys or items; an empty path is the document as a whole."""

    document: YamlDocument
    steps: Steps = ()

    @property
    def file(self) -> Path:
        """The file of the document."""
        return self.document.file

    def at(self, *steps: Step) -> "Place":
        """The place so many keys or items further inside."""
        return Place(self.document, (*self.steps, *steps))

    def content(self, default: Any = None) -> Any:
        """What stands there, else the default."""
        found: Any = self.document.content
        for step in self.steps:
            inside = (
                step in found
                if isinstance(found, dict)
                else isinstance(found, list) and isinstance(step, int) and step < len(found)
            )
            if not inside:
                return default
            found = found[step]
        return found

    def items(self) -> "Iterator[Place]":
        """The places of the items, none where no list stands there."""
        content = self.content()
        yield from (self.at(i) for i in range(len(content) if isinstance(content, list) else 0))

    def refuse(self, problem: str, remedy: str = "", meant: str = "") -> None:
        """Tells what is wrong here, what is allowed and what was probably meant."""
        self.document.tell(self.document.line(self.steps), str(self), problem, remedy, meant)

    def refuse_once(self, problem: str, remedy: str = "", meant: str = "") -> None:
        """The same, about what stands here as a whole: it is refused once."""
        if not self.is_settled:
            self.settle()
            self.refuse(problem, remedy, meant)

    @property
    def is_settled(self) -> bool:
        """Whether what stands here was refused as a whole."""
        return self.steps in self.document.told

    def settle(self) -> None:
        """Has no more told about what stands here as a whole."""
        self.document.told.add(self.steps)

    def __str__(self) -> str:
        """`features[3].source`; columns and customProperties go by name: `properties[plan].quality`."""
        path, place = "", Place(self.document)
        for step in self.steps:
            place = place.at(step)
            if isinstance(step, int):
                path += f"[{place._name() or step}]"
            else:
                path += f".{step}" if path else step
        return path

    def _name(self) -> str:
        """The name of an item that no other item of its list has."""
        if len(self.steps) < 2 or self.steps[-2] not in NAMED:
            return ""
        items = [_name_of(i) for i in Place(self.document, self.steps[:-1]).content([])]
        name = _name_of(self.content())
        return name if items.count(name) == 1 else ""


def _name_of(item: object) -> str:
    name = (item.get("property") or item.get("name")) if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


@dataclass(frozen=True)
class Names:
    """Names that may be referred to. `complete` is false where a part could not be read that may declare one more."""

    known: tuple[str, ...]
    complete: bool = True

    def find(self, name: str, place: Place, problem: str) -> str | None:
        """The name, or the one that is probably meant; an unknown name is told with `problem`."""
        if name in self.known:
            return name
        if not self.complete:
            return None
        meant = closest(name, self.known)
        place.refuse(problem, f"use one of {listed(self.known)}" if self.known else "", meant)
        return meant or None
