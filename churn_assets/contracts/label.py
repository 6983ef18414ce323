"""The section `label` of churn.yaml: the source and the rule that decide who churned."""

from typing import Literal

from pydantic import Field

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.source import Source
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.windows import Windows


class LabelRule(Section):
    """The definition of churn. A new spell within `renewal_days` of the end means that the customer stayed."""

    policy: Literal["cancellation", "lapse", "inactivity"] = Field(
        description=(
            "`cancellation` (a spell ends by choice in the outcome window), `lapse` (it expires and "
            "is not renewed), `inactivity` (no event in it)"
        )
    )
    source: str = Field(
        description="the source that tells who left: a spell source; for `inactivity`, a source of events or "
        "treatments"
    )
    where: str | None = Field(
        None,
        description=(
            "for `inactivity`: SQL condition on the events that count, such as `quantity > 0` where a return"
            " is no purchase"
        ),
    )
    renewal_days: int = Field(
        0,
        ge=0,
        description=(
            "days: a customer who starts a new spell within this many days of the end has stayed. 0 "
            "counts as 1, because an end is the last day. At most `windows.settlement_days`; not used"
            " by `inactivity`"
        ),
    )

    @property
    def pause_days(self) -> int:
        """Days after the end of a spell: a new spell that starts within them means that the customer stayed.

        At least 1: the end is the last day of a spell, so a spell that starts the next day continues it.
        """
        return max(1, self.renewal_days)

    @property
    def rule(self) -> str:
        """The policy and its condition: `inactivity where quantity > 0`."""
        return f"{self.policy} where {self.where}" if self.where else self.policy

    def check(self, place: Place, sources: Sources, windows: Windows | None) -> Source | None:
        """Checks the rule and returns the source that it reads; None if it is unknown or has the wrong role."""
        if windows and self.policy != "inactivity" and self.pause_days > windows.settlement_days:
            place.at("renewal_days").refuse(
                "a renewal may come after the label is settled",
                f"raise windows.settlement_days to {self.pause_days} or more",
            )
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return None
        wanted = ("event", "treatment") if self.policy == "inactivity" else ("spell",)
        if source.role not in wanted:
            place.at("source").refuse(
                f"the policy {self.policy} cannot read {source.name}, a source of role {source.role}",
                f"name a source of role {' or '.join(wanted)}",
            )
            return None
        if self.where is not None and self.policy != "inactivity":
            place.at("where").refuse(f"the policy {self.policy} reads no events", "remove it")
        elif self.where is not None:
            sources.check_where(self.where, source, place.at("where"))
        if self.policy == "lapse" and source.spell and source.spell.expires_on is None:
            place.at("policy").refuse("the policy lapse needs spell.expiresOn in the contract")
        return source
