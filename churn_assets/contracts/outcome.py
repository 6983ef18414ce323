"""What churn is: its windows, the rule that labels, and who is asked."""

from typing import Literal

from pydantic import Field

from churn_assets.contracts.section import Section


class Windows(Section):
    """Left-open, right-closed, whole days UTC: `(as_of - W, as_of]`, gap G, outcome H, settlement lag."""

    observation_months: int = Field(6, ge=1, le=36)
    gap_days: int = Field(7, ge=0)
    outcome_days: int = Field(30, ge=1)
    settlement_days: int = Field(3, ge=0)

    @property
    def maturity_days(self) -> int:
        """Days from as_of_date to the earliest label_available_at (G + H + settlement lag)."""
        return self.gap_days + self.outcome_days + self.settlement_days

    @property
    def embargo_days(self) -> int:
        """Days after an as_of_date whose outcome is not yet decided (G + H)."""
        return self.gap_days + self.outcome_days


class LabelRule(Section):
    """What churn is. `renewal_days`: a new spell within so many days of the end means the customer stayed."""

    policy: Literal["cancellation", "lapse", "inactivity"]
    source: str
    renewal_days: int = Field(0, ge=0)

    @property
    def pause_days(self) -> int:
        """Days from the end of a spell to the start of the next within which nobody has left.

        One at the least: an end is the last day, so who goes on the next day has changed over.
        """
        return max(1, self.renewal_days)


class Eligibility(Section):
    """Who gets a snapshot; everybody left out is counted by reason.

    `active_within_days`, for the policy inactivity: only who did something in `(as_of - so many days, as_of]`. Without
    it those who left years ago are asked again every month, and a model looks good that finds them.
    """

    min_tenure_days: int = Field(0, ge=0)
    exclude_in_notice: bool = True
    active_within_days: int | None = Field(None, ge=1)
