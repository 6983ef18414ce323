"""Decides which changes are told and which are suppressed, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from churn_assets.alerts.changes import UNLIKE
from churn_assets.contracts.alerts import NEW, SUPPRESSED, AlertRule, Alerts

if TYPE_CHECKING:
    import pandas as pd


def alert_id(day: date, rule: str, customer_key: str) -> str:
    """The id of an alert: the same change always has the same."""
    return sha256(f"{day}\n{rule}\n{customer_key}".encode()).hexdigest()[:16]


@dataclass
class _Told:
    """What was told so far: the newest alert of each customer, how many of the day, and what was found before.

    Attributes:
        newest: customer_key -> day and rule of the newest alert.
        by_rule: alerts of the day.
        found: rule and customer -> the newest day on which the rule found the customer, told or not.
    """

    newest: dict[str, tuple[date, str]] = field(default_factory=dict)
    by_rule: Counter[str] = field(default_factory=Counter)
    found: dict[tuple[str, str], date] = field(default_factory=dict)

    def add(self, customer_key: str, rule: str, day: date, today: date) -> None:
        self.newest[customer_key] = max((day, rule), self.newest.get(customer_key, (day, rule)))
        if day == today:
            self.by_rule[rule] += 1


def judged(
    found: "pd.DataFrame", alerts: Alerts, day: date, former: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The new alerts of a day, with alert_id, state and why, the most important first.

    An alert that was found earlier that day stays as it is, and is not returned. Nor is a change that its rule has
    found since the day compared with: it is the same one, seen from a later day.

    Args:
        found: the changes of the day with customer_key, rule, compared_with, importance, held (why it is not told;
            None: nothing speaks against it) and whatever else a row has.
        alerts: the section of churn.yaml.
        day: the as_of_date.
        former: earlier alerts: alert_id, customer_key, rule, as_of_date, state and why.
    """
    told, known = _Told(), set[str]()
    for row in former:
        known.add(row["alert_id"])
        if row["state"] != SUPPRESSED:
            told.add(row["customer_key"], row["rule"], row["as_of_date"], day)
        if row["as_of_date"] < day and not (row["why"] or "").startswith(UNLIKE):
            rule = (row["rule"], row["customer_key"])
            told.found[rule] = max(row["as_of_date"], told.found.get(rule, date.min))
    rules = {rule.name: rule for rule in alerts.rules}
    new = []
    for row in _in_order(found, alerts.rules):
        one = alert_id(day, row["rule"], row["customer_key"])
        since = told.found.get((row["rule"], row["customer_key"]), date.min)
        if one in known or since > row["compared_with"]:
            continue
        why = row.pop("held") or _why_not(row, rules[row["rule"]], alerts, day, told)
        if why is None:
            told.add(row["customer_key"], row["rule"], day, day)
        new.append({**row, "alert_id": one, "state": SUPPRESSED if why else NEW, "why": why})
    return new


def _in_order(found: "pd.DataFrame", rules: Sequence[AlertRule]) -> list[dict[str, Any]]:
    """The most important first; of one customer in the order of the rules."""
    place = {rule.name: number for number, rule in enumerate(rules)}
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in found.to_dict("records")
    ]
    return sorted(rows, key=lambda row: (-row["importance"], row["customer_key"], place[row["rule"]]))


def _why_not(row: Mapping[str, Any], rule: AlertRule, alerts: Alerts, day: date, told: _Told) -> str | None:
    """Why a change is not told; None if it is."""
    last = told.newest.get(row["customer_key"])
    if last is not None and abs((day - last[0]).days) < alerts.cool_down(rule):
        return f"cool-down: {last[1]} told of the customer on {last[0]}"
    if rule.cap is not None and told.by_rule[rule.name] >= rule.cap:
        return f"cap: {rule.name} tells {rule.cap} a day"
    if told.by_rule.total() >= alerts.cap:
        return f"cap: {alerts.cap} are told a day"
    return None
