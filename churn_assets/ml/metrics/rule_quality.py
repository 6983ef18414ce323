"""How good a rule of alerts is: which share of its customers left, and how much more that is than of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from churn_assets.contracts.alerts import ACKNOWLEDGED, SUPPRESSED

LEFT = ("churned", "ended_in_gap")  # outcomes of customers who left within gap and outcome window
STAYED = "stayed"


@dataclass(frozen=True)
class RuleQuality:
    """What became of the customers of one rule.

    Attributes:
        rule: its name.
        told, suppressed: alerts of each kind; suppressed ones are counted here alone.
        acknowledged: of those told.
        known: alerts that were told and whose customers are known to have left or stayed.
        left: those who left.
        base_rate: share of all customers who left, at the month ends before these alerts; None if it is not known.
    """

    rule: str
    told: int
    suppressed: int
    acknowledged: int
    known: int
    left: int
    base_rate: float | None

    @property
    def precision(self) -> float | None:
        """Share who left; None if nothing is known yet."""
        return self.left / self.known if self.known else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the precision."""
        from churn_assets.ml.metrics.classification import wilson

        return wilson(self.left, self.known) if self.known else None

    @property
    def lift(self) -> float | None:
        """Precision over the base rate; None if one of them is not known."""
        if self.precision is None or not self.base_rate:
            return None
        return self.precision / self.base_rate


def rule_qualities(rows: Iterable[Mapping[str, Any]], rates: Mapping[date, float]) -> list[RuleQuality]:
    """The quality of each rule that has found something, by name.

    Args:
        rows: of alerts/risk_alerts: rule, as_of_date, state and outcome.
        rates: as_of_date of each settled cohort -> share of its customers who left.
    """
    by_rule: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_rule.setdefault(row["rule"], []).append(row)
    return [_of_rule(rule, by_rule[rule], rates) for rule in sorted(by_rule)]


def _of_rule(rule: str, rows: list[Mapping[str, Any]], rates: Mapping[date, float]) -> RuleQuality:
    told = [row for row in rows if row["state"] != SUPPRESSED]
    known = [row for row in told if row["outcome"] in LEFT or row["outcome"] == STAYED]
    base = [_rate_before(row["as_of_date"], rates) for row in known]
    sure = [rate for rate in base if rate is not None]
    return RuleQuality(
        rule=rule,
        told=len(told),
        suppressed=len(rows) - len(told),
        acknowledged=sum(row["state"] == ACKNOWLEDGED for row in told),
        known=len(known),
        left=sum(row["outcome"] in LEFT for row in known),
        base_rate=sum(sure) / len(sure) if sure and len(sure) == len(known) else None,
    )


def _rate_before(day: date, rates: Mapping[date, float]) -> float | None:
    before = max((cohort for cohort in rates if cohort <= day), default=None)
    return None if before is None else rates[before]
