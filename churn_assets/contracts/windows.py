"""The section `windows` of churn.yaml: the days that features read, and the days that decide the label."""

from pydantic import Field

from churn_assets.contracts.section import Section


class Windows(Section):
    """Left-open, right-closed, whole days UTC: `(as_of - W, as_of]`, gap G, outcome H, settlement lag."""

    observation_months: int = Field(
        6,
        ge=1,
        le=36,
        description=(
            "W, months (1 to 36): features look at `(as_of - W, as_of]`; no window of a feature is longer"
        ),
    )
    gap_days: int = Field(
        7,
        ge=0,
        description=(
            "G, days: the time a campaign needs to act; who leaves in it is neither positive nor negative"
        ),
    )
    outcome_days: int = Field(
        30, ge=1, description="H, days: the outcome window is `(as_of + G, as_of + G + H]`"
    )
    settlement_days: int = Field(
        3, ge=0, description="days after the outcome window from which on an extract settles its labels"
    )

    @property
    def maturity_days(self) -> int:
        """Days from as_of_date to the earliest label_available_at (G + H + settlement lag)."""
        return self.gap_days + self.outcome_days + self.settlement_days

    @property
    def embargo_days(self) -> int:
        """Days from as_of_date to the end of the outcome window (G + H)."""
        return self.gap_days + self.outcome_days
