"""The section `retraining` of churn.yaml: what triggers a training, and when a challenger is promoted."""

from typing import Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section


class Degradation(Section):
    """When a degraded AUC triggers a retraining; see monitoring/degradation.py."""

    enabled: bool = Field(True, description="`retrain_on_degradation_sensor` asks for trainings")
    of_last: int = Field(3, ge=1, description="how many of the newest judged cohorts are looked at")
    at_least: int = Field(
        2, ge=1, description="how many of them, the newest among them, must be below the bar"
    )
    margin: float = Field(
        0.02,
        ge=0,
        lt=0.5,
        description=(
            "the bar: the champion's own test AUC minus this; the upper end of a cohort's 95 % "
            "interval must lie below"
        ),
    )
    minimum_positives: int = Field(30, ge=2, description="a cohort with fewer churners is not judged")
    cool_down_months: int = Field(2, ge=0, description="months after a training in which none is asked for")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.at_least > self.of_last:
            raise ValueError(f"at_least ({self.at_least}) of of_last ({self.of_last}) cohorts never happens")
        return self


class NewData(Section):
    """How many newly matured months trigger a retraining.

    A champion that took over after a degradation and was trained on fewer months is provisional: each newly matured
    month triggers a retraining.
    """

    enabled: bool = Field(True, description="`retrain_on_new_data_sensor` asks for trainings")
    matured_months: int = Field(
        6,
        ge=1,
        description=(
            "cohorts that must have matured since the last training; from fewer a champion that took "
            "over after a degradation is provisional"
        ),
    )


class Promotion(Section):
    """When a challenger is promoted; see models/promotion.py."""

    margin: float = Field(
        0.005,
        ge=0,
        lt=0.5,
        description=(
            "ROC-AUC by which a challenger must be better to take over, with the paired interval above zero"
        ),
    )
    slope_low: float = Field(
        0.6,
        gt=0,
        description=(
            "where the champion has degraded or is provisional, a challenger must be calibrated: its "
            "calibration slope lies from here"
        ),
    )
    slope_high: float = Field(1.6, gt=0, description="to here; 1 is right")
    intercept: float = Field(
        0.4, gt=0, description="and its calibration intercept (log-odds) at most so far from 0"
    )


class Retraining(Section):
    """What triggers a training, and when its model is promoted."""

    degradation: Degradation = Degradation()
    new_data: NewData = NewData()
    promotion: Promotion = Promotion()
