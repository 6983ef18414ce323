"""The section `monitoring` of churn.yaml: which customers count as treated."""

from pydantic import Field

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.sources import Sources, attribute_of


class TreatedRule(Section):
    """Which rows of a treatment source mean that a customer was treated; all of them without `column`."""

    source: str
    column: str | None = None
    values: list[str] = Field([])

    def check(self, place: Place, sources: Sources) -> None:
        """Checks the rule against its source.

        Raises:
            DeclarationError: a source without time, or a column that it lacks.
        """
        source = sources.find(self.source, place)
        if source.event_time is None:
            place.refuse(f"{source.name} has no event time: no treatment.")
        if self.column:
            attribute_of(source, self.column, place)


class Monitoring(Section):
    """What monitoring needs to know."""

    treated: list[TreatedRule] = Field([])

    def check(self, place: Place, sources: Sources) -> None:
        """Checks the rules against their sources.

        Raises:
            DeclarationError: see `TreatedRule.check`.
        """
        for position, rule in enumerate(self.treated):
            rule.check(place.at("treated", position), sources)
