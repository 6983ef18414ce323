"""The section `windows` of churn.yaml: the days that features read, and the days that decide the label."""

from pydantic import Field

from churn_assets.contracts.section import Section


class Windows(Section):
    """Left-open, right-closed, whole days UTC: `(as_of - W, as_of]`, gap G, outcome H, settlement lag."""

    observation_months: int = Field(
        6,
        ge=1,
        le=36,
        description=("W, months (1 to 36): the longest window of a feature, `(as_of - W, as_of]`"),
    )
    gap_days: int = Field(
        7,
        ge=0,
        description=(
            "G, days: the time that a campaign needs to act; customers who leave in it get no label"
        ),
    )
    outcome_days: int = Field(
        30, ge=1, description="H, days: the outcome window is `(as_of + G, as_of + G + H]`"
    )
    settlement_days: int = Field(
        3,
        ge=0,
        description="days to wait after the outcome window; the first extract after that settles the labels",
    )

    @property
    def maturity_days(self) -> int:
        """Days from as_of_date to the earliest label_available_at (G + H + settlement lag)."""
        return self.gap_days + self.outcome_days + self.settlement_days

    @property
    def embargo_days(self) -> int:
        """Days from as_of_date to the end of the outcome window (G + H)."""
        return self.gap_days + self.outcome_days
