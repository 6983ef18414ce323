"""The section `alerts` of churn.yaml: which changes of a customer are told, to whom, how often and when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from churn_assets.contracts.channels import ChannelLine, Topic
from churn_assets.contracts.crm import CrmLine, check_crm
from churn_assets.contracts.daily import Daily
from churn_assets.contracts.expressions import mistakes_in
from churn_assets.contracts.features import Features
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Distinct, Name, Section, Share
from churn_assets.contracts.segments import When
from churn_assets.contracts.validation import peek
from churn_assets.contracts.words import closest, listed

TOPIC: Topic = "alerts"
USUAL_RISE = 0.05  # what counts as a rise where no rule says so
# States of an alert.
NEW, DELIVERED, ACKNOWLEDGED, SUPPRESSED = "new", "delivered", "acknowledged", "suppressed"
CHANGES = ("rose", "entered", "driver", "sql")  # the keys of a rule that name a change


class QuietHours(Section):
    """Hours of the day in which no alert is delivered; they wait."""

    start: int = Field(ge=0, le=23, description="hour (UTC) from which no alert is delivered")
    end: int = Field(
        ge=0, le=23, description="hour (UTC) from which they are delivered again; may be less than `start`"
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours that end when they begin are none, or all; remove them")
        return self


class AlertRule(Section):
    """A change of a customer that is worth an alert: exactly one of `rose`, `entered`, `driver` and `sql`."""

    name: Name = Field(description="what the rule is called; small letters, digits and `_`")
    rose: Share | None = Field(
        None,
        description="the probability rose by this much, as a share: 0.15 is 15 points. Both days by one model",
    )
    within_days: int = Field(
        7, ge=1, le=31, description="for `rose`: within so many days; less than `daily.keep_days`"
    )
    entered: Literal["high", "elevated"] | None = Field(
        None, description="the customer entered this tier of risk from a lower one"
    )
    driver: str | None = Field(
        None, description="this driver became the main one: the group of features that raises the risk most"
    )
    sql: str | None = Field(
        None,
        min_length=1,
        description="SQL condition over the features that became true, such as `tickets_open_count_3m >= 3`",
    )
    when: When = When()
    action: str | None = Field(
        None,
        min_length=1,
        description="what to do about a customer whose segment recommends no contact; without it, these are not told",
    )
    channels: Annotated[list[Name], Distinct] = Field(
        [], description="the channels that are told; default: all that have the topic `alerts`"
    )
    cap: int | None = Field(
        None, ge=1, description="alerts of this rule that are told in a day, at most; default: `alerts.cap`"
    )
    cool_down_days: int | None = Field(
        None, ge=0, description="overrides `alerts.cool_down_days` for this rule; 0: no cool-down"
    )

    @property
    def change(self) -> str:
        """Which key names the change."""
        return next((key for key in CHANGES if getattr(self, key) is not None), "")

    @property
    def by_model(self) -> bool:
        """Whether the change is one of the score, so that a new model could make it alone."""
        return self.change != "sql"

    def check(self, place: Place, features: Features, channels: list[ChannelLine], daily: Daily) -> None:
        """Checks that the rule names one change, and what exists."""
        given = [key for key in CHANGES if getattr(self, key) is not None]
        if not given:
            place.refuse("the rule names no change", f"add one of {listed(CHANGES)}")
        elif len(given) > 1:
            place.at(given[1]).refuse(
                f"the rule names more than one change: {listed(given)}", "make a rule of each, or use `when`"
            )
        if "within_days" in self.model_fields_set and self.rose is None:
            place.at("within_days").refuse("only `rose` looks back", "remove it")
        elif self.rose is not None and self.within_days >= daily.keep_days:
            place.at("within_days").refuse(
                f"the scores of {self.within_days} days ago are not kept: daily.keep_days is {daily.keep_days}",
                "raise daily.keep_days, or look back less far",
            )
        for at, driver in [
            (("driver",), self.driver),
            *((("when", "driver", i), d) for i, d in enumerate(self.when.driver or [])),
        ]:
            if driver is not None:
                features.drivers.find(driver, place.at(*at), f"no feature has the driver {driver}")
        if self.sql is not None:
            names = ["tenure_days", *features.names.known]
            for wrong in mistakes_in(self.sql, names if features.names.complete else None):
                place.at("sql").refuse(*wrong)
            if why := features.why_no_condition(self.sql):
                place.at("sql").refuse(
                    f"{self.sql} is no condition: {why}", "write one, such as `tickets_open_count_3m >= 3`"
                )
        for position, name in enumerate(self.channels):
            _check_channel(name, place.at("channels", position), channels)

    def told_by(self, channels: Sequence[ChannelLine]) -> list[ChannelLine]:
        """The channels that tell alerts of this rule."""
        lines = [line for line in channels if TOPIC in line.topics]
        return [line for line in lines if not self.channels or line.name in self.channels]


def _check_channel(name: str, place: Place, channels: Sequence[ChannelLine]) -> None:
    line = next((line for line in channels if line.name == name), None)
    names = [line.name for line in channels]
    if line is None:
        remedy = f"use one of {listed(names)}" if names else "declare it under `channels`"
        place.refuse(f"there is no channel {name}", remedy, closest(name, names))
    elif TOPIC not in line.topics:
        place.refuse(f"the channel {name} tells no alerts", f"add {TOPIC} to its topics")


def _check_digests(quiet: QuietHours, place: Place, channels: Sequence[ChannelLine]) -> None:
    """Refuses quiet hours that last from the hour of a digest to midnight: it would wait for ever."""
    for line in channels:
        if line.kind != "email" or TOPIC not in line.topics:
            continue
        later = (datetime(2000, 1, 1, hour, tzinfo=UTC) for hour in range(line.digest_hour, 24))
        if all(is_quiet((quiet.start, quiet.end), hour) for hour in later):
            place.refuse(
                f"the channel {line.name} sends the alerts of a day from hour {line.digest_hour} on, and all hours "
                "from then to midnight are quiet, so it would never send any",
                f"set channels.digest_hour of {line.name} to an hour that is not quiet",
            )


class Alerts(Section):
    """The rules, and what holds for all of them."""

    rules: list[AlertRule] = Field([])
    cap: int = Field(
        20,
        ge=1,
        description="alerts that are told in a day, at most: the most important; the others are suppressed",
    )
    cool_down_days: int = Field(
        14,
        ge=0,
        description="days (0: none) after an alert in which nobody is told of the same customer again",
    )
    quiet_hours: QuietHours | None = None
    crm: list[CrmLine] = Field([])

    def cool_down(self, rule: AlertRule) -> int:
        """Days of cool-down of a rule."""
        return self.cool_down_days if rule.cool_down_days is None else rule.cool_down_days

    @property
    def rise(self) -> float:
        """What counts as a rise of the probability within a week: the least that a rule tells of."""
        return min((rule.rose for rule in self.rules if rule.rose is not None), default=USUAL_RISE)

    @property
    def quiet(self) -> tuple[int, int] | None:
        """First quiet hour and first one that is not, UTC."""
        return (self.quiet_hours.start, self.quiet_hours.end) if self.quiet_hours else None


def is_quiet(hours: tuple[int, int] | None, now: datetime) -> bool:
    """Whether a moment (UTC) lies in quiet hours, which may go over midnight."""
    if hours is None:
        return False
    start, end = hours
    return start <= now.hour < end if start < end else now.hour >= start or now.hour < end


def check_alerts(place: Place, features: Features, channels: Place, daily: Daily | None) -> None:
    """Checks each rule and each CRM by itself, that no two have one name, and the quiet hours."""
    lines = [line for item in channels.items() if (line := peek(ChannelLine, item)) is not None]
    names: set[str] = set()
    for item in place.at("rules").items():
        rule = peek(AlertRule, item)
        if rule is None:
            continue
        if rule.name in names:
            item.at("name").refuse(f"two rules are called {rule.name}", "give each a name of its own")
        names.add(rule.name)
        rule.check(item, features, lines, daily or Daily())
    hours = place.at("quiet_hours")
    if hours.content() is not None and (quiet := peek(QuietHours, hours)) is not None:
        _check_digests(quiet, hours, lines)
    check_crm(place.at("crm"))
