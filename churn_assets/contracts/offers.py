"""The section `offers` of churn.yaml: what we may offer to a customer, what it costs, and to whom it may go."""

from dataclasses import dataclass

from pydantic import Field

from churn_assets.contracts.expressions import mistakes_in
from churn_assets.contracts.features import Features
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Name, Section, Share
from churn_assets.contracts.validation import peek

# Columns that stand beside those of the offers when a plan is made.
OF_A_PLAN = frozenset(
    {
        *("customer_key", "as_of_date", "probability", "value", "risk_tier", "value_tier", "segment"),
        *("model_version", "excluded", "consent", "objected", "contacted_on"),
    }
)


class OfferLine(Section):
    """One offer; money in the currency of the business."""

    name: Name = Field(description="what the offer is called, in plans and in the sources of contacts")
    words: str | None = Field(None, description="the words for people; default: the name")
    channel: Name = Field(description="how the customer is contacted, such as `call` or `email`")
    contact_cost: float = Field(ge=0, description="the cost of contacting one customer with it")
    cost: float = Field(ge=0, description="the cost of the offer if the customer accepts it")
    where: str | None = Field(
        None,
        description="SQL condition over `tenure_days` and the features: whom the offer may go to; default: everybody",
    )
    cool_down_days: int = Field(
        90, ge=0, description="days after any contact in which the customer does not get this offer"
    )
    capacity: int | None = Field(
        None, ge=0, description="the most customers who can get it in a month; default: no limit"
    )
    assumed_effect: float = Field(
        0.1,
        gt=-1,
        lt=1,
        description="the share of the churn of those who get the offer that it prevents, assumed until contacts with a "
        "control arm tell; below 0: it drives customers away",
    )
    assumed_acceptance: Share = Field(
        0.3, description="the share of the contacted who accept it, assumed until contacts tell"
    )

    @property
    def said(self) -> str:
        """The words for people."""
        return self.words or self.name.replace("_", " ")

    def check(self, place: Place, features: Features) -> None:
        """Checks the condition against the features."""
        if self.where is not None:
            names = ("tenure_days", *features.names.known) if features.names.complete else None
            for wrong in mistakes_in(self.where, names):
                place.at("where").refuse(*wrong)
            if why := features.why_no_condition(self.where):
                place.at("where").refuse(
                    f"{self.where} is no condition: {why}", "write one, such as `tenure_days > 30`"
                )


@dataclass(frozen=True)
class Offers:
    """The offers that could be read; `complete` is false if others could not."""

    lines: tuple[OfferLine, ...]
    complete: bool


def check_offers(place: Place, features: Features) -> Offers:
    """Checks each offer, that no two have one name, and that none is called like a column of a plan."""
    found: list[OfferLine] = []
    complete = True
    for item in place.items():
        line = peek(OfferLine, item)
        if line is None:
            complete = False
            continue
        if line.name in {other.name for other in found}:
            item.at("name").refuse(f"two offers are called {line.name}", "give each a name of its own")
        if line.name in OF_A_PLAN:
            item.at("name").refuse(
                f"a plan has a column {line.name} already", "call the offer something else"
            )
        line.check(item, features)
        found.append(line)
    return Offers(tuple(found), complete)
