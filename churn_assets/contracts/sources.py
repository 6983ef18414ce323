"""The sources of a business, as the sections of churn.yaml name them."""

from dataclasses import dataclass

from churn_assets.contracts.expressions import wrong_expression
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import Column, Source


@dataclass(frozen=True)
class Sources:
    """All sources of a business, in contract order."""

    all: tuple[Source, ...]

    def find(self, name: str, place: Place) -> Source:
        """The source of that name.

        Raises:
            DeclarationError: there is none.
        """
        found = next((s for s in self.all if s.name == name), None)
        if found is None:
            place.refuse(f"there is no source {name}.", f"use one of {', '.join(s.name for s in self.all)}.")
        return found


def attribute_of(source: Source, name: str, place: Place) -> Column:
    """The column of that name, which may leave silver.

    Raises:
        DeclarationError: the source has none.
    """
    found = next((c for c in source.attributes if c.name == name), None)
    if found is None:
        place.refuse(f"{source.name} has no column {name}.")
    return found


def check_where(condition: str | None, source: Source, place: Place) -> None:
    """Checks a condition on the rows of a source.

    Raises:
        DeclarationError: it reads what the source lacks, or differs from run to run.
    """
    if condition is not None:
        names = [c.name for c in source.columns if not c.personal]
        if wrong := wrong_expression(condition, names):
            place.refuse(wrong)
