"""This morning: the current scores, how far they moved, and what moved them."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.app.queries.contacts import quoted
from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.alerts import USUAL_RISE
from churn_assets.ml.metrics.classification import Z_95
from churn_assets.months import add_months, month_end, month_of
from churn_assets.serving.release.words import not_scored_now

if TYPE_CHECKING:
    import pandas as pd

SINCE = {  # how far back a change looks -> column with the probability before, and what people read
    "day": ("probability_day_before", "the day before"),
    "week": ("probability_week_before", "7 days before"),
    "month_end": ("probability_month_end", "the last month end"),
}


@dataclass(frozen=True)
class Morning:
    """The customers with a current score.

    Attributes:
        day: the newest whole day that is known.
        scored: customers.
        expected: sum of their probabilities: customers expected to leave.
        spread: standard deviation of that number, if the probabilities are right and customers leave one by one.
        compared: of them those whom the same model scores at the last month end, too.
        moved: sum of the changes of these since then.
        compared_week: those whom the same model scores 7 days before, too.
        rise: what counts as a rise of the probability, see `Alerts.rise`.
        rose, fell: of these, those whose probability rose or fell by so much.
        entered: customers at high risk now who were not at the month end of the release; None if this is its day.
        behind: what sources are behind, in words -> how many customers it concerns.
    """

    day: date
    scored: int
    expected: float
    spread: float
    compared: int
    moved: float | None
    compared_week: int
    rise: float
    rose: int
    fell: int
    entered: int | None
    behind: dict[str, int]

    @property
    def month_end_before(self) -> date:
        """The last month end before the day."""
        return month_end(add_months(month_of(self.day), -1))

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval of the customers who leave."""
        return max(0.0, self.expected - Z_95 * self.spread), self.expected + Z_95 * self.spread


def why_not(store: ReleaseStore) -> str:
    """Why nothing is told of this morning, as a sentence."""
    return f"This morning is not scored: {store.why_absent('current_scores')}."


def why_not_scored(day: str) -> str:
    """Why a customer has no current score, with the day as the reader is told it."""
    return not_scored_now(day)


def this_morning(store: ReleaseStore) -> Morning | None:
    """Figures of the current scores; None without any."""
    if store.morning is None:
        return None
    rise = float(store.business.get("rise", USUAL_RISE))  # an older release does not tell it
    week = "(n.probability - n.probability_week_before)"
    [row] = store.rows(
        f"""
        SELECT count(*) AS scored, coalesce(sum(n.probability), 0) AS expected,
            coalesce(sqrt(sum(n.probability * (1 - n.probability))), 0) AS spread,
            count(n.probability_month_end) AS compared, sum(n.probability - n.probability_month_end) AS moved,
            count(n.probability_week_before) AS compared_week,
            count(*) FILTER ({week} >= ?) AS rose, count(*) FILTER ({week} <= -?) AS fell,
            count(*) FILTER (n.risk_tier = 'high' AND c.risk_tier IS DISTINCT FROM 'high') AS entered
        FROM current_scores n LEFT JOIN customers c USING (customer_key)
        """,
        [rise, rise],
    )
    behind = store.rows(
        "SELECT behind, count(*) AS customers FROM current_scores WHERE behind IS NOT NULL GROUP BY 1 "
        "ORDER BY 2 DESC, 1"
    )
    if store.morning == store.as_of:
        row["entered"] = None
    return Morning(
        store.morning, **row, rise=rise, behind={told["behind"]: told["customers"] for told in behind}
    )


def risers(store: ReleaseStore, count: int, since: str = "week") -> "pd.DataFrame":
    """Whose probability rose most: customer_key, before, probability, rise, moved_reason, segment, action, behind."""
    before, _ = SINCE[since]
    return store.frame(
        f"SELECT customer_key, {before} AS before, probability, probability - {before} AS rise, moved_reason, segment, "
        f"action, behind FROM current_scores WHERE probability > {before} ORDER BY rise DESC, customer_key LIMIT ?",
        [count],
    )


def current_row(store: ReleaseStore, customer_key: str) -> dict[str, Any] | None:
    """The customer's current score, missing values as None; None without one."""
    if store.morning is None:
        return None
    rows = store.rows("SELECT * FROM current_scores WHERE customer_key = ?", [customer_key])
    return rows[0] if rows else None


def days(store: ReleaseStore, customer_key: str) -> "pd.DataFrame":
    """as_of_date, probability and model_version of the customer's newest days, the oldest first."""
    return store.frame(
        "SELECT as_of_date, probability, model_version FROM daily_probabilities WHERE customer_key = ? ORDER BY 1",
        [customer_key],
    )


@dataclass(frozen=True)
class ChangedValue:
    """A feature whose value is another one than at the month end.

    Attributes:
        words: what people call it.
        meaning: one sentence.
        unit: of a number.
        before, now: None where the value is not known.
        effect: how much more it adds to the risk now, as log-odds; None where the model of the release is another one
            than that of the current scores, or does not read the feature.
    """

    words: str
    meaning: str
    unit: str | None
    before: float | str | None
    now: float | str | None
    effect: float | None


def changed_values(store: ReleaseStore, customer_key: str) -> list[ChangedValue] | None:
    """The features that changed since the month end, those that moved the risk most first.

    None where one of both days has no snapshot of the customer.
    """
    if not store.has("current_snapshots") or not store.has("snapshots"):
        return None
    before = store.frame("SELECT * FROM snapshots WHERE customer_key = ?", [customer_key])
    now = store.frame("SELECT * FROM current_snapshots WHERE customer_key = ?", [customer_key])
    if before.empty or now.empty:
        return None
    effects = _effects(store, before, now)
    found = []
    for w in store.release.words:
        name = w.feature.name
        if name in before and name in now:
            old, new = (_value(rows[name].iloc[0]) for rows in (before, now))
            if old != new:
                found.append(
                    ChangedValue(w.feature.words, w.meaning, w.feature.unit, old, new, effects.get(name))
                )
    return sorted(found, key=lambda value: -abs(value.effect or 0.0))


def _effects(store: ReleaseStore, before: "pd.DataFrame", now: "pd.DataFrame") -> dict[str, float]:
    """Feature -> difference of its contributions; empty where the model of the release did not give both scores."""
    current, about = store.current, store.manifest.about
    model = store.release.model
    names = set(model.transformation.features)
    there = names <= set(before.columns) and names <= set(now.columns)
    if current is None or current.model_version != about.model_version or not there:
        return {}
    (_, then), (_, today) = model.score_and_explain(before), model.score_and_explain(now)
    return {str(name): float(effect) for name, effect in (today.iloc[0] - then.iloc[0]).items()}


def _value(told: Any) -> float | str | None:
    """A value of a snapshot as Python's own; None where it is missing."""
    if told is None or told != told:
        return None
    return told if isinstance(told, str) else float(told)


def scored_sql(store: ReleaseStore) -> str:
    """SQL of the customers whom lists show, one row each: those of this morning, else those of the month end.

    Columns: customer_key, probability, driver, segment, action, risk_tier, value_tier, value, reason_1 to reason_3,
    change_day, change_week, change_month_end, moved_reason, behind; the last five are null without current scores.
    """
    own = "customer_key, probability, driver, segment, action, risk_tier, value_tier, value"
    own = f"{own}, reason_1, reason_2, reason_3"
    if store.morning is None:
        changes = "".join(f", NULL::DOUBLE AS change_{since}" for since in SINCE)
        told = "NULL::VARCHAR AS moved_reason, NULL::VARCHAR AS behind"
        return f"SELECT {own}{changes}, {told} FROM customers WHERE status = 'scored'"
    changes = "".join(
        f", probability - {quoted(column)} AS change_{since}" for since, (column, _) in SINCE.items()
    )
    return f"SELECT {own}{changes}, moved_reason, behind FROM current_scores"


def snapshots_of(store: ReleaseStore) -> str | None:
    """The table with the features of these customers; None where the release holds none."""
    name = "current_snapshots" if store.morning is not None else "snapshots"
    return name if store.has(name) else None
