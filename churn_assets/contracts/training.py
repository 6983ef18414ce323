"""How a business trains, judges and replaces its model, as churn.yaml declares it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Section, Share

# Churn is never foreseen so well: a higher ROC-AUC is a leak until somebody has looked.
SUSPICIOUS_AUC = 0.95
# The keys of ml.candidates.registry.CANDIDATES, which imports what fits them.
CandidateName = Literal[
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "gradient_boosted_trees",
    "histogram_boosting",
    "extreme_boosting",
    "bagged_boosting",
    "neural_additive",
]


class SearchRule(Section):
    """How long to look for better hyper-parameters; see models/search.py. No trials, no search."""

    trials: int = Field(0, ge=0)
    seconds: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.seconds is not None and not self.trials:
            raise ValueError(
                "search.seconds without search.trials searches nothing: give the most trials, too"
            )
        return self


class Training(Section):
    """How a model is trained and judged."""

    candidates: list[CandidateName] = Field(min_length=1)
    engine: Literal["auto", "local", "spark"] = "auto"
    validation_cohorts: int = Field(2, ge=1)
    memory_cohorts: list[Annotated[int, Field(ge=1)]] = Field([8, 4, 2, 1])
    search: SearchRule = SearchRule()
    ensemble_margin: float = Field(0.002, ge=0, le=1)
    capacity: Share = 0.1
    single_feature_auc_limit: float = Field(SUSPICIOUS_AUC, gt=0.5, le=1)
    row_limit: int = Field(500_000, ge=1000, le=2_000_000)
    seed: int = 7


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


class TreatedRule(Section):
    """Which rows of a treatment source mean that a customer was treated; all of them without `column`."""

    source: str
    column: str | None = None
    values: list[str] = Field([])


class Monitoring(Section):
    """What monitoring needs to know."""

    treated: list[TreatedRule] = Field([])
