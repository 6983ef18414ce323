"""The work list: scored customers by filters, in an order, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from churn_assets.app.queries.campaign import planned_sql
from churn_assets.app.queries.contacts import NOTHING, Fresh, quoted, told_by, touched
from churn_assets.app.queries.morning import scored_sql, snapshots_of
from churn_assets.app.queries.segments import NEW
from churn_assets.app.queries.value import customer_value
from churn_assets.app.store import ReleaseStore
from churn_assets.reporting.words import short

if TYPE_CHECKING:
    import pandas as pd

RECENT_DAYS = 30  # a contact so long before the day of the scores, or since, is a recent one
NOT_KNOWN = "(not known)"
MOST_VALUES = 200  # of a category that can be chosen from
# what the list can be sorted by -> what people read
ORDERS = {
    "first": "who to call first",
    "stake": "probability times value",
    "probability": "probability",
    "rise": "rise since the last month",
    "value": "value",
    "key": "customer key",
}
# the same, where the list is that of this morning
ORDERS_OF_THE_MORNING = ORDERS | {
    "rise": "rise since the last month end",
    "week": "rise since 7 days before",
    "day": "rise since the day before",
}
_BY = {
    "first": "(recommended AND recent IS NULL) DESC, stake DESC NULLS LAST, probability DESC",
    "stake": "stake DESC NULLS LAST, probability DESC",
    "probability": "probability DESC",
    "rise": "rise DESC NULLS LAST, probability DESC",
    "week": "change_week DESC NULLS LAST, probability DESC",
    "day": "change_day DESC NULLS LAST, probability DESC",
    "value": "value DESC NULLS LAST, probability DESC",
    "key": "customer_key",
}
_NAMED = {"risk": "risk_tier", "value": "value_tier", "segment": "segment", "driver": "driver"}


@dataclass(frozen=True)
class Move:
    """Customers who were in one segment on a day, and in another on a later day.

    Attributes:
        was, now: names of the segments; `was` may be `NEW`: not scored then.
        before, day: the two scored days.
    """

    was: str
    now: str
    before: date
    day: date


@dataclass(frozen=True)
class Filters:
    """Which customers are shown; an empty filter lets everybody through.

    Attributes:
        risk, value, segment, driver: names, as in the release.
        contacted: "yes": recently, "no": not recently; None: both.
        recommended: only whom their segment recommends to contact.
        categories: feature of the snapshot -> its values.
        ranges: numeric feature of the snapshot -> lowest and highest value.
        move: only who made this move.
    """

    risk: Sequence[str] = ()
    value: Sequence[str] = ()
    segment: Sequence[str] = ()
    driver: Sequence[str] = ()
    contacted: str | None = None
    recommended: bool = False
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    move: Move | None = None


@dataclass(frozen=True)
class WorkList:
    """A page of the list.

    `rows` has the columns customer_key, probability, change_day, change_week, change_month_end, moved_reason, behind
    (all five null unless the list is that of this morning), days (probabilities of the newest days, oldest first),
    history (by month, oldest first), rise, reason (in short), reasons (whole), driver, segment, action, risk_tier,
    value_tier, worth (the value, per month where it can be), planned_arm and planned_offer (of the newest campaign;
    null without one), last_contact, outcome.
    """

    total: int
    rows: "pd.DataFrame"


@dataclass(frozen=True)
class Attribute:
    """A feature of the snapshot that the list can be filtered by."""

    name: str
    words: str
    is_number: bool


def orders(store: ReleaseStore) -> dict[str, str]:
    """What the list can be sorted by -> what people read."""
    return ORDERS if store.morning is None else ORDERS_OF_THE_MORNING


def recommended_segments(store: ReleaseStore) -> list[str]:
    """Segments whose action is a contact."""
    rules = store.business.get("segments", {}).get("rules", [])
    return [rule["name"] for rule in rules if rule.get("contact", True)]


def recent_from(store: ReleaseStore) -> date:
    """From this day on a contact is a recent one."""
    return store.day - timedelta(days=RECENT_DAYS)


def contacts_known(store: ReleaseStore, found: Fresh) -> bool:
    """Whether anybody tells of contacts; else nobody knows who was contacted."""
    return bool(told_by(store)) or bool(found.made)


def choices(store: ReleaseStore, name: str) -> list[str]:
    """The values of a named filter, most customers first; of tiers, the highest first; of segments, as declared."""
    column = _NAMED[name]
    rows = store.rows(
        f"SELECT {column} AS value FROM ({scored_sql(store)}) WHERE {column} IS NOT NULL "
        "GROUP BY 1 ORDER BY count(*) DESC, 1"
    )
    there = [row["value"] for row in rows]
    rules = [rule["name"] for rule in store.business.get("segments", {}).get("rules", [])]
    order = {"segment": rules}.get(name, ["high", "elevated", "middle", "low"])
    return sorted(there, key=lambda v: order.index(v) if v in order else len(order))


def attributes(store: ReleaseStore) -> list[Attribute]:
    """The features that the snapshots hold: those in words (plan, region) first, each kind in declared order."""
    snapshots = snapshots_of(store)
    if snapshots is None:
        return []
    there = {row["column_name"] for row in store.rows(f"DESCRIBE {snapshots}")}
    words = [w.feature for w in store.release.words if w.feature.name in there]
    found = [Attribute(f.name, f.words, f.kind == "number") for f in words]
    return sorted(found, key=lambda attribute: attribute.is_number)


def values_of(store: ReleaseStore, attribute: Attribute) -> list[str]:
    """The values of a category, most customers first."""
    rows = store.rows(
        f"SELECT {_text(attribute.name)} AS value FROM {snapshots_of(store)} GROUP BY 1 "
        "ORDER BY count(*) DESC, 1 LIMIT ?",
        [MOST_VALUES],
    )
    return [row["value"] for row in rows]


def range_of(store: ReleaseStore, attribute: Attribute) -> tuple[float, float] | None:
    """Lowest and highest value of a number; None if nobody has a value."""
    [row] = store.rows(
        f"SELECT min({quoted(attribute.name)})::DOUBLE AS low, max({quoted(attribute.name)})::DOUBLE AS high "
        f"FROM {snapshots_of(store)} WHERE isfinite({quoted(attribute.name)}::DOUBLE)"
    )
    return None if row["low"] is None else (row["low"], row["high"])


def work_list(
    store: ReleaseStore,
    filters: Filters,
    *,
    order: str = "first",
    page: int = 1,
    size: int = 25,
    found: Fresh = NOTHING,
) -> WorkList:
    """A page of the customers that the filters let through."""
    base, values = _base(store, filters, order, found)
    value = customer_value(store)
    worth = value.sql if value else "value"
    [count] = store.rows(f"{base} SELECT count(*) AS n FROM chosen", values)
    rows = store.frame(
        f"{base} SELECT * EXCLUDE (recommended, stake, recent, rise, value), {worth} AS worth FROM chosen "
        f"ORDER BY {_BY[order]}, customer_key LIMIT ? OFFSET ?",
        [*values, size, size * (page - 1)],
    )
    return WorkList(int(count["n"]), _completed(store, rows, found))


def _base(store: ReleaseStore, filters: Filters, order: str, found: Fresh) -> tuple[str, list[Any]]:
    """The CTE `chosen` and those that it is made of, with their parameters."""
    contacts, values = touched(store, found)
    conditions, wanted = _conditions(store, filters)
    joins = [
        "LEFT JOIN recently USING (customer_key)",
        f"LEFT JOIN ({planned_sql(store)}) USING (customer_key)",
    ]
    if filters.categories or filters.ranges:
        joins.append(f"JOIN {snapshots_of(store)} s USING (customer_key)")
    rise = "c.change_month_end"
    if store.morning is None and order == "rise" and store.has("scores"):
        joins.append("LEFT JOIN earlier e USING (customer_key)")
        rise = "c.probability - e.probability"
    sql = f"""
        WITH recently AS (
          SELECT customer_key, max(happened_on) AS recent FROM ({contacts})
          WHERE happened_on >= ?::DATE GROUP BY customer_key
        ), {_earlier(store)}, chosen AS (
          SELECT c.customer_key, c.probability, c.change_day, c.change_week, c.change_month_end, c.moved_reason,
            c.behind, {rise} AS rise, c.driver, c.segment, c.action, c.risk_tier,
            c.value_tier, c.value, c.reason_1, c.reason_2, c.reason_3, c.probability * c.value AS stake,
            list_contains(?::VARCHAR[], c.segment) AS recommended, recent, planned_arm, planned_offer
          FROM ({scored_sql(store)}) c {" ".join(joins)}
          WHERE {" AND ".join(["true", *conditions])}
        )"""
    days = [day for day in store.manifest.about.as_of_dates if date.fromisoformat(day) < store.as_of]
    earlier = [max(days, default=None)] if store.has("scores") else []
    return sql, [*values, recent_from(store), *earlier, recommended_segments(store), *wanted]


def _earlier(store: ReleaseStore) -> str:
    """The CTE `earlier`: scores of the last scored month before this one; without one it is empty."""
    if not store.has("scores"):
        return "earlier AS (SELECT NULL::VARCHAR AS customer_key, NULL::DOUBLE AS probability WHERE false)"
    return "earlier AS (SELECT customer_key, probability FROM scores WHERE as_of_date = ?::DATE)"


def _conditions(store: ReleaseStore, filters: Filters) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for name, column in _NAMED.items():
        if wanted := getattr(filters, name):
            conditions.append(f"list_contains(?::VARCHAR[], c.{column})")
            values.append(list(wanted))
    if filters.recommended:
        conditions.append("list_contains(?::VARCHAR[], c.segment)")
        values.append(recommended_segments(store))
    if filters.move and store.has("segments"):
        conditions.append(
            "c.customer_key IN (SELECT customer_key FROM segments n LEFT JOIN (SELECT customer_key, segment "
            "FROM segments WHERE as_of_date = ?) w USING (customer_key) "
            "WHERE n.as_of_date = ? AND n.segment = ? AND coalesce(w.segment, ?) = ?)"
        )
        values += [filters.move.before, filters.move.day, filters.move.now, NEW, filters.move.was]
    if filters.contacted:
        conditions.append(f"recent IS {'NOT ' if filters.contacted == 'yes' else ''}NULL")
    for feature, chosen in filters.categories.items():
        conditions.append(f"list_contains(?::VARCHAR[], {_text(feature, 's.')})")
        values.append(list(chosen))
    for feature, (low, high) in filters.ranges.items():
        conditions.append(f"s.{quoted(feature)} BETWEEN ? AND ?")
        values += [low, high]
    return conditions, values


def _completed(store: ReleaseStore, rows: "pd.DataFrame", fresh: Fresh) -> "pd.DataFrame":
    """The rows of a page with their history, last contact and reasons in words."""
    keys = rows["customer_key"].tolist()
    mine = "list_contains(?::VARCHAR[], customer_key)"
    history: dict[str, list[float]] = {}
    if store.has("scores"):
        told = store.rows(
            f"SELECT customer_key, list(probability ORDER BY as_of_date) AS told FROM scores WHERE {mine} GROUP BY 1",
            [keys],
        )
        history = {row["customer_key"]: row["told"] for row in told}
    days: dict[str, list[float]] = {}
    if store.morning is not None:
        told = store.rows(
            "SELECT customer_key, list(probability ORDER BY as_of_date) AS told FROM daily_probabilities "
            f"WHERE {mine} GROUP BY 1",
            [keys],
        )
        days = {row["customer_key"]: row["told"] for row in told}
    sql, values = touched(store, fresh)
    last = store.rows(
        "SELECT customer_key, max(happened_on) AS last_contact, arg_max(outcome, happened_on) AS outcome "
        f"FROM ({sql}) WHERE {mine} GROUP BY 1",
        [*values, keys],
    )
    contact = {row["customer_key"]: row for row in last}
    reasons = rows[["reason_1", "reason_2", "reason_3"]].astype(object).to_numpy().tolist()
    given = [[r for r in three if isinstance(r, str) and r] for three in reasons]
    found: dict[str, list[Any]] = {
        "days": [days.get(key, []) for key in keys],
        "history": [history.get(key, []) for key in keys],
        "rise": [_rise(history.get(key, [])) for key in keys],
        "reason": [short(three[0]) if three else None for three in given],
        "reasons": ["; ".join(three) for three in given],
        "last_contact": [contact.get(key, {}).get("last_contact") for key in keys],
        "outcome": [contact.get(key, {}).get("outcome") for key in keys],
    }
    return rows.drop(columns=["reason_1", "reason_2", "reason_3"]).assign(**found)


def _rise(history: Sequence[float]) -> float | None:
    return history[-1] - history[-2] if len(history) > 1 else None


def _text(name: str, of: str = "") -> str:
    return f"coalesce({of}{quoted(name)}::VARCHAR, '{NOT_KNOWN}')"
