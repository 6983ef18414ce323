"""The section `eligibility` of churn.yaml: who gets a snapshot."""

from pydantic import Field

from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section


class Eligibility(Section):
    """Which customers get a snapshot; those without one are counted by reason.

    `active_within_days` (policy inactivity only) keeps customers with an event in `(as_of - days, as_of]`. Without it
    customers who left years ago get a snapshot every month; they are easy to predict, so a model looks too good.
    """

    min_tenure_days: int = Field(
        0,
        ge=0,
        description="days: a customer of fewer days gets no snapshot and is counted as `short_tenure`",
    )
    exclude_in_notice: bool = Field(
        True,
        description="a customer who has given notice, or whose end is known, gets no snapshot and is counted "
        "as `in_notice`",
    )
    active_within_days: int | None = Field(
        None,
        ge=1,
        description=(
            "days, for `inactivity`: a customer without an event in `(as_of - days, as_of]` gets no "
            "snapshot and is counted as `not_active`. Without this key, customers who left years ago "
            "are scored every month"
        ),
    )

    def check(self, place: Place, label: LabelRule) -> None:
        """Reports `active_within_days` under a label policy other than inactivity."""
        if self.active_within_days is not None and label.policy != "inactivity":
            place.at("active_within_days").refuse(
                f"under the policy {label.policy} a customer is active as long as a spell runs",
                "remove it",
            )
