"""The section `eligibility` of churn.yaml: who gets a snapshot."""

from pydantic import Field

from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section


class Eligibility(Section):
    """Who gets a snapshot; everybody left out is counted by reason.

    `active_within_days`, for the policy inactivity: only who did something in `(as_of - so many days, as_of]`. Without
    it those who left years ago are asked again every month, and a model looks good that finds them.
    """

    min_tenure_days: int = Field(0, ge=0)
    exclude_in_notice: bool = True
    active_within_days: int | None = Field(None, ge=1)

    def check(self, place: Place, label: LabelRule) -> None:
        """Checks that the conditions go with the policy of the label."""
        if self.active_within_days is not None and label.policy != "inactivity":
            place.at("active_within_days").refuse(
                f"under the policy {label.policy} a customer is active as long as a spell runs",
                "remove it",
            )
