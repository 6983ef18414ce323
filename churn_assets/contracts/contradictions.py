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
            "the largest share of the customers whose spell runs who may have left by an entity: former by the "
            "contract's `former`, or listed no more by a `full` extract; beyond it `severity` counts"
        ),
    )
    severity: Literal["warn", "block"] = Field(
        "block", description="what becomes of the month of the spells then; below the limit it is reported"
    )
