"""The section `campaigns` of churn.yaml: the budget of a month, who is left alone, and what past contacts tell."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from churn_assets.contracts.crm import CrmLine
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.features import Features
from churn_assets.contracts.monitoring import Monitoring, TreatedRule
from churn_assets.contracts.offers import Offers
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.section import Distinct, Name, Section
from churn_assets.contracts.source import Column
from churn_assets.contracts.sources import Sources, check_values
from churn_assets.contracts.validation import peek
from churn_assets.contracts.words import closest, listed

LISTED = (
    "campaign_id",
    "offer",
    "offer_words",
    "channel",
    "arm",
    "use_until",
)  # what a CRM is given of a list


def _has_control(share: float) -> float:
    if share == 0:
        raise ValueError(
            "without a holdout there is no control arm, and nobody can tell what a campaign earned; write 0.1"
        )
    return share


class ContactLine(Section):
    """One source of contacts with offers; which of its rows are contacts stands under `monitoring.treated`."""

    source: str = Field(description="a source of `monitoring.treated` that tells offers or acceptance")
    campaign: str | None = Field(
        None, description="its column with the campaign; arms are compared within a campaign"
    )
    offer: str | None = Field(
        None, description="its column with the name of the offer; without it, its rows only count as contacts"
    )
    control: Annotated[list[str], Distinct] = Field(
        [],
        description="values of the column under `monitoring.treated` that mean: chosen, but left alone at random. "
        "Without them the source measures no effect",
    )
    accepted: str | None = Field(None, description="its column that tells whether the customer accepted")
    accepted_values: Annotated[list[str], Distinct] = Field(
        [], description="the values that mean accepted; of a column of true and false: none"
    )

    def check(self, place: Place, sources: Sources, treated: Sequence[TreatedRule]) -> None:
        """Checks the line against its source and against `monitoring.treated`."""
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return
        rule = next((rule for rule in treated if rule.source == source.name), None)
        if rule is None:
            place.at("source").refuse(
                f"monitoring.treated does not say which rows of {source.name} are contacts",
                "add the source there",
            )
            return
        columns = {
            key: sources.attribute(source, name, place.at(key))
            for key in ("campaign", "offer", "accepted")
            if (name := getattr(self, key)) is not None
        }
        if self.control:
            arm = source.attribute(rule.column)
            if rule.column is None:
                place.at("control").refuse(
                    f"without a column every row of {source.name} is a contact, so none is a control",
                    "name the column and its values under monitoring.treated",
                )
            elif twice := [value for value in self.control if value in rule.values]:
                place.at("control").refuse(
                    f"{twice[0]} means contacted under monitoring.treated", "remove it"
                )
            elif arm is not None:
                check_values(arm, self.control, place.at("control"))
        self._check_accepted(place, columns)

    def _check_accepted(self, place: Place, columns: Mapping[str, Column | None]) -> None:
        column = columns.get("accepted")
        kind = column.type if column is not None else None
        if self.accepted is None and self.accepted_values:
            place.at("accepted_values").refuse("no column has these values", "name it in `accepted`")
        elif kind == "boolean" and self.accepted_values:
            place.at("accepted_values").refuse("true means accepted", "remove the values")
        elif kind is not None and kind != "boolean" and not self.accepted_values:
            place.at("accepted").refuse(
                "nobody knows which values mean accepted", "name them in `accepted_values`"
            )


class ChannelCapacity(Section):
    """How many customers can be contacted over one channel; a channel that is not named has no limit."""

    channel: Name = Field(description="a channel of an offer")
    contacts: int = Field(ge=0, description="the most customers who can be contacted over it in a month")


class ReachLine(Section):
    """By which column of the customers a channel reaches them."""

    channel: Name = Field(description="a channel of an offer")
    column: str = Field(
        description="the `contact` column of an entity that a contact over this channel needs, such as `phone`"
    )


class ListPush(Section):
    """A CRM that is given the lists of approved campaigns."""

    crm: Name = Field(description="the name of an item under `alerts.crm`, which says how it is reached")
    fields: dict[str, str] = Field(
        min_length=1,
        description="field of the CRM -> what it is given: `campaign_id`, `offer`, `offer_words`, `channel`, `arm` or "
        "`use_until`",
    )


class Campaigns(Section):
    """How a month's campaign is planned; money in the currency of the business."""

    name: Name = Field(
        "retention",
        description="what campaigns are called: that of June 2026 is `<name>-2026-06`. Another name draws another "
        "holdout",
    )
    budget: float = Field(gt=0, description="the most that a month's campaign may be expected to cost")
    capacity: list[ChannelCapacity] = Field([])
    holdout: Annotated[float, Field(ge=0, lt=1), AfterValidator(_has_control)] = Field(
        0.1,
        description="the share of the customers who may be contacted that is left alone at random, equally in all "
        "tiers of risk and value: the control arm",
    )
    holdout_months: int = Field(
        6,
        ge=1,
        le=60,
        description="months of a holdout, counted from January of year 0 (6: January to June and July to December); "
        "then it is drawn anew",
    )
    exploration: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="the share of budget and capacity that goes to customers and offers at random, so that the effect "
        "of every offer stays measurable; at most this share of the customers",
    )
    minimum_profit: float = Field(
        0.0, ge=0, description="the least expected profit of a planned contact; exploration excepted"
    )
    exclude: Annotated[list[str], Distinct] = Field(
        [],
        description="features that exclude a customer while they are true or above 0, such as an open dispute",
    )
    seed: int = Field(7, ge=0, description="the seed of the draws of holdout and exploration")
    list_days: int = Field(
        14, ge=1, description="days for which an exported list may be used; then it is deleted"
    )
    reach: list[ReachLine] = Field(
        [],
        description="the column that each channel needs; a list with names leaves out who has nothing there. A channel "
        "that is not named reaches everybody who has any `contact` column",
    )
    crm: list[ListPush] = Field([])
    contacts: list[ContactLine] = Field([])

    @property
    def has_control(self) -> bool:
        """Whether a source of contacts tells offers and who was left alone at random."""
        return any(line.control and line.offer for line in self.contacts)

    def check(self, place: Place, offers: Offers, features: Features, sources: Sources) -> None:
        """Checks the settings against the offers, the features and their sources."""
        cheapest = min((offer.contact_cost for offer in offers.lines), default=0.0)
        if self.budget < cheapest and offers.complete:
            place.at("budget").refuse(
                f"a budget of {self.budget:g} is below the cheapest contact, {cheapest:g}: nobody could be contacted",
                "raise it",
            )
        used = Names(tuple(dict.fromkeys(offer.channel for offer in offers.lines)), offers.complete)
        limited: set[str] = set()
        for position, limit in enumerate(self.capacity):
            here = place.at("capacity", position, "channel")
            used.find(limit.channel, here, f"no offer uses the channel {limit.channel}")
            if limit.channel in limited:
                here.refuse(f"{limit.channel} has two capacities", "remove one")
            limited.add(limit.channel)
        self._check_reach(place, used, sources)
        for position, name in enumerate(self.exclude):
            here = place.at("exclude", position)
            found = features.names.find(name, here, f"there is no feature {name}")
            feature = next((f for f in features.all if f.name == found), None)
            if feature is not None and not _is_countable(feature, sources):
                here.refuse(
                    f"{feature.name} is a category, which is neither true nor above 0",
                    "name a number or a column of true and false",
                )

    def _check_reach(self, place: Place, channels: Names, sources: Sources) -> None:
        """Checks that each channel is used, is named once, and is reached by a `contact` column."""
        columns = Names(
            tuple(dict.fromkeys(name for source in sources.all for name in source.reach.contact)),
            complete=len(sources.all) == len(sources.contracts),
        )
        named: set[str] = set()
        for position, line in enumerate(self.reach):
            here = place.at("reach", position)
            channels.find(line.channel, here.at("channel"), f"no offer uses the channel {line.channel}")
            if line.channel in named:
                here.at("channel").refuse(f"{line.channel} has two columns", "remove one")
            named.add(line.channel)
            columns.find(line.column, here.at("column"), f"no contract has a `contact` column {line.column}")


def _is_countable(feature: Feature, sources: Sources) -> bool:
    source = next((s for s in sources.all if s.name == feature.source), None)
    column = source.attribute(feature.column) if source is not None else None
    return feature.kind == "number" or (column is not None and column.type == "boolean")


def check_campaigns(top: Place, sources: Sources, offers: Offers, features: Features) -> None:
    """Checks the section, its contacts, and that there is something to offer.

    Args:
        top: of churn.yaml.
        sources: all sources.
        offers: see `check_offers`.
        features: those of churn.yaml.
    """
    place = top.at("campaigns")
    if place.content() is None:
        if offers.lines:
            top.at("offers").refuse("no campaign can make these offers", "add `campaigns` with a `budget`")
        return
    if not top.at("offers").content():
        place.refuse("a campaign needs something to offer", "declare it under `offers`")
    if (section := peek(Campaigns, place)) is not None:
        section.check(place, offers, features, sources)
    _check_crm(top)
    told = peek(Monitoring, top.at("monitoring"))
    for item in place.at("contacts").items():
        line = peek(ContactLine, item)
        if line is not None and told is not None:
            line.check(item, sources, told.treated)


def _check_crm(top: Place) -> None:
    """Checks that each CRM is declared under `alerts.crm`, is named once, and is given columns of a list."""
    lines = [peek(CrmLine, item) for item in top.at("alerts", "crm").items()]
    known = Names(tuple(line.name for line in lines if line), complete=all(lines))
    named: set[str] = set()
    for item in top.at("campaigns", "crm").items():
        push = peek(ListPush, item)
        if push is None:
            continue
        known.find(push.crm, item.at("crm"), f"alerts.crm declares no CRM {push.crm}")
        if push.crm in named:
            item.at("crm").refuse(f"{push.crm} is declared twice", "remove one")
        named.add(push.crm)
        for field, column in push.fields.items():
            if column not in LISTED:
                item.at("fields", field).refuse(
                    f"a list has no {column}", f"use one of {listed(LISTED)}", closest(column, LISTED)
                )
