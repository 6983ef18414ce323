"""The section `daily` of churn.yaml: the scores of every day between month ends."""

from pydantic import Field

from churn_assets.contracts.section import Section


class Daily(Section):
    """How long the tables of the job `daily` keep a day."""

    keep_days: int = Field(
        35,
        ge=8,
        le=400,
        description=(
            "days (8 to 400) that `features/current_snapshot` and `scores/current_scores` keep; a score is compared "
            "with that of a week before"
        ),
    )
