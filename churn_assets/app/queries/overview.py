"""Overview: how many are at risk, what they are worth, and what has changed since the last scored month."""

from dataclasses import dataclass
from datetime import date

from churn_assets.app.queries.segments import day_before
from churn_assets.app.queries.value import CustomerValue, customer_value
from churn_assets.app.store import ReleaseStore
from churn_assets.ml.metrics.classification import Z_95


@dataclass(frozen=True)
class RiskOfDay:
    """The customers scored as of a day. Values are sums in the unit of `AtRisk.value`; None where none is known.

    Attributes:
        day: the observation date.
        model_version: that scored them.
        scored: customers.
        high: of them those in the risk tier `high`.
        expected: sum of the probabilities: customers expected to leave.
        spread: standard deviation of that number, if the probabilities are right and customers leave one by one.
        value_high: value of the risk tier `high`.
        value_expected: sum of probability times value, of all scored.
        high_without_value: customers of the risk tier `high` whose value is not known; they are in no sum.
        without_value: the same of all scored customers.
    """

    day: date
    model_version: str
    scored: int
    high: int
    expected: float
    spread: float
    value_high: float | None
    value_expected: float | None
    high_without_value: int
    without_value: int

    @property
    def expected_low(self) -> float:
        """Lower end of the 95 % interval of the customers who leave."""
        return max(0.0, self.expected - Z_95 * self.spread)

    @property
    def expected_high(self) -> float:
        """Upper end of the 95 % interval of the customers who leave."""
        return self.expected + Z_95 * self.spread


@dataclass(frozen=True)
class AtRisk:
    """The newest scored day, the one before (None without one), and how value is told (None where none is declared)."""

    now: RiskOfDay
    before: RiskOfDay | None
    value: CustomerValue | None


def at_risk(store: ReleaseStore) -> AtRisk | None:
    """Customers at risk on the newest scored day and on the one before; None while the newest has no segments."""
    value = customer_value(store)
    days = [store.as_of, day_before(store, store.as_of)]
    worth = value.sql if value else "NULL"
    rows = store.rows(
        f"""
        SELECT as_of_date AS day, max(model_version) AS model_version, count(*) AS scored,
            count(*) FILTER (risk_tier = 'high') AS high, sum(probability) AS expected,
            sqrt(sum(probability * (1 - probability))) AS spread,
            sum({worth}) FILTER (risk_tier = 'high')::DOUBLE AS value_high,
            sum(probability * {worth})::DOUBLE AS value_expected,
            count(*) FILTER (risk_tier = 'high' AND value IS NULL) AS high_without_value,
            count(*) FILTER (value IS NULL) AS without_value
        FROM segments WHERE as_of_date IN (?, ?) GROUP BY as_of_date
        """,
        days,
    )
    found = {row["day"]: RiskOfDay(**row) for row in rows}
    now = found.get(store.as_of)
    return None if now is None else AtRisk(now, found.get(days[1]), value)
