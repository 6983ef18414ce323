"""The section `economics` of churn.yaml: what a retention campaign costs and earns."""

from typing import Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section


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
