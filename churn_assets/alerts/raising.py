"""Raises the alerts of the newest day of current scores: finds changes, judges them, and makes their rows."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from churn_assets.alerts.changes import DAY, KEY, LIKE_WITHIN, READ, UNKNOWN, Days, changes, settled
from churn_assets.alerts.conditions import became_true
from churn_assets.alerts.delivery import BETWEEN
from churn_assets.alerts.importance import importance
from churn_assets.alerts.judging import judged
from churn_assets.alerts.messages import model_notice
from churn_assets.alerts.store import Row, alerts
from churn_assets.contracts.alerts import NEW, SUPPRESSED
from churn_assets.contracts.business import Business
from churn_assets.history.people import objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import tell
from churn_assets.operations.channels.outbox import Outbox

if TYPE_CHECKING:
    import pandas as pd

LATE_DAYS = 7  # a day that is computed again and lies further back is history, and nobody is told of it
COPIED = ("model_version", "probability", "reason_1", "reason_2", "reason_3", "action")
SCORES_READ = tuple(dict.fromkeys([*READ, *COPIED, "value", "segment"]))  # columns of scores/current_scores


@dataclass(frozen=True)
class Raised:
    """What the newest day brought.

    Attributes:
        days: the scores that were compared.
        rows: the changes that were found, with all that is known before they are judged.
        objected: customers of whom nothing is told, since they object to profiling.
    """

    days: Days
    rows: "pd.DataFrame"
    objected: int

    @property
    def moved(self) -> int:
        """Customers in another tier of risk than on the former day."""
        if self.days.before is None:
            return 0
        now, before = self.days.of(self.days.day)["risk_tier"], self.days.of(self.days.before)["risk_tier"]
        both = now.index.intersection(before.index)
        return int((now.loc[both] != before.loc[both]).sum())


def newest_scores(lakehouse: Lakehouse, business: Business, told: Iterable[date] = ()) -> Days | None:
    """The current scores that rules read, as of the newest day; None before the first one.

    Args:
        lakehouse: where they lie.
        business: its rules.
        told: days whose changes were told. The newest day is compared with the last of them that is still kept, so that
            what changed on a day whose alerts failed is told with the next one.
    """
    if not lakehouse.exists(tables.CURRENT_SCORES):
        return None
    known = lakehouse.slices(tables.CURRENT_SCORES, DAY)
    return _scores_of(lakehouse, business, told, known[-1]) if known else None


def days_read(business: Business, known: Iterable[date], day: date) -> list[date]:
    """Those of the days with current scores before a day that the alerts of the day can depend on."""
    earlier = sorted(d for d in known if d < day)
    if not earlier:
        return []
    first = earlier[-1] - timedelta(days=max(_days_back(business), LIKE_WITHIN))
    return [d for d in earlier if d >= first or d in earlier[-2:]]


def _days_back(business: Business) -> int:
    return max((r.within_days for r in business.file.alerts.rules if r.rose is not None), default=0)


def _scores_of(lakehouse: Lakehouse, business: Business, told: Iterable[date], day: date) -> Days:
    """The scores that rules read to judge a day."""
    known = [d for d in lakehouse.slices(tables.CURRENT_SCORES, DAY) if d <= day]
    compared = max((d for d in {*told}.intersection(known) if d < day), default=None)
    before = compared or max((d for d in known if d < day), default=day)
    # what a rule knew on the former day, and which model had scored the day before that
    wanted = [d for d in known if d >= before - timedelta(days=_days_back(business))] + [
        d for d in known if d < before
    ][-1:]

    def of(some: Iterable[date]) -> "pd.DataFrame":
        where: list[tuple[str, str, object]] = [(DAY, "in", sorted({*some}))]
        scores: pd.DataFrame = lakehouse.arrow(tables.CURRENT_SCORES, [*SCORES_READ], where).to_pandas()
        return scores

    days = Days(of(wanted), day, compared)
    older = [d for d in known if before - timedelta(days=LIKE_WITHIN) <= d < before and d not in wanted]
    found = None if days.like else _older_like(lakehouse, days, older)
    return Days(of([found, *wanted]), day, compared) if found else days


def _older_like(lakehouse: Lakehouse, days: Days, older: Sequence[date]) -> date | None:
    """The newest of some older days that is like the day to judge; None without one."""
    columns = [DAY, "model_version", UNKNOWN]
    for one in reversed(older):
        told = lakehouse.arrow(tables.CURRENT_SCORES, columns, [(DAY, "=", one)]).slice(0, 1)
        if days.is_like(told.to_pandas()):
            return one
    return None


def late_scores(
    lakehouse: Lakehouse, business: Business, told: Set[date], asked: date | None, newest: date
) -> Days | None:
    """The scores of a former day that was told and was computed again since; None if no such day is asked for.

    What a late file tells of that day is new, and the newest day is compared with what that day says now. So the day is
    judged again, unless it lies more than LATE_DAYS before the newest.
    """
    if asked is None or asked not in told or not newest - timedelta(days=LATE_DAYS) <= asked < newest:
        return None
    return _scores_of(lakehouse, business, told, asked)


def raise_alerts(lakehouse: Lakehouse, business: Business, days: Days) -> Raised:
    """The changes of the day, with what the customers of current scores have; nobody who objects to profiling."""
    import pandas as pd

    rules = business.file.alerts.rules
    found = changes(days, rules, _became_true(lakehouse, business, days))
    overdue = settled(days, rules, _held_back(lakehouse, days))
    if len(overdue):
        # if today's change is held back, it must not stand before one that is due
        held = found["held"].notna()
        ordered = [found[~held], overdue, found[held]]
        filled = [frame for frame in ordered if not frame.empty]
        found = pd.concat(filled, ignore_index=True).drop_duplicates([KEY, "rule"])
    objected = objections(lakehouse, business).keys if len(found) else frozenset[str]()
    told = found[~found[KEY].isin(list(objected))]
    scores = days.of(days.day)
    worth = importance(scores, business.file.economics).rename("importance")
    rows = told.merge(scores[[*COPIED, "segment"]].join(worth), left_on=KEY, right_index=True, how="left")
    rows = _with_action(rows.astype(object).where(rows.notna(), None), business)
    return Raised(days, rows, found[KEY].isin(list(objected)).sum())


def _held_back(lakehouse: Lakehouse, days: Days) -> list[Row]:
    """The suppressed alerts that could be due."""
    first = (days.before or days.day) - timedelta(days=LIKE_WITHIN)
    return alerts(lakehouse, [("state", "=", SUPPRESSED), ("as_of_date", ">=", first)])


def _with_action(rows: "pd.DataFrame", business: Business) -> "pd.DataFrame":
    """The rows with an action that is one: that of the rule where the segment recommends no contact.

    Where the rule has none, either, the alert is held back. The column `segment` goes.
    """
    actions = {rule.name: rule.action for rule in business.file.alerts.rules}
    quiet = {segment.name for segment in business.file.segments.rules if not segment.contact}
    silent = rows["segment"].isin(list(quiet))
    own = rows["rule"].map(actions).astype(object)
    why = "no contact: the segment " + rows["segment"].astype(object) + " recommends none"
    held = rows["held"].mask(silent & own.isna() & rows["held"].isna(), why)
    told = rows.assign(action=rows["action"].mask(silent & own.notna(), own), held=held)
    return told.drop(columns="segment")


def _became_true(lakehouse: Lakehouse, business: Business, days: Days) -> Mapping[str, Mapping[str, date]]:
    rules = business.file.alerts.rules
    if days.before is None or not any(rule.sql for rule in rules):
        return {}
    snapshots = lakehouse.read(tables.CURRENT_SNAPSHOT)
    return became_true(snapshots, rules, days.day, days.before)


def new_rows(
    raised: Raised, business: Business, former: Sequence[Row], outbox_id: str, now: datetime
) -> list[Row]:
    """The rows of alerts/risk_alerts that a day adds.

    Args:
        raised: the changes of the day.
        business: its rules and channels.
        former: the present rows of the table.
        outbox_id: the outbox that tells them.
        now: when they were found.
    """
    section, day = business.file.alerts, raised.days.day
    channels = {
        rule.name: BETWEEN.join(line.name for line in rule.told_by(business.file.channels))
        for rule in section.rules
    }
    rows = []
    for one in judged(raised.rows, section, day, former):
        told = channels[one["rule"]] if one["state"] == NEW else ""
        rows.append(
            {
                **one,
                "as_of_date": day,
                "channel": told or None,
                "outbox": outbox_id if told else None,
                "created_at": now,
            }
        )
    return rows


def tell_new_model(raised: Raised, business: Business, outbox: Outbox, now: datetime) -> int:
    """Queues the one notice of a changed model for the channels of the rules; returns how many messages are new."""
    days, section = raised.days, business.file.alerts
    before = days.before
    if before is None or not days.model_changed:
        return 0
    names = {line.name for rule in section.rules for line in rule.told_by(business.file.channels)}
    lines = [line for line in business.file.channels if line.name in names]
    versions = (str(days.version(before)), str(days.version(days.day)))
    told = model_notice(days.day, before, versions, raised.moved, now, section.quiet)
    return tell(outbox, lines, [told])
