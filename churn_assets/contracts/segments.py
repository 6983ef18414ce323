"""Segments and what is done about them, as churn.yaml declares them."""

from typing import Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section, Share

TierBounds = tuple[tuple[str, float], ...]


class RiskTiers(Section):
    """Quantiles of the month's probabilities at which the tiers start."""

    high: Share
    elevated: Share

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
    """Quantiles of a feature that stands for what a customer is worth."""

    feature: str
    high: Share
    middle: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.middle >= self.high:
            raise ValueError("value.middle must lie below value.high")
        return self

    @property
    def bounds(self) -> TierBounds:
        """Tier -> quantile at which it starts, the highest first."""
        return (("high", self.high), ("middle", self.middle), ("low", 0.0))


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
