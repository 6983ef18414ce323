"""Reads the content of a place into a pydantic model.

Reports every mistake in its shape; corrects misspelt keys and values and goes on, to find further mistakes.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from churn_assets.contracts.place import Place
from churn_assets.contracts.pydantic_complaints import Complaint, complaints
from churn_assets.contracts.yaml_file import Steps

Model = TypeVar("Model", bound=BaseModel)


class View(Protocol):
    """The content that a model is read from, and the places of its parts in the document."""

    def content(self) -> Any:
        """Returns the content."""

    def place(self, steps: Steps) -> Place:
        """Returns the place of a part."""

    def key_place(self, steps: Steps) -> Place:
        """Returns the place of the key of a part."""

    def correct(self, steps: Steps, key: str) -> None:
        """Renames a key to `key`, or drops it if `key` is empty."""


class _Keys:
    """A view of a mapping."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def content(self) -> Any:
        return self._place.content({})

    def place(self, steps: Steps) -> Place:
        return self._place.at(*steps)

    key_place = place

    def correct(self, steps: Steps, key: str) -> None:
        place = self._place.at(*steps)
        if key:
            place.document.rename(place.steps, key)
        else:
            del place.document.parent_of(place.steps)[steps[-1]]


class _CustomProperties:
    """A view of a list of customProperties as a mapping from names to values."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._items: dict[str, Place] = {}
        self.complete = True
        for item in place.items():
            name = item.at("property").content()
            if not isinstance(name, str):
                self.complete = False
            elif name in self._items:
                item.refuse(f"{name} is given twice", "remove one")
            else:
                self._items[name] = item

    def content(self) -> dict[str, Any]:
        return {name: item.at("value").content() for name, item in self._items.items()}

    def place(self, steps: Steps) -> Place:
        item = self._items.get(str(steps[0])) if steps else None
        return item.at("value", *steps[1:]) if item else self._place.at(*steps)

    def key_place(self, steps: Steps) -> Place:
        return self._items[str(steps[0])].at("property") if len(steps) == 1 else self.place(steps)

    def correct(self, steps: Steps, key: str) -> None:
        if len(steps) > 1:
            place = self.place(steps)
            _Keys(Place(place.document, place.steps[:-1])).correct(steps[-1:], key)
        else:
            item = self._items.pop(str(steps[0]))
            if key:
                self._items[key] = item
                item.content()["property"] = key


def read(model: type[Model], place: Place) -> Model | None:
    """Returns the content of a place as a model and reports its mistakes; None if it cannot be read."""
    return _read(model, _Keys(place))


def own_properties(model: type[Model], place: Place) -> Model | None:
    """Returns the customProperties at a place as a model and reports their mistakes; None if they cannot be read."""
    return _read(model, view := _CustomProperties(place), missing=view.complete)


def property_place(place: Place, name: str) -> Place:
    """Returns the place of the value of a customProperty; `place` is that of the list."""
    found = (item for item in place.items() if item.at("property").content() == name)
    return next((item.at("value") for item in found), place.at(name))


def refuse_without_cursor(place: Place, cursor: str | None, **given: object) -> None:
    """Reports customProperties that mean nothing without a cursor; `place` is that of the list."""
    for name, value in given.items():
        if cursor is None and value is not None:
            property_place(place, name).refuse(f"without a cursor there is no {name}", "remove it")


def peek(model: type[Model], place: Place) -> Model | None:
    """Returns the content of a place as a model; None if its shape is wrong. Reports nothing."""
    try:
        return model.model_validate(place.content({}))
    except ValidationError:
        return None


def _read(model: type[Model], view: View, *, missing: bool = True) -> Model | None:
    while True:
        try:
            return model.model_validate(view.content())
        except ValidationError as error:
            found = complaints(error, model, view.content())
            if not missing:
                found = [c for c in found if not c.missing]
            if not _tell(found, view):
                return None


def _tell(found: Sequence[Complaint], view: View) -> bool:
    """Reports the complaints; returns whether one was corrected, so that validating again may find more."""
    corrected = False
    for complaint in found:
        steps = complaint.steps
        place = view.key_place(steps) if complaint.unknown else view.place(steps)
        place.refuse_once(complaint.problem, complaint.remedy, complaint.meant)
        if complaint.unknown:
            view.correct(steps, complaint.meant)
            if complaint.meant:
                view.place((*steps[:-1], complaint.meant)).settle()
            corrected = True
        elif complaint.replace:
            place.document.parent_of(place.steps)[place.steps[-1]] = complaint.meant
            corrected = True
    return corrected
