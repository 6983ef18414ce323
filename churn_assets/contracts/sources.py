"""The sources that sections of churn.yaml may refer to, including contracts that could be read only in part."""

from collections.abc import Sequence
from dataclasses import dataclass

from churn_assets.contracts.expressions import compared_values, mistakes_in
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.source import Column, Source
from churn_assets.contracts.words import closest, listed


@dataclass(frozen=True)
class ReadContract:
    """The readable parts of one contract.

    Attributes:
        top: the whole contract.
        name: of the source; None if the file has no valid one.
        source: what could be read; None if the customProperties (role, customer, ...) could not.
        unread: names of the columns that could not be read.
    """

    top: Place
    name: str | None
    source: Source | None
    unread: Names


@dataclass(frozen=True)
class Sources:
    """The sources of all contracts, in their order."""

    contracts: tuple[ReadContract, ...]

    @property
    def all(self) -> tuple[Source, ...]:
        """The sources that could be read."""
        return tuple(c.source for c in self.contracts if c.source is not None)

    @property
    def names(self) -> Names:
        """The names of all contracts, including those that could not be read."""
        names = tuple(c.name for c in self.contracts if c.name is not None)
        return Names(names, complete=len(set(names)) == len(self.contracts))

    def find(self, name: str, place: Place) -> Source | None:
        """Returns the source of that name, or the one probably meant; reports an unknown name.

        None if there is none or if its contract cannot be read.
        """
        found = self.names.find(name, place, f"there is no source {name}")
        return next((s for s in self.all if s.name == found), None)

    def attribute_name(self, source: Source, name: str, place: Place) -> str | None:
        """Returns the name of an attribute, or the one probably meant; reports a name that is unknown or personal."""
        unread = self._unread(source)
        known = Names((*(c.name for c in source.attributes), *unread.known), unread.complete)
        if name == source.customer or name in {c.name for c in source.personal}:
            problem = f"{name} of {source.name} is personal, and no table after silver may read it"
        else:
            problem = f"{source.name} has no column {name}"
        return known.find(name, place, problem)

    def attribute(self, source: Source, name: str, place: Place) -> Column | None:
        """Returns the attribute itself, as `attribute_name` finds it; None if it is unknown or could not be read."""
        return source.attribute(self.attribute_name(source, name, place))

    def columns(self, source: Source) -> Names:
        """Returns the names of all columns of a source, including personal ones."""
        unread = self._unread(source)
        return Names((*(c.name for c in source.columns), *unread.known), unread.complete)

    def _unread(self, source: Source) -> Names:
        return next(c.unread for c in self.contracts if c.source is source)

    def check_where(self, condition: str | None, source: Source, place: Place) -> None:
        """Checks the columns that a condition on the rows of a source reads, and the values that it compares with."""
        if condition is None:
            return
        unread = self._unread(source)
        columns = {c.name: c for c in source.columns if not c.personal}
        names = (*columns, *unread.known) if unread.complete else None
        for wrong in mistakes_in(condition, names):
            place.refuse(*wrong)
        for name, values in compared_values(condition):
            if name in columns:
                check_values(columns[name], values, place)


def check_values(column: Column, values: Sequence[str], place: Place) -> list[str]:
    """Returns the values, or those probably meant; reports values that the contract of the column does not allow."""
    allowed = [str(value) for value in column.valid_values]
    found = []
    for value in values:
        meant = "" if not allowed or value in allowed else closest(value, allowed)
        if allowed and value not in allowed:
            remedy = f"use one of its validValues: {listed(allowed)}"
            place.refuse(f"{column.name} is never {value!r}", remedy, meant)
        found.append(meant or value)
    return found
