"""The section `monitoring` of churn.yaml: which customers count as treated."""

from typing import Annotated

from pydantic import Field

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Distinct, Section
from churn_assets.contracts.sources import Sources, check_values
from churn_assets.contracts.validation import peek


class TreatedRule(Section):
    """Which rows of a source mean that a customer was treated; all rows if `column` is not given."""

    source: str = Field(
        description=(
            "a source whose rows between as_of and the end of the outcome window tell who was "
            "treated. Untreated customers also get metrics of their own"
        )
    )
    column: str | None = Field(
        None, description="the column whose values tell who was treated; without it, every row is a treatment"
    )
    values: Annotated[list[str], Distinct] = Field([], description="the values that mean treated")

    def check(self, place: Place, sources: Sources) -> None:
        """Checks the rule against its source."""
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return
        if source.lacks_times:
            place.at("source").refuse(
                f"{source.name} has no event time, so its rows cannot be treatments",
                "name a source of role event or treatment",
            )
        column = sources.attribute(source, self.column, place.at("column")) if self.column else None
        if column is not None:
            check_values(column, self.values, place.at("values"))


class Monitoring(Section):
    """Settings of the monitoring."""

    treated: list[TreatedRule] = Field([])


def check_treated(place: Place, sources: Sources) -> None:
    """Checks all rules of `monitoring.treated`."""
    for item in place.items():
        if (rule := peek(TreatedRule, item)) is not None:
            rule.check(item, sources)
