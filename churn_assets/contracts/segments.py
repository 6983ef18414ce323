"""The section `segments` of churn.yaml: who belongs together, and what is done about them."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.features import Feature
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section, Share


class RiskTiers(Section):
    """Quantiles of the month's probabilities at which the tiers start."""

    high: Share
    elevated: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.elevated >= self.high:
            raise ValueError("risk.elevated must lie below risk.high")
        return self


class ValueTiers(Section):
    """Quantiles of a feature that stands for what a customer is worth."""

    feature: str
    high: Share
    middle: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.middle >= self.high:
            raise ValueError("value.middle must lie below value.high")
        return self

    def check(self, place: Place, features: Sequence[Feature]) -> None:
        """Checks that the feature has tiers.

        Raises:
            DeclarationError: there is no such feature, or it is a category.
        """
        worth = next((f for f in features if f.name == self.feature), None)
        if worth is None:
            place.at("feature").refuse(f"there is no feature {self.feature}.", "declare it under features.")
        if worth.kind != "number":
            place.at("feature").refuse(
                f"{worth.name} is a category, which has no tiers.", "name a feature that is a number."
            )


class When(Section):
    """Conditions of a rule; what is left out fits everybody."""

    risk: list[Literal["high", "elevated", "low"]] | None = None
    value: list[Literal["high", "middle", "low"]] | None = None
    driver: list[str] | None = None


class SegmentRule(Section):
    """A segment: its name, who is in it and the recommended action."""

    name: str
    action: str
    when: When = When()


class Segments(Section):
    """Risk tier x value tier x main driver -> segment; the first rule that fits."""

    risk: RiskTiers
    value: ValueTiers
    rules: list[SegmentRule] = Field(min_length=1)

    @model_validator(mode="after")
    def _total(self) -> Self:
        if self.rules[-1].when != When():
            raise ValueError(
                "the last segment rule must have no `when`, so that every customer is in exactly one segment"
            )
        return self

    def check(self, place: Place, features: Sequence[Feature]) -> None:
        """Checks the tiers and rules against the features.

        Raises:
            DeclarationError: a feature or driver that does not exist.
        """
        self.value.check(place.at("value"), features)
        drivers = {f.driver for f in features}
        for position, rule in enumerate(self.rules):
            for driver in rule.when.driver or []:
                if driver not in drivers:
                    place.at("rules", position).refuse(
                        f"no feature has the driver {driver}.", f"use one of {sorted(drivers)}."
                    )
