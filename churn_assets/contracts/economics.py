"""The section `economics` of churn.yaml: what a retention campaign costs and earns."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.features import Features
from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.validation import peek


class LifetimeTerms(Section):
    """How the value of each customer is computed from what they pay and how long they are expected to stay."""

    revenue: str = Field(
        description="the feature that measures the revenue of a customer: a `sum` over months, by which it is divided. "
        "The same sum must be a line of `customer_months`, so that values can be compared with what was earned"
    )
    margin: float = Field(gt=0, le=1, description="the share of the revenue that is margin")
    horizon_months: int = Field(
        24, ge=1, le=120, description="months from the as_of_date that the value counts"
    )
    discount_rate_per_year: float = Field(
        0.1, ge=0, le=1, description="a year later, money is worth less by this share: 1 / (1 + rate)"
    )

    def line(self, feature: Feature, months: Sequence[MonthColumn]) -> MonthColumn | None:
        """Returns the line of `customer_months` that sums what the feature sums; None without one."""
        read = (feature.source, "sum", feature.measure, feature.where)
        return next((c for c in months if (c.source, c.aggregate, c.measure, c.where) == read), None)

    def check(
        self, place: Place, months: Sequence[MonthColumn], features: Features, label: LabelRule
    ) -> None:
        """Checks that the revenue is a sum over months that customer_months has, too."""
        here = place.at("revenue")
        found = features.names.find(self.revenue, here, f"there is no feature {self.revenue}")
        feature = next((f for f in features.all if f.name == found), None)
        if feature is None:
            return
        if feature.aggregate != "sum" or feature.months is None:
            here.refuse(f"{feature.name} is no sum over months", "name one, such as the sum of invoices")
        elif self.line(feature, months) is None and not _is_refused(place, "customer_months"):
            here.refuse(
                f"no line of customer_months sums {feature.measure} of {feature.source} like {feature.name}, so nobody "
                "could tell what was earned",
                f"add {{name: revenue, source: {feature.source}, aggregate: sum, measure: {feature.measure}}} there, "
                "with the condition of the feature",
            )
        elif label.policy == "inactivity" and feature.source != label.source:
            here.refuse(
                f"without contracts, values are computed from the purchases of {label.source}, which the label reads",
                f"name a sum over months of {label.source}",
            )


def _is_refused(place: Place, part: str) -> bool:
    """Returns whether a part of the file has a mistake already, so that what rests on it needs no second one."""
    return any(mistake.path.startswith(part) for mistake in place.document.mistakes)


class Economics(Section):
    """Value of a customer and costs of a campaign; money in one currency, per customer.

    The defaults come from the literature (Verbraken, Verbeke & Baesens 2013, doi 10.1109/TKDE.2012.50), not from a
    business.

    Raises:
        ValueError: a value is out of range: a cost below 0, or an offer that costs at least the customer's value.
    """

    lifetime_value: float = Field(
        200.0, gt=0, description="the value of a customer who stays; more than `offer`"
    )
    offer: float = Field(10.0, ge=0, description="the cost of the incentive if the customer accepts it")
    contact: float = Field(1.0, ge=0, description="the cost of contacting one customer")
    alpha: float = Field(
        6.0,
        gt=0,
        description=(
            "with `beta`: the Beta distribution of the probability that a churner accepts the offer "
            "and stays; its mean is alpha / (alpha + beta)"
        ),
    )
    beta: float = Field(14.0, gt=0, description="the second parameter of that distribution, see `alpha`")
    lifetime: LifetimeTerms | None = None

    @model_validator(mode="after")
    def _pays(self) -> Self:
        if not self.offer < self.lifetime_value:
            raise ValueError(
                f"the offer costs {self.offer:g} and the customer is worth {self.lifetime_value:g}: an offer must cost "
                "less than the customer is worth"
            )
        return self

    @property
    def acceptance(self) -> float:
        """Mean probability that a contacted churner takes the offer and stays."""
        return self.alpha / (self.alpha + self.beta)

    def gain(self, acceptance: float) -> float:
        """Returns the profit of contacting one churner who accepts with this probability."""
        return acceptance * (self.lifetime_value - self.offer) - self.contact

    @property
    def waste(self) -> float:
        """Cost of contacting one customer who would have stayed."""
        return self.offer + self.contact

    @property
    def break_even(self) -> float:
        """Churn probability above which a contact pays off at the mean acceptance; 1 if it never does."""
        gain = self.gain(self.acceptance)
        return min(1.0, self.waste / (gain + self.waste)) if gain + self.waste > 0 else 1.0


def check_economics(place: Place, months: Place, features: Features, label: LabelRule | None) -> None:
    """Checks `economics.lifetime`; `months` is the place of `customer_months`."""
    here = place.at("lifetime")
    if here.content() is None or label is None:
        return
    lines = [peek(MonthColumn, item) for item in months.items()]
    if (terms := peek(LifetimeTerms, here)) is not None and all(line is not None for line in lines):
        terms.check(here, [line for line in lines if line is not None], features, label)
