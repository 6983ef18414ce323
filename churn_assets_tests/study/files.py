"""Files of customers whose truth is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_assets.study.learners import LEARNERS, Boosting

TELCO = Path(__file__).parents[3] / "shared" / "data" / "telco_ibm.csv"


def customers(rows: int = 900, seed: int = 3) -> pd.DataFrame:
    """Customers who leave by months, price and contract: id, months, price, contract, region, noise, left (Yes/No)."""
    random = np.random.default_rng(seed)
    months = random.integers(1, 60, rows)
    price = np.round(random.gamma(6, 9, rows), 2)
    contract = random.choice(["monthly", "yearly", "two years"], rows, p=[0.5, 0.3, 0.2])
    line = 1.2 - 0.07 * months + 0.012 * price - 1.4 * (contract != "monthly")
    left = random.random(rows) < 1 / (1 + np.exp(-line))
    return pd.DataFrame(
        {
            "id": [f"C{at:05d}" for at in random.permutation(rows)],
            "months": months,
            "price": price,
            "contract": contract,
            "region": random.choice(["north", "south", "east"], rows),
            "noise": np.round(random.normal(size=rows), 3),
            "left": np.where(left, "Yes", "No"),
        }
    )


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Leaves these learners alone: the fewer, the less a study costs."""
    for name in set(LEARNERS) - {*names}:
        monkeypatch.delitem(LEARNERS, name)


def without_boosting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes boosting, which costs most of the time, out of the learners."""
    for name in [name for name, learner in LEARNERS.items() if isinstance(learner, Boosting)]:
        monkeypatch.delitem(LEARNERS, name)


def interactions(rows: int, seed: int = 1) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Customers whose reasons depend on each other: no column alone says much. Features and labels."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.random((rows, 6)), columns=list("abcdef"))
    table["plan"] = pd.Categorical(random.choice(list("pqr"), rows))
    both = ((table["a"] > 0.5) == (table["b"] > 0.5)) & (table["c"] > 0.6)
    third = (table["plan"] == "q") & (table["d"] < 0.25) & (table["e"] > 0.5)
    chance = np.where(both, 0.9, np.where(third, 0.8, 0.04))
    return table, (random.random(rows) < chance).astype(np.float64)


def with_leaks(table: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    """The same with columns that know the outcome: exit_reason, refund, total, churn_score."""
    random = np.random.default_rng(seed)
    left = (table["left"] == "Yes").to_numpy()
    some = left & (random.random(len(table)) < 0.5)
    return table.assign(
        exit_reason=np.where(left, random.choice(["price", "moved", "service"], len(table)), ""),
        refund=np.where(some, random.integers(5, 50, len(table)).astype(str), ""),
        total=np.round(table["months"] * table["price"] * random.uniform(0.97, 1.03, len(table)), 2),
        churn_score=np.round(random.normal(left * 1.0, 1.0), 2),
    )


def write(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    """A file with exactly this content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path
