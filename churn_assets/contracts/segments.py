"""The section `segments` of churn.yaml: the tiers, and the rules that assign segments and actions."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from churn_assets.contracts.features import Features
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section, Share
from churn_assets.contracts.validation import peek

TierBounds = tuple[tuple[str, float], ...]


class RiskTiers(Section):
    """Quantiles of the cohort's scores at which the risk tiers start."""

    high: Share = Field(
        description=(
            "the quantile of the cohort's scores at which the tier `high` starts; 0.9: the riskiest tenth"
        )
    )
    elevated: Share = Field(
        description="the quantile at which `elevated` starts, below `high`; the rest is `low`"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.elevated >= self.high:
            raise ValueError("risk.elevated must lie below risk.high")
        return self

    @property
    def bounds(self) -> TierBounds:
        """Tier -> quantile at which it starts, the highest first."""
        return (("high", self.high), ("elevated", self.elevated), ("low", 0.0))


class ValueTiers(Section):
    """Quantiles at which the tiers of customer value start, and the feature that measures value."""

    feature: str = Field(
        description="the numeric feature that measures the value of a customer; customers without it rank "
        "lowest"
    )
    high: Share = Field(description="the quantile of that feature at which the tier `high` starts")
    middle: Share = Field(
        description="the quantile at which `middle` starts, below `high`; the rest is `low`"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.middle >= self.high:
            raise ValueError("value.middle must lie below value.high")
        return self

    def check(self, place: Place, features: Features) -> None:
        """Checks that the feature exists and is a number."""
        here = place.at("feature")
        found = features.names.find(self.feature, here, f"there is no feature {self.feature}")
        worth = next((f for f in features.all if f.name == found), None)
        if worth is not None and worth.kind != "number":
            here.refuse(f"{worth.name} is a category, which has no tiers", "name a feature that is a number")

    @property
    def bounds(self) -> TierBounds:
        """Tier -> quantile at which it starts, the highest first."""
        return (("high", self.high), ("middle", self.middle), ("low", 0.0))


class When(Section):
    """Conditions of a rule; an omitted condition matches every customer."""

    risk: list[Literal["high", "elevated", "low"]] | None = Field(
        None,
        min_length=1,
        description="the tiers of risk that fit; default: all",
    )
    value: list[Literal["high", "middle", "low"]] | None = Field(
        None, min_length=1, description="the tiers of value that fit; default: all"
    )
    driver: list[str] | None = Field(
        None,
        min_length=1,
        description="the drivers that fit; default: all. A customer's driver is the group of features that raises the "
        "risk most",
    )


class SegmentRule(Section):
    """A segment: its name, its conditions and the recommended action."""

    name: str = Field(
        description="the name of the segment; a customer belongs to the first rule that fits. The last has no `when`"
    )
    action: str = Field(description="the recommended action")
    when: When = When()
    contact: bool = Field(
        True,
        description="whether the action is a contact; `false`: the page does not recommend these customers",
    )


def _total(rules: list[SegmentRule]) -> list[SegmentRule]:
    if rules[-1].when != When():
        raise ValueError(
            "the last segment rule must have no `when`, so that every customer is in exactly one segment"
        )
    return rules


class Segments(Section):
    """Tiers and rules: risk tier x value tier x main driver -> segment of the first matching rule."""

    risk: RiskTiers
    value: ValueTiers
    rules: Annotated[list[SegmentRule], Field(min_length=1), AfterValidator(_total)]


def check_segments(place: Place, features: Features) -> None:
    """Checks the tiers and rules of the section against the features."""
    if (value := peek(ValueTiers, place.at("value"))) is not None:
        value.check(place.at("value"), features)
    for item in place.at("rules").items():
        rule = peek(SegmentRule, item)
        for position, driver in enumerate((rule and rule.when.driver) or []):
            here = item.at("when", "driver", position)
            features.drivers.find(driver, here, f"no feature has the driver {driver}")
