"""The section `people` of churn.yaml: customers who disappear, and the limits of the balance of people."""

from typing import Literal

from pydantic import Field

from churn_assets.contracts.section import Section


class People(Section):
    """What it means that a customer disappears, and how many may be unaccounted for in a month.

    A customer disappears when no source that delivers everything lists them any more, though no end was told.
    """

    disappeared: Literal["censored", "churn"] = Field(
        "censored",
        description=(
            "how to label a customer who is missing from all `full` extracts without an end: "
            "`censored` (unknown, no label) or `churn` (left on the day of the first extract without "
            "the customer)"
        ),
    )
    max_disappeared_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="the largest share of a month's customers that may disappear; above it, `people.severity` applies",
    )
    max_unknown_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description=(
            "the largest share of a month's customers whose state may be unknown because their newest"
            " row was refused; above it, `people.severity` applies"
        ),
    )
    severity: Literal["warn", "block"] = Field(
        "warn",
        description=(
            "what happens above these limits: `warn` reports the month, `block` fails its balance of people, and so "
            "its monthly page"
        ),
    )
