"""The section `training` of churn.yaml: how models are trained and evaluated."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.section import Distinct, Section, Share

# Churn is never this predictable: treat a higher ROC-AUC as a leak until somebody has checked.
SUSPICIOUS_AUC = 0.95
# The keys of ml.candidates.registry.CANDIDATES; importing it would load the code that fits them.
CandidateName = Literal[
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "gradient_boosted_trees",
    "histogram_boosting",
    "extreme_boosting",
    "stochastic_boosting",
    "deep_histogram_boosting",
    "deep_stochastic_boosting",
    "bagged_boosting",
    "neural_additive",
]


class SearchRule(Section):
    """Limits of the search for hyper-parameters; see ml/training/search.py. Without trials there is no search."""

    trials: int = Field(
        0,
        ge=0,
        description="the most settings to try for each candidate that can be searched; 0: no search",
    )
    seconds: float | None = Field(
        None, gt=0, description="seconds that the search of all candidates together may take; needs `trials`"
    )

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.seconds is not None and not self.trials:
            raise ValueError("search.seconds has no effect without search.trials: set search.trials, too")
        return self


class Training(Section):
    """How a model is trained and evaluated."""

    candidates: Annotated[list[CandidateName], Distinct] = Field(
        min_length=1,
        description=(
            "models to choose from: `logistic_regression`, `decision_tree`, `random_forest`, "
            "`gradient_boosted_trees`, `histogram_boosting`, `extreme_boosting`, `stochastic_boosting`, "
            "`deep_histogram_boosting`, `deep_stochastic_boosting`, `bagged_boosting`, "
            "`neural_additive`"
        ),
    )
    engine: Literal["auto", "local", "spark"] = Field(
        "auto",
        description=(
            "where to fit candidates that can be fitted on both engines: `local` (one machine), `spark`, or "
            "`auto` (one machine; with a Spark cluster, Spark from a million rows on)"
        ),
    )
    validation_cohorts: int = Field(
        2,
        ge=1,
        description="the number of cohorts for choosing and calibrating the model, between the training "
        "cohorts and the test cohort",
    )
    memory_cohorts: list[Annotated[int, Field(ge=1)]] = Field(
        [8, 4, 2, 1],
        description="besides all training cohorts, try to learn from only this many of the newest",
    )
    as_of_days: Annotated[list[Annotated[int, Field(ge=1, le=28)]], Distinct] = Field(
        [],
        description="besides the month ends, learn from snapshots as of these days of each month (1 to 28); models "
        "are still chosen, calibrated and tested on month ends",
    )
    search: SearchRule = SearchRule()
    ensemble_margin: float = Field(
        0.002,
        ge=0,
        le=1,
        description="how much higher the ROC-AUC of an ensemble must be than that of its best member, beyond "
        "chance; 1: never keep an ensemble",
    )
    capacity: Share = Field(
        0.1,
        description=(
            "the share of customers that a campaign can reach; precision, recall and profit are "
            "measured on them"
        ),
    )
    single_feature_auc_limit: float = Field(
        SUSPICIOUS_AUC,
        gt=0.5,
        le=1,
        description="a single feature with a higher ROC-AUC stops the training, because it is probably a leak",
    )
    row_limit: int = Field(
        500_000,
        ge=1000,
        le=2_000_000,
        description=(
            "the most training rows read into Python (1,000 to 2,000,000); beyond it, whole customers"
            " are sampled"
        ),
    )
    seed: int = Field(7, description="the seed of all random draws")
