"""Deciles and tiers of a few customers are those that the morning gives them among all."""

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.contracts.segments import RiskTiers, Segments, ValueTiers
from churn_assets.lakehouse.engine.frames import frame_of
from churn_assets.live.ranks import Ranks
from churn_assets.scores.deciles_and_tiers import with_decile, with_tiers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULES = Segments.model_construct(
    risk=RiskTiers(high=0.9, elevated=0.7), value=ValueTiers(feature="worth", high=0.8, middle=0.4)
)


def _rows(people: int) -> pa.Table:
    """Scores with ties, and values of which some are missing."""
    random = np.random.default_rng(people)
    value = random.integers(0, 5, people).astype(float)
    columns = {
        "customer_key": [f"k{n:03}" for n in random.permutation(people)],
        "raw": random.integers(-3, 4, people) / 2,
        "value": pa.array(np.where(value == 0, np.nan, value), from_pandas=True),
    }
    return pa.table(columns)


@pytest.mark.parametrize("people", [1, 7, 123])
def test_ranks_are_those_of_the_morning(spark: "SparkSession", people: int) -> None:
    rows = _rows(people)
    keys = rows["customer_key"].to_pylist()
    ranks = Ranks([*keys, "who has left", "who never had a score"])
    gone = pa.table({"customer_key": [keys[0], "who has left"], "raw": [99.0, 99.0], "value": [9.0, 9.0]})
    ranks.put(gone)  # before it was scored again, and before it left
    ranks.put(rows)
    ranks.leave_out(["who has left", "a stranger"])
    some = rows.slice(0, 60)
    found = ranks.beside(some, RULES)
    day = pa.array([date(2025, 3, 11)] * people, pa.date32())
    frame = with_tiers(with_decile(frame_of(spark, rows.append_column("as_of_date", day))), RULES)
    wanted = {row.pop("customer_key"): row for row in frame.toArrow().to_pylist()}
    assert found.num_rows == some.num_rows
    for row in found.to_pylist():
        assert {**wanted[row.pop("customer_key")], "as_of_date": None} == {**row, "as_of_date": None}
