"""The section `retraining` of churn.yaml: what triggers a training, and when a challenger is promoted."""

from typing import Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section


class Degradation(Section):
    """When a degraded AUC triggers a retraining; see monitoring/degradation.py."""

    enabled: bool = Field(True, description="whether `retrain_on_degradation_sensor` requests trainings")
    of_last: int = Field(3, ge=1, description="the number of the newest judged cohorts to look at")
    at_least: int = Field(2, ge=1, description="how many of them must be below the bar, the newest included")
    margin: float = Field(
        0.02,
        ge=0,
        lt=0.5,
        description=(
            "the bar is the champion's test AUC minus this margin. A cohort is below it when the "
            "upper end of its 95 % interval is"
        ),
    )
    minimum_positives: int = Field(30, ge=2, description="the fewest churners of a cohort that is judged")
    cool_down_months: int = Field(
        2, ge=0, description="months after a training in which no other is requested"
    )

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

    enabled: bool = Field(True, description="whether `retrain_on_new_data_sensor` requests trainings")
    matured_months: int = Field(
        6,
        ge=1,
        description=(
            "the number of cohorts that must have matured since the last training. A champion that "
            "took over after a degradation is provisional until then"
        ),
    )


class Promotion(Section):
    """When a challenger is promoted; see models/promotion_rule.py."""

    margin: float = Field(
        0.005,
        ge=0,
        lt=0.5,
        description=(
            "how much higher the ROC-AUC of a challenger must be to replace the champion; the paired "
            "interval of the difference must also be above zero"
        ),
    )
    slope_low: float = Field(
        0.6,
        gt=0,
        description=(
            "if the champion has degraded or is provisional, a challenger must be calibrated: the "
            "smallest calibration slope; 1 is perfect"
        ),
    )
    slope_high: float = Field(1.6, gt=0, description="the largest calibration slope of such a challenger")
    intercept: float = Field(
        0.4, gt=0, description="the largest distance of its calibration intercept (log-odds) from 0"
    )


class Retraining(Section):
    """What triggers a training, and when its model is promoted."""

    degradation: Degradation = Degradation()
    new_data: NewData = NewData()
    promotion: Promotion = Promotion()
