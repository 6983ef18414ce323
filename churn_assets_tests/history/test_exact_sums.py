"""Sums of doubles: next to the true sum, and the same bits however the rows lie."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from pyspark.sql import functions as F

from churn_assets.history.exact_sums import cut, parts, total

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Groups = Mapping[str, Sequence[float | None]]
DECIMALS = st.integers(-(10**7), 10**7).map(lambda cents: cents / 100)
MAGNITUDES = st.builds(
    lambda sign, digits, power: sign * digits * 10.0**power,
    st.sampled_from([-1, 1]),
    st.floats(1, 10),
    st.integers(-9, 15),
)
MANY = st.lists(st.one_of(DECIMALS, MAGNITUDES), min_size=1, max_size=60)


def _rows(spark: "SparkSession", groups: Groups, seed: int) -> "DataFrame":
    """The rows of all groups, shuffled, in some partitions. `month` parts each group as it comes."""
    random = Random(seed)
    rows = [(name, random.randrange(3), value) for name, values in groups.items() for value in values]
    random.shuffle(rows)
    names, months, values = zip(*rows, strict=True)
    table = pa.table({"name": names, "month": months, "value": pa.array(values, pa.float64())})
    return spark.createDataFrame(table).repartition(random.randint(1, 5))


def _added(frame: "DataFrame", by: Sequence[str], given: str, result: str) -> "DataFrame":
    sums = zip(parts(given), parts(result), strict=True)
    return frame.groupBy(*by).agg(*(F.coalesce(F.sum(f"`{p}`"), F.lit(0.0)).alias(s) for p, s in sums))


def _sums(frame: "DataFrame") -> dict[str, float]:
    found = _added(cut(frame, ["value"]), ["name"], "value", "sum")
    return {
        row.name: row.total
        for row in found.select("name", F.expr(total(parts("sum"))).alias("total")).collect()
    }


@hypothesis.settings(max_examples=6)
@hypothesis.given(
    groups=st.lists(MANY, min_size=20, max_size=60).map(
        lambda lists: {str(i): v for i, v in enumerate(lists)}
    ),
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_a_sum_is_next_to_the_true_one_in_any_order(
    spark: "SparkSession", groups: dict[str, list[float]], seeds: tuple[int, int]
) -> None:
    # what is left of numbers that cancel out must be right, too
    groups |= {f"{name} and back": [*v, 0.1, *(-x for x in v)] for name, v in groups.items()}
    first, second = (_sums(_rows(spark, groups, seed)) for seed in seeds)
    assert first == second
    for name, values in groups.items():
        true = math.fsum(values)
        # the last addition may round a second time
        assert abs(first[name] - true) <= math.ulp(true), values


def test_a_sum_of_sums_is_the_sum(spark: "SparkSession") -> None:
    random = Random(5)
    groups = {str(i): [round(random.uniform(-50, 900), 2) for _ in range(200)] for i in range(50)}
    by_month = _added(cut(_rows(spark, groups, 1), ["value"]), ["name", "month"], "value", "of month")
    whole = _added(by_month, ["name"], "of month", "sum").select(
        "name", F.expr(total(parts("sum"))).alias("total")
    )
    assert {row.name: row.total for row in whole.collect()} == {n: math.fsum(v) for n, v in groups.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_values_of_any_kind(spark: "SparkSession", seed: int) -> None:
    groups: dict[str, list[float | None]] = {
        "nothing": [None, None],
        "some": [None, 0.1, None, 0.2],
        "zero": [-0.0, 0.0],
        "far apart": [1e15, 1e-9, -1e15],
        "cancelled": [0.1, 1e15, 0.7, -1e15],
        "small": [1e-9] * 1000,
        "below a power": [2.0**50 - 0.125] * 7 + [1e-9, 0.1],
        "smallest step": [1e-20] * 5,
        "huge": [1e300, -1e300, 1.0],
        "too large": [1.7e308] * 3,
        "infinite": [1.0, math.inf, 2.0],
        "no number": [math.inf, -math.inf],
        "nan": [math.nan, 1.0],
    }
    found = _sums(_rows(spark, groups, seed))
    assert math.isnan(found.pop("no number"))
    assert math.isnan(found.pop("nan"))
    assert found == {
        "nothing": 0.0,
        "some": 0.1 + 0.2,
        "zero": 0.0,
        "far apart": 1e-9,
        "cancelled": 0.1 + 0.7,
        "small": math.fsum([1e-9] * 1000),
        "below a power": math.fsum([2.0**50 - 0.125] * 7 + [1e-9, 0.1]),
        "smallest step": pytest.approx(5e-20, abs=5 * 2.0**-87),
        "huge": 1.0,
        "too large": math.inf,
        "infinite": math.inf,
    }


def test_a_million_rows_of_one_customer(spark: "SparkSession") -> None:
    """Each row leaves the same rest in the same direction, which is where partial sums grow most."""
    rows = spark.range(1_000_000).select(F.lit("one").alias("name"), F.lit(0.1).alias("value"))
    assert _sums(rows)["one"] == math.fsum([0.1] * 1_000_000)
