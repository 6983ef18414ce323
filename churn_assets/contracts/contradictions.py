"""The section `contradictions` of churn.yaml: how far entities and spells may contradict each other."""

from typing import Literal

from pydantic import Field

from churn_assets.contracts.section import Section


class Contradictions(Section):
    """How many customers may have left by an entity while their spell runs; every month counts them."""

    max_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "the largest share of customers with a running spell whom an entity says to have left: a "
            "value of `former`, or missing from a `full` extract. Above it, `severity` applies"
        ),
    )
    severity: Literal["warn", "block"] = Field(
        "block",
        description="what happens to the month of the spells above `max_share`; up to it, the customers are "
        "only reported",
    )
