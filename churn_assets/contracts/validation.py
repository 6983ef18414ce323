"""Content of a file -> a model, or an error that names the place."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from churn_assets.contracts.errors import from_validation_error
from churn_assets.contracts.odcs import CustomProperty
from churn_assets.contracts.place import Place

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], content: dict[str, Any], file: Path) -> Model:
    """The content as a model.

    Raises:
        DeclarationError: it has another shape.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise from_validation_error(file, error) from error


def own_properties(model: type[Model], properties: list[CustomProperty], place: Place) -> Model:
    """The customProperties at a place as a model.

    Raises:
        DeclarationError: they have another shape, or one is given twice.
    """
    names = [p.property for p in properties]
    for name in names:
        if names.count(name) > 1:
            place.refuse(f"{name} is given twice", "remove one.")
    return validated(model, {p.property: p.value for p in properties}, place.file)
