"""The section `customer_months` of churn.yaml: the columns of gold/customer_months."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import model_validator

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.source import NUMERIC
from churn_assets.contracts.sources import Sources, attribute_of, check_where

OWN_COLUMNS = ("customer_key", "month", "as_of_index")


class MonthColumn(Section):
    """One column of gold/customer_months."""

    name: str
    source: str
    aggregate: Literal["sum", "count"]
    measure: str | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if (self.aggregate == "sum") != (self.measure is not None):
            raise ValueError(f"{self.name}: a sum needs a measure, a count has none")
        return self

    def check(self, place: Place, sources: Sources) -> None:
        """Checks the column against its source.

        Raises:
            DeclarationError: a name that is taken, a source without time, a column that cannot be summed.
        """
        if self.name in OWN_COLUMNS:
            place.refuse(f"{self.name} is a column of the table itself.", "choose another name.")
        source = sources.find(self.source, place)
        if source.event_time is None:
            place.refuse(f"{source.name} has no event time to put into a month.")
        check_where(self.where, source, place.at("where"))
        if self.measure and attribute_of(source, self.measure, place).type not in NUMERIC:
            place.refuse(f"{self.measure} of {source.name} is no number.", "sum a number, or count.")


def check_columns(columns: Sequence[MonthColumn], place: Place, sources: Sources) -> None:
    """Checks all columns, and that no two have one name.

    Raises:
        DeclarationError: see `MonthColumn.check`; or a name that is used twice.
    """
    for position, column in enumerate(columns):
        if column.name in {c.name for c in columns[:position]}:
            place.at(position).refuse(f"two columns are called {column.name}.", "rename one.")
        column.check(place.at(position), sources)
