"""The section `merges` of churn.yaml: how many merged customers may be without a valid survivor."""

from typing import Literal

from pydantic import Field

from churn_assets.contracts.section import Section


class Merges(Section):
    """How many of the merges known at the end of a month, of any age, may have no valid survivor."""

    max_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "the largest share of merged customers whose merge has no valid survivor: a cycle, a survivor without a "
            "row, or a refused row. Above it, `severity` applies"
        ),
    )
    severity: Literal["warn", "block"] = Field(
        "warn",
        description="what happens to the month of the entity above `max_share`; up to it, the customers are "
        "only reported",
    )
