"""Places in a document; every mistake is reported with its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_assets.contracts.words import closest, listed
from churn_assets.contracts.yaml_file import Step, Steps, YamlDocument

NAMED = ("properties", "customProperties")  # lists whose items are identified by name in messages


@dataclass(frozen=True)
class Place:
    """A document and the path to one of its keys or items; an empty path is the whole document."""

    document: YamlDocument
    steps: Steps = ()

    @property
    def file(self) -> Path:
        """The file of the document."""
        return self.document.file

    def at(self, *steps: Step) -> "Place":
        """Returns the place that these keys or indexes lead to from here."""
        return Place(self.document, (*self.steps, *steps))

    def content(self, default: Any = None) -> Any:
        """Returns the content of this place, or `default` if the path does not exist."""
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
        """Yields the places of the items; nothing if the content is not a list."""
        content = self.content()
        yield from (self.at(i) for i in range(len(content) if isinstance(content, list) else 0))

    def refuse(self, problem: str, remedy: str = "", meant: str = "") -> None:
        """Reports a mistake here: the problem, what is allowed and what was probably meant."""
        self.document.tell(self.document.line(self.steps), str(self), problem, remedy, meant)

    def refuse_once(self, problem: str, remedy: str = "", meant: str = "") -> None:
        """Reports a mistake about the whole content of this place, unless one was reported already."""
        if not self.is_settled:
            self.settle()
            self.refuse(problem, remedy, meant)

    @property
    def is_settled(self) -> bool:
        """Whether this place is settled: `refuse_once` reports nothing more about it."""
        return self.steps in self.document.told

    def settle(self) -> None:
        """Marks this place as settled, so that `refuse_once` reports nothing more about it."""
        self.document.told.add(self.steps)

    def __str__(self) -> str:
        """Returns `features[3].source`; columns and customProperties appear by name: `properties[plan].quality`."""
        path, place = "", Place(self.document)
        for step in self.steps:
            place = place.at(step)
            if isinstance(step, int):
                path += f"[{place._name() or step}]"
            else:
                path += f".{step}" if path else step
        return path

    def _name(self) -> str:
        """Returns the name of an item of NAMED lists if it is unique in its list, else ""."""
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
    """Names that may be referred to. `complete` is false if a part that may declare more could not be read."""

    known: tuple[str, ...]
    complete: bool = True

    def find(self, name: str, place: Place, problem: str) -> str | None:
        """Returns the name, or the one probably meant; None if there is none or the names are incomplete.

        Reports an unknown name with `problem`, but only if the names are complete.
        """
        if name in self.known:
            return name
        if not self.complete:
            return None
        meant = closest(name, self.known)
        place.refuse(problem, f"use one of {listed(self.known)}" if self.known else "", meant)
        return meant or None
