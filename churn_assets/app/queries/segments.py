"""Segments: how large they are and what they are worth, what drives them, and who moved between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn_assets.app.queries.value import CustomerValue, customer_value
from churn_assets.app.store import ReleaseStore

NEW, GONE = "not scored before", "no longer scored"


def scored_days(store: ReleaseStore) -> list[date]:
    """The days as of which customers were scored, ascending."""
    return [date.fromisoformat(day) for day in store.manifest.about.as_of_dates]


def day_before(store: ReleaseStore, day: date) -> date | None:
    """The scored day before; None where there is none."""
    return max((d for d in scored_days(store) if d < day), default=None)


def order_of_segments(store: ReleaseStore) -> list[str]:
    """The names of the segments in the order of the rules."""
    rules = (store.business.get("segments") or {}).get("rules") or []
    return [rule["name"] for rule in rules]


def _in_order(frame: pd.DataFrame, store: ReleaseStore) -> pd.DataFrame:
    """Rows in the order of the rules; segments without a rule follow by name."""
    place = {name: number for number, name in enumerate(order_of_segments(store))}
    rank = frame["segment"].map(lambda name: (place.get(name, len(place)), name))
    return frame.iloc[sorted(range(len(frame)), key=lambda row: rank.iloc[row])].reset_index(drop=True)


def _value(store: ReleaseStore) -> CustomerValue:
    """How value is told; where none is declared, the column is null and stays so."""
    return customer_value(store) or CustomerValue("value", None, None)


def sizes(store: ReleaseStore, day: date) -> pd.DataFrame:
    """One row per segment of a day.

    Columns: segment, action, customers, share, expected (to leave), probability (mean), value (sum), value_expected
    (sum of probability times value), without_value (customers whose value is not known).
    """
    value = _value(store).sql
    rows = store.frame(
        f"""
        SELECT segment, min(action) AS action, count(*) AS customers, count(*) / sum(count(*)) OVER () AS share,
            sum(probability) AS expected, avg(probability) AS probability, sum({value}) AS value,
            sum(probability * {value}) AS value_expected, count(*) FILTER (value IS NULL) AS without_value
        FROM segments WHERE as_of_date = ? GROUP BY segment
        """,
        [day],
    )
    return _in_order(rows, store)


def drivers(store: ReleaseStore, day: date) -> pd.DataFrame:
    """One row per segment and main driver of a day: segment, driver, customers, share (of the segment), expected."""
    rows = store.frame(
        """
        SELECT segment, driver, sum(customers)::BIGINT AS customers,
            sum(customers) / sum(sum(customers)) OVER (PARTITION BY segment) AS share,
            sum(customers * mean_probability) AS expected
        FROM segment_sizes WHERE as_of_date = ? GROUP BY segment, driver ORDER BY customers DESC, driver
        """,
        [day],
    )
    return _in_order(rows, store)


def over_months(store: ReleaseStore, by: str = "segment") -> pd.DataFrame:
    """One row per scored day and segment (or driver): day, the group, customers, share (of the day), expected."""
    if by not in ("segment", "driver"):
        raise ValueError(f"no history by {by}")
    return store.frame(
        f"""
        SELECT as_of_date AS day, {by}, sum(customers)::BIGINT AS customers,
            sum(customers) / sum(sum(customers)) OVER (PARTITION BY as_of_date) AS share,
            sum(customers * mean_probability) AS expected
        FROM segment_sizes GROUP BY as_of_date, {by} ORDER BY as_of_date, {by}
        """
    )


def flows(store: ReleaseStore, before: date, day: date) -> pd.DataFrame:
    """Customers by segment then and now: was, now, customers, value (sum now, before for those who are gone)."""
    value = _value(store).sql
    return store.frame(
        f"""
        WITH was AS (SELECT customer_key, segment, {value} AS worth FROM segments WHERE as_of_date = ?),
            now AS (SELECT customer_key, segment, {value} AS worth FROM segments WHERE as_of_date = ?)
        SELECT coalesce(was.segment, ?) AS was, coalesce(now.segment, ?) AS now, count(*) AS customers,
            sum(CASE WHEN now.customer_key IS NULL THEN was.worth ELSE now.worth END) AS value
        FROM was FULL JOIN now USING (customer_key)
        GROUP BY 1, 2 ORDER BY customers DESC, 1, 2
        """,
        [before, day, NEW, GONE],
    )


def moved(found: pd.DataFrame) -> pd.DataFrame:
    """The flows of customers who are in another segment than before; those who came or went are not among them."""
    other = (found["was"] != found["now"]) & (found["was"] != NEW) & (found["now"] != GONE)
    return found[other].reset_index(drop=True)


@dataclass(frozen=True)
class Moves:
    """How many stayed, moved, came and went between two days; all are customers."""

    stayed: int
    moved: int
    new: int
    gone: int


def moves(found: pd.DataFrame) -> Moves:
    """The sums of a table of flows."""

    def count(rows: "pd.Series[bool]") -> int:
        return int(found.loc[rows, "customers"].sum())

    new, gone, same = found["was"] == NEW, found["now"] == GONE, found["was"] == found["now"]
    return Moves(count(same), count(~same & ~new & ~gone), count(new), count(gone))


def known_segments(store: ReleaseStore, days: Sequence[date]) -> list[str]:
    """Names of the segments that hold somebody on one of these days, in the order of the rules."""
    marks = ", ".join("?" for _ in days)
    found = store.frame(
        f"SELECT DISTINCT segment FROM segment_sizes WHERE as_of_date IN ({marks or 'NULL'})", list(days)
    )
    return [str(name) for name in _in_order(found, store)["segment"]]
