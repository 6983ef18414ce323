"""The section `churn_rates` of churn.yaml: what gold/churn_rates and gold/retention_cohorts count."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.validation import peek

EVERYBODY, TENURE = "all", "tenure"  # dimensions that every business has
GROUPED = frozenset({"string", "boolean", "integer"})


class RateGroup(Section):
    """One line of `by`: a column whose values divide the customers into groups."""

    source: str = Field(description="the spell source of the label, or an entity source")
    column: str = Field(
        description="a column of words, of true and false, or of whole numbers; not a personal column"
    )

    def check(self, place: Place, sources: Sources, label: Source | None) -> None:
        """Checks that the column can divide customers into groups."""
        if self.column in (EVERYBODY, TENURE):
            place.at("column").refuse(f"{self.column} is a group of every business", "remove the line")
            return
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return
        # of a label that cannot be read, any spell source may be the one
        is_label = source.role == "spell" and label in (source, None)
        if source.role != "entity" and not is_label:
            place.at("source").refuse(
                f"{source.name} does not tell what a customer is like at the end of a month",
                "name the spell source of the label, or a source of role entity",
            )
            return
        column = sources.attribute(source, self.column, place.at("column"))
        if column is not None and column.type not in GROUPED:
            place.at("column").refuse(
                f"{column.name} of {source.name} is of type {column.type}, which makes no groups",
                "derive bands from it in the contract (transformLogic) and name those",
            )


def _rising(months: list[int]) -> list[int]:
    if any(a >= b for a, b in pairwise([0, *months])):
        raise ValueError("tenure_months must rise from 1 on")
    return months


class ChurnRates(Section):
    """What counts as revenue, and by which groups customers are counted. Nothing is required."""

    revenue: str | None = Field(
        None,
        description=(
            "the revenue of a customer in a month: the name of a `sum` of `customer_months`, or a number column of the "
            "label's spell source that its contract requires, such as the price per month (the sum over the spells "
            "that run at the end of the month). Without it no revenue is counted"
        ),
    )
    by: list[RateGroup] = Field([])
    tenure_months: Annotated[list[int], AfterValidator(_rising)] = Field(
        [3, 6, 12, 24], description="months since joining at which the bands of tenure begin, beside 0"
    )

    def revenue_line(self, months: Sequence[MonthColumn]) -> MonthColumn | None:
        """Returns the line of `customer_months` that is the revenue; None if it is another column or none."""
        return next((c for c in months if c.name == self.revenue), None)


def check_churn_rates(place: Place, months: Place, sources: Sources, label: Source | None) -> None:
    """Checks the section; `months` is the place of `customer_months`, `label` the source that the label reads."""
    names: set[str] = set()
    for item in place.at("by").items():
        if (group := peek(RateGroup, item)) is not None:
            if group.column in names:
                item.at("column").refuse(f"two lines are called {group.column}", "remove or rename one")
            names.add(group.column)
            group.check(item, sources, label)
    rates = peek(ChurnRates, place)
    if rates is not None and rates.revenue is not None:
        _check_revenue(rates, place.at("revenue"), months, sources, label)


def _check_revenue(
    rates: ChurnRates, place: Place, months: Place, sources: Sources, label: Source | None
) -> None:
    lines = [peek(MonthColumn, item) for item in months.items()]
    read = [line for line in lines if line is not None]
    if (line := rates.revenue_line(read)) is not None:
        if line.aggregate != "sum":
            place.refuse(f"{line.name} counts rows, which is no revenue", "name a sum of customer_months")
        return
    spell = label if label is not None and label.role == "spell" else None
    numbers = [c for c in spell.attributes if c.type in NUMERIC] if spell else []
    of_spell = sources.columns(spell) if spell else Names(())
    unread = set(of_spell.known) - {c.name for c in spell.columns} if spell else set()
    known = [*(c.name for c in read if c.aggregate == "sum"), *(c.name for c in numbers), *sorted(unread)]
    complete = label is not None and of_spell.complete and len(read) == len(lines)
    found = Names(tuple(known), complete).find(
        str(rates.revenue), place, f"there is no revenue {rates.revenue}"
    )
    column = next((c for c in numbers if c.name == found), None)
    if column is not None and not column.required:
        place.refuse(
            f"{column.name} may be missing in a row, and then the revenue of the customer is unknown",
            "require the column in the contract, or name another",
        )
