"""The section `retraining` of churn.yaml: what starts a training by itself, and when a challenger takes over."""

from typing import Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section


class Degradation(Section):
    """When a degraded AUC calls for a retraining; see monitoring/degradation.py."""

    enabled: bool = True
    of_last: int = Field(3, ge=1)
    at_least: int = Field(2, ge=1)
    margin: float = Field(0.02, ge=0, lt=0.5)
    minimum_positives: int = Field(30, ge=2)
    cool_down_months: int = Field(2, ge=0)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.at_least > self.of_last:
            raise ValueError(f"at_least ({self.at_least}) of of_last ({self.of_last}) cohorts never happens")
        return self


class NewData(Section):
    """How many newly matured months call for a retraining.

    A champion that took over after a degradation, and has learned from fewer months than that, learns on with each.
    """

    enabled: bool = True
    matured_months: int = Field(6, ge=1)


class Promotion(Section):
    """When a challenger takes over; see models/promotion.py."""

    margin: float = Field(0.005, ge=0, lt=0.5)
    slope_low: float = Field(0.6, gt=0)
    slope_high: float = Field(1.6, gt=0)
    intercept: float = Field(0.4, gt=0)


class Retraining(Section):
    """What starts a training by itself, and what it takes to be put in charge."""

    degradation: Degradation = Degradation()
    new_data: NewData = NewData()
    promotion: Promotion = Promotion()
