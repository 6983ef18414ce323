"""Global drivers of the scores, risk tiers and segments."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.segments import RiskTiers
from churn_assets.ml.metrics.classification import midranks
from churn_assets.ml.portable.transformation import MISSING
from churn_assets.study.columns import FileColumn

DRIVERS = 12
# The riskiest tenth and the next fifth; the rest by probability.
RANKS = RiskTiers(high=0.9, elevated=0.7)
TIERS = ("high", "elevated", "medium", "low")
# Of the rest, a customer is at low risk with at most this share of the average churn.
LOW_SHARE = 0.5
SEGMENT_ROWS = 30


@dataclass(frozen=True)
class Level:
    """Customers with one value, or in one fifth of the values: label, number of rows, share that left."""

    said: str
    rows: int
    churn: float


@dataclass(frozen=True)
class Driver:
    """One feature as a driver.

    Attributes:
        name, words: of its column.
        strength: mean absolute contribution (log-odds).
        share: strength as a share of the sum over all features.
        levels: churn of its values, ordered by value (numbers) or by falling churn (categories).
    """

    name: str
    words: str
    strength: float
    share: float
    levels: tuple[Level, ...]

    def sentence(self) -> str:
        """Returns the levels with the highest and the lowest churn, in words; empty for fewer than two levels."""
        if len(self.levels) < 2:
            return ""
        low, high = (pick(self.levels, key=lambda level: level.churn) for pick in (min, max))
        return f"{high.churn:.0%} leave where it is {high.said}, {low.churn:.0%} where it is {low.said}"


@dataclass(frozen=True)
class Segment:
    """Customers of one risk tier with the same main driver, the feature that raises their risk most.

    Attributes:
        churn: observed share that left; probability: mean predicted probability, out of fold.
    """

    tier: str
    driver: str
    rows: int
    churn: float
    probability: float


def features_of(columns: Sequence[FileColumn]) -> list[Feature]:
    """Converts columns to features for `ml.portable.reasons_in_words`; each is its own driver."""
    return [
        Feature(
            name=column.name,
            kind="category" if column.kind == "category" else "number",
            driver=column.words,
            words=f"days since {column.words}" if column.kind == "date" else column.words,
        )
        for column in columns
        if column.values is not None
    ]


def global_drivers(
    frame: pd.DataFrame, labels: NDArray[np.float64], contributions: pd.DataFrame, features: Sequence[Feature]
) -> list[Driver]:
    """Returns the DRIVERS strongest features, with the observed churn of their values.

    Args:
        frame, labels: of labelled rows; contributions may be of other rows.
    """
    strength = contributions.abs().mean().sort_values(ascending=False, kind="stable")
    words = {feature.name: feature.words for feature in features}
    total = max(float(strength.sum()), 1e-12)
    return [
        Driver(
            str(name), words[str(name)], float(value), float(value) / total, levels(frame[str(name)], labels)
        )
        for name, value in strength.head(DRIVERS).items()
        if value > 0
    ]


def levels(values: pd.Series, labels: NDArray[np.float64]) -> tuple[Level, ...]:
    """Returns churn by category (the eight most frequent) or by fifths of a number; missing values are a last level."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        frequent = values.value_counts().head(8)
        found = [_level(str(value), (values == value).to_numpy(), labels) for value in frequent.index]
        found = sorted(found, key=lambda level: -level.churn)
    else:
        found = _fifths(values.to_numpy(np.float64), labels)
    missing = values.isna().to_numpy()
    if missing.sum() >= SEGMENT_ROWS:
        found.append(_level(MISSING, missing, labels))
    return tuple(level for level in found if level.rows)


def _fifths(known: NDArray[np.float64], labels: NDArray[np.float64]) -> list[Level]:
    distinct = np.unique(known[~np.isnan(known)])
    if len(distinct) <= 6:
        return [_level(f"{value:g}", known == value, labels) for value in distinct]
    edges = np.unique(np.nanquantile(known, [0, 0.2, 0.4, 0.6, 0.8, 1]))
    spans = list(itertools.pairwise(edges))
    return [
        _level(
            f"{'over ' if at else ''}{_short(low)} to {_short(high)}",
            ((known >= low) if at == 0 else (known > low)) & (known <= high),
            labels,
        )
        for at, (low, high) in enumerate(spans)
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def _level(said: str, rows: NDArray[np.bool_], labels: NDArray[np.float64]) -> Level:
    count = int(rows.sum())
    return Level(said, count, float(labels[rows].mean()) if count else 0.0)


def risk_tiers(probability: NDArray[np.float64], average: float) -> NDArray[np.object_]:
    """Returns the risk tier per customer; equal probabilities have equal tiers.

    By rank, the riskiest tenth is high and the next fifth is elevated. Of the rest, those with at most LOW_SHARE of the
    average churn are low and the others are medium: where half of the customers leave, a rank says little.

    Args:
        probability: none missing.
        average: churn rate of the judged customers.
    """
    rank = (midranks(probability) - 1) / max(len(probability) - 1, 1)
    by_size = np.where(probability <= LOW_SHARE * average, "low", "medium")
    tiers: NDArray[np.object_] = np.select(
        [rank >= RANKS.high, rank >= RANKS.elevated], ["high", "elevated"], default=by_size
    ).astype(object)
    return tiers


def segments(
    tiers: NDArray[np.object_],
    drivers: Sequence[str],
    probability: NDArray[np.float64],
    labels: NDArray[np.float64],
) -> list[Segment]:
    """Returns risk tier x main driver, the riskiest tier first; small or rare drivers of a tier become `other`.

    Args:
        tiers: risk tier per row, see `risk_tiers`.
        drivers: main driver per row, see `ml.portable.reasons_in_words.main_drivers`.
    """
    table = pd.DataFrame({"tier": tiers, "driver": drivers, "label": labels, "p": probability})
    sizes = table.groupby(["tier", "driver"])["label"].transform("size")
    rank = table.groupby("tier")["driver"].transform(
        lambda names: names.map(names.value_counts().rank(ascending=False))
    )
    table.loc[(sizes < SEGMENT_ROWS) | (rank > 5), "driver"] = "other"
    found = [
        Segment(str(tier), str(driver), len(part), float(part["label"].mean()), float(part["p"].mean()))
        for (tier, driver), part in table.groupby(["tier", "driver"])
    ]
    return sorted(
        found, key=lambda segment: (TIERS.index(segment.tier), segment.driver == "other", -segment.rows)
    )
