"""The section `customer_months` of churn.yaml: the columns of gold/customer_months."""

from typing import Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.source import NUMERIC
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.validation import peek

OWN_COLUMNS = ("customer_key", "month", "as_of_index")


class MonthColumn(Section):
    """One column of gold/customer_months."""

    name: str = Field(description="the column")
    source: str = Field(description="an event or treatment source")
    aggregate: Literal["sum", "count"] = Field(description="`sum` or `count`; 0 in a month without rows")
    measure: str | None = Field(None, description="the numeric column of a `sum`")
    where: str | None = Field(None, description="SQL condition on the rows that count")

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if (self.aggregate == "sum") != (self.measure is not None):
            raise ValueError(f"{self.name}: a sum needs a measure, and a count must not have one")
        return self

    def check(self, place: Place, sources: Sources) -> None:
        """Checks the column against its source."""
        if self.name in OWN_COLUMNS:
            place.at("name").refuse(f"{self.name} is a column of the table itself", "choose another name")
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return
        if source.lacks_times:
            place.at("source").refuse(
                f"{source.name} has no event time, so its rows belong to no month",
                "name a source of role event or treatment",
            )
        sources.check_where(self.where, source, place.at("where"))
        column = sources.attribute(source, self.measure, place.at("measure")) if self.measure else None
        if column is not None and column.type not in NUMERIC:
            place.at("measure").refuse(
                f"{column.name} of {source.name} is of type {column.type}, not a number",
                "sum a number, or count",
            )


def check_columns(place: Place, sources: Sources) -> None:
    """Checks all columns of the section, and that their names are unique."""
    names: set[str] = set()
    for item in place.items():
        if (column := peek(MonthColumn, item)) is not None:
            if column.name in names:
                item.at("name").refuse(f"two columns are called {column.name}", "rename one")
            names.add(column.name)
            column.check(item, sources)
