"""Figures of the test cohort beyond AUC: churners that a campaign reaches, calibration error, profit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.classification import Z_95, rank, share_of, wilson
from churn_assets.ml.metrics.profit import MaximumProfit, expected_maximum_profit, expected_profit

SHARES = (0.01, 0.05, 0.1, 0.2)
GROUPS = 10
DRAWS = 4000


@dataclass(frozen=True)
class Reached:
    """Result of contacting the riskiest share of the customers.

    Attributes:
        share: of the customers, rounded up to whole ones.
        customers, churners: contacted customers, and churners among them.
        precision, precision_low, precision_high: churners / customers with its 95 % interval (Wilson).
        capture: share of all churners that are contacted.
        lift: precision / base rate.
    """

    share: float
    customers: int
    churners: int
    precision: float
    precision_low: float
    precision_high: float
    capture: float
    lift: float


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error (ECE): mean distance between predicted and observed churn rate over ten equal groups.

    Attributes:
        value: as measured; above 0 even for perfect probabilities, because outcomes are random.
        low, high: 95 % interval (basic bootstrap of the groups' differences, which corrects this excess).
        by_chance: 95 % quantile of the ECE of perfect probabilities in cohorts of this size.
    """

    value: float
    low: float
    high: float
    by_chance: float


@dataclass(frozen=True)
class Profit:
    """Profit of a campaign at capacity, per customer of the whole base, contacted or not, at the mean acceptance.

    Attributes:
        realised, low, high: by the outcomes of the test cohort, with its 95 % interval.
        expected: by the probabilities of the same contacted customers.
    """

    realised: float
    low: float
    high: float
    expected: float


@dataclass(frozen=True)
class Quality:
    """Figures of one cohort, one row per customer.

    Attributes:
        reached: result per share of SHARES.
        calibration_error: of the calibrated probability.
        maximum_profit: EMPC of the ranking.
        profit: of a campaign at capacity.
    """

    reached: tuple[Reached, ...]
    calibration_error: CalibrationError
    maximum_profit: MaximumProfit
    profit: Profit

    def as_dict(self) -> dict[str, float]:
        """Flat names for MLflow and tables: lift_at_5, capture_at_5, ece, empc, profit_at_capacity ..."""
        found: dict[str, float] = {}
        for reached in self.reached:
            percent = f"{100 * reached.share:g}"
            found[f"lift_at_{percent}"], found[f"capture_at_{percent}"] = reached.lift, reached.capture
        error, money, profit = self.calibration_error, self.maximum_profit, self.profit
        return found | {
            "ece": error.value,
            "ece_low": error.low,
            "ece_high": error.high,
            "ece_by_chance": error.by_chance,
            "empc": money.profit,
            "empc_low": money.low,
            "empc_high": money.high,
            "empc_fraction": money.fraction,
            "profit_at_capacity": profit.realised,
            "profit_at_capacity_low": profit.low,
            "profit_at_capacity_high": profit.high,
            "profit_at_capacity_expected": profit.expected,
        }


def quality(
    labels: ArrayLike,
    raw: ArrayLike,
    probability: ArrayLike,
    keys: Sequence[Any] | pd.Series,
    capacity: float,
    economics: Economics,
) -> Quality:
    """Figures of one cohort; see `classification.evaluate` for the arguments.

    Raises:
        ValueError: only one class.
    """
    y, score, p = (np.asarray(values, dtype=np.float64) for values in (labels, raw, probability))
    return Quality(
        reached(y, score, keys),
        calibration_error(y, p),
        expected_maximum_profit(y, score, economics),
        _profit(y, p, rank(score, keys)[: share_of(len(y), capacity)], economics),
    )


def reached(
    labels: NDArray[np.float64],
    raw: NDArray[np.float64],
    keys: Sequence[Any] | pd.Series,
    shares: Sequence[float] = SHARES,
) -> tuple[Reached, ...]:
    """Result of contacting each share, riskiest first; ties are ordered by a hash of the key, not by position.

    Args:
        labels: 0 or 1 per customer, both present.
        raw: higher is riskier.
    """
    ranked = labels[rank(raw, keys)]
    return tuple(_reached(ranked, share) for share in shares)


def _reached(ranked: NDArray[np.float64], share: float) -> Reached:
    chosen = ranked[: share_of(len(ranked), share)]
    hits = int(chosen.sum())
    low, high = wilson(hits, len(chosen))
    return Reached(
        share=share,
        customers=len(chosen),
        churners=hits,
        precision=hits / len(chosen),
        precision_low=low,
        precision_high=high,
        capture=hits / float(ranked.sum()),
        lift=hits / len(chosen) / float(ranked.mean()),
    )


def calibration_error(labels: NDArray[np.float64], probability: NDArray[np.float64]) -> CalibrationError:
    """ECE over ten groups of equal size, by rising probability.

    The difference of observed and predicted rate in a group is a mean over independent customers, so it is drawn from a
    normal distribution: 4,000 draws with a fixed seed, at a cost that does not depend on the number of customers.
    """
    order = np.argsort(probability, kind="stable")
    groups = [group for group in np.array_split(order, GROUPS) if len(group)]
    size = np.array([len(group) for group in groups])
    weight = size / size.sum()
    difference = np.array([(labels[group] - probability[group]).mean() for group in groups])
    spread = np.array([(labels[group] - probability[group]).std() for group in groups]) / size**0.5
    by_chance = np.array([(probability[group] * (1 - probability[group])).mean() for group in groups])
    drawn = np.random.default_rng(0).normal(size=(DRAWS, len(groups)))
    found = float(weight @ np.abs(difference))
    again = np.abs(difference + drawn * spread) @ weight
    perfect = np.abs(drawn * (by_chance / size) ** 0.5) @ weight
    low, high = (max(0.0, 2 * found - float(np.quantile(again, at))) for at in (0.975, 0.025))
    return CalibrationError(found, low, high, float(np.quantile(perfect, 0.95)))


def _profit(
    labels: NDArray[np.float64],
    probability: NDArray[np.float64],
    chosen: NDArray[np.intp],
    economics: Economics,
) -> Profit:
    earned = np.zeros(len(labels))
    earned[chosen] = expected_profit(labels[chosen], economics)
    realised, half = float(earned.mean()), Z_95 * float(earned.std()) / len(labels) ** 0.5
    promised = float(expected_profit(probability[chosen], economics).sum() / len(labels))
    return Profit(realised, realised - half, realised + half, promised)
