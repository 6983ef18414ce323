"""The story of one customer, as a release tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import pandas as pd

from churn_assets.app.contacts import SOURCE
from churn_assets.app.queries.contacts import NOTHING, Fresh, column_of, quoted, were_made
from churn_assets.app.queries.value import CustomerValue
from churn_assets.app.store import ReleaseStore

MONTHS = 24  # newest months that are shown
SCORED = "scored"
HERE = frozenset({SCORED, "in_notice", "too_new", "not_scored"})  # statuses of customers who have not left
OWN_OF_MONTHS = frozenset({"customer_key", "month", "status"})
OWN_OF_CONTACTS = frozenset({"customer_key", "happened_on", "source", "left_on"})

Became = Literal["left", "still there", "merged", "unknown", "not read yet"]


@dataclass(frozen=True)
class Measure:
    """A column of figures or of facts, in words.

    Attributes:
        name: of the column.
        words: what people call it.
        unit: of the numbers; None for texts, dates and things that are counted.
        meaning: one sentence.
    """

    name: str
    words: str
    unit: str | None
    meaning: str


@dataclass(frozen=True)
class Fact:
    """What one column tells of a customer; a value of None is not known or not given."""

    measure: Measure
    value: Any


def has_objected(store: ReleaseStore, customer_key: str) -> bool:
    """Whether the customer objected to profiling. The release then holds nothing else of them."""
    return bool(objected(store, [customer_key]))


def objected(store: ReleaseStore, customer_keys: Sequence[str]) -> set[str]:
    """Those of some customers who objected to profiling."""
    if not store.has("objections"):
        return set()
    wanted = "SELECT customer_key FROM objections WHERE list_contains(?::VARCHAR[], customer_key)"
    return {row["customer_key"] for row in store.rows(wanted, [list(customer_keys)])}


def customer_row(store: ReleaseStore, customer_key: str) -> dict[str, Any] | None:
    """The customer's row of the table `customers`, missing values as None; None if nobody has this key."""
    rows = store.rows("SELECT * FROM customers WHERE customer_key = ?", [customer_key])
    return rows[0] if rows else None


def measures(store: ReleaseStore) -> list[Measure]:
    """The figures that the business follows by month, such as its revenue, in declared order."""
    declared = [column["name"] for column in store.business.get("customer_months", [])]
    columns = {m.name: _without_unit(m) for m in _columns(store, "customer_months")}
    return [columns[name] for name in declared if name in columns]


def months(store: ReleaseStore, customer_key: str) -> pd.DataFrame:
    """`month` (its first day) and the measures of the customer's newest months, the oldest first.

    A month without a row between two others has missing values: the sources tell nothing of it.
    """
    names = [m.name for m in measures(store)]
    found = store.frame(
        f"SELECT month, {', '.join(map(quoted, names))} FROM customer_months WHERE customer_key = ? "
        f"ORDER BY month DESC LIMIT {MONTHS}"
        if names
        else "SELECT month FROM customer_months WHERE customer_key = ? LIMIT 0",
        [customer_key],
    )
    if found.empty:
        return found
    days = pd.PeriodIndex(found["month"], freq="M")
    rows = found.drop(columns="month").astype("float64").set_axis(days)
    every = pd.period_range(days.min(), days.max(), freq="M")[-MONTHS:]
    return rows.reindex(every).rename_axis("month").to_timestamp().reset_index()


def facts(store: ReleaseStore, customer_key: str) -> tuple[str | None, list[Fact]]:
    """The newest month that the release has of a customer (YYYY-MM), and all facts but figures of that month."""
    rows = store.rows(
        "SELECT * FROM customer_months WHERE customer_key = ? ORDER BY month DESC LIMIT 1", [customer_key]
    )
    if not rows:
        return None, []
    figures = {m.name for m in measures(store)} | OWN_OF_MONTHS
    wanted = [m for m in _columns(store, "customer_months") if m.name not in figures and m.name in rows[0]]
    return rows[0]["month"], [Fact(m, rows[0][m.name]) for m in wanted]


def score_history(store: ReleaseStore, customer_key: str) -> pd.DataFrame:
    """as_of_date, probability, decile, model_version, risk_tier, segment and driver by cohort, the oldest first."""
    tiers = store.has("segments")
    joined = "LEFT JOIN segments t USING (customer_key, as_of_date)" if tiers else ""
    own = "t.risk_tier, t.segment" if tiers else "NULL AS risk_tier, NULL AS segment"
    return store.frame(
        f"SELECT s.as_of_date, s.probability, s.decile, s.model_version, s.driver, {own} "
        f"FROM scores s {joined} WHERE s.customer_key = ? ORDER BY s.as_of_date",
        [customer_key],
    )


def endings(store: ReleaseStore, customer_key: str) -> list[dict[str, Any]]:
    """The customer's endings, the newest first: kind, reason, started_on, notice_on and ended_on."""
    if not store.has("churn_events"):
        return []
    return store.rows(
        "SELECT kind, reason, started_on, notice_on, ended_on FROM churn_events WHERE customer_key = ? "
        "ORDER BY ended_on DESC",
        [customer_key],
    )


def contact_columns(store: ReleaseStore) -> list[Measure]:
    """What contacts tell besides their day and their source; no numbers of records, which tell people nothing."""
    hidden = OWN_OF_CONTACTS | {column_of(store, "state")}
    return [m for m in _columns(store, "contacts") if m.name not in hidden and not m.name.endswith("_id")]


def contacts(store: ReleaseStore, row: dict[str, Any], found: Fresh = NOTHING) -> pd.DataFrame:
    """The customer's contacts, the newest first: happened_on, source, what the source tells, left_on and became.

    `became` says whether the customer left afterwards (see `Became`). Columns that tell nothing are left out, and rows
    that are no contact: control groups, and marks that were taken back.

    Args:
        store: of the release.
        row: of the customer, see `customer_row`.
        found: what was marked on the pages since the release.
    """
    pending = [
        {
            "happened_on": pd.Timestamp(p.happened_on),
            "source": SOURCE,
            "outcome": p.outcome,
            "became": "not read yet",
        }
        for p in found.made
        if p.customer_key == row["customer_key"]
    ]
    known = _contacts_of_release(store, row, found) if store.has("contacts") else pd.DataFrame()
    added = pd.DataFrame(pending).rename(columns={"outcome": column_of(store, "outcome") or "outcome"})
    both = [rows for rows in (added, known) if not rows.empty]
    if not both:
        return pd.DataFrame()
    every = pd.concat(both, ignore_index=True).reindex(columns=known.columns.union(added.columns, sort=False))
    return every.dropna(axis="columns", how="all").sort_values(
        "happened_on", ascending=False, ignore_index=True
    )


def _contacts_of_release(store: ReleaseStore, row: dict[str, Any], found: Fresh) -> pd.DataFrame:
    own = [m.name for m in contact_columns(store)]
    condition, values = were_made(store, found)
    rows = store.frame(
        f"SELECT happened_on, source, {''.join(f'{quoted(name)}, ' for name in own)}left_on "
        f"FROM contacts WHERE customer_key = ? AND {condition}",
        [row["customer_key"], *values],
    )
    rows["became"] = _without_ending(row["status"])
    rows.loc[rows["left_on"].notna(), "became"] = "left"
    return rows


def worth(row: dict[str, Any], value: CustomerValue) -> float | None:
    """The customer's value, per month where it is a sum over months; None where it is not known."""
    return None if row["value"] is None else float(row["value"]) / (value.months or 1)


def survival(row: dict[str, Any]) -> pd.DataFrame:
    """`months` and `chance` to be still there, beginning with certainty; empty without expected lifetimes."""
    known = {n: row.get(f"survival_{n}m") for n in (3, 6, 12)}
    points = [(0, 1.0), *((n, float(chance)) for n, chance in known.items() if chance is not None)]
    return pd.DataFrame(points if len(points) > 1 else [], columns=["months", "chance"])


def outcome_window(store: ReleaseStore, as_of: date) -> tuple[date, date] | None:
    """First and last day of the time in which a customer of this date counts as lost; None if it is not declared."""
    windows = store.business.get("windows")
    if windows is None:
        return None
    first = as_of + pd.Timedelta(days=windows["gap_days"] + 1)
    return first, first + pd.Timedelta(days=windows["outcome_days"] - 1)


def _without_unit(measure: Measure) -> Measure:
    """`voice minutes` in minutes is voice, as a chart tells the unit and may tell hours."""
    words, _, last = measure.words.rpartition(" ")
    return (
        replace(measure, words=words) if words and last.lower() == (measure.unit or "").lower() else measure
    )


def _without_ending(status: str) -> Became:
    if status == "merged":
        return "merged"
    return "still there" if status in HERE else "unknown"


def _columns(store: ReleaseStore, table: str) -> list[Measure]:
    """The columns of a table of the release, with the words of the business where a feature has them."""
    words: dict[str, str] = {}
    for feature in store.release.features:
        if feature.aggregate == "attribute" and feature.column is not None:
            words.setdefault(f"{feature.source}_{feature.column}", feature.words)
            words.setdefault(feature.column, feature.words)
    words["tenure_days"] = "time as a customer"
    return [
        Measure(
            column["name"],
            words.get(column["name"], column["name"].replace("_", " ")),
            None if column["unit"] == "rows" else column["unit"],
            column["meaning"],
        )
        for column in store.catalogue.get(table, {}).get("columns", [])
    ]
