"""The section `training` of churn.yaml: how models are trained and judged."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Distinct, Section, Share

# The keys of models.candidates.CANDIDATES, which imports what fits them.
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

    candidates: Annotated[list[CandidateName], Distinct] = Field(min_length=1)
    engine: Literal["auto", "local", "spark"] = "auto"
    validation_cohorts: int = Field(2, ge=1)
    memory_cohorts: list[Annotated[int, Field(ge=1)]] = Field([8, 4, 2, 1])
    search: SearchRule = SearchRule()
    ensemble_margin: float = Field(0.002, ge=0, le=1)
    capacity: Share = 0.1
    single_feature_auc_limit: float = Field(0.95, gt=0.5, le=1)
    row_limit: int = Field(500_000, ge=1000, le=2_000_000)
    seed: int = 7
