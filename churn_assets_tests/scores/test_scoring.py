"""Deciles and segments of a cohort on Spark."""

from datetime import date
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.segments import SegmentRule, Segments
from churn_assets.ml.metrics.array_tiers import rank_tiers
from churn_assets.ml.portable.scored import score_frame
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import temporal_split
from churn_assets.ml.training.train import train
from churn_assets.scores.scoring import score_snapshots
from churn_assets.scores.segments import customer_segments
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.ml.synthetic import FEATURES, training_frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from churn_assets.ml.portable.model import PortableModel

NUMBERS = ("invoices__amount__sum_3m", "usage__gb__trend", "tickets__count_3m", "nothing")
DECLARED = [
    Feature(n, "number" if n in NUMBERS else "category", "service" if n.startswith("tickets") else "other", n)
    for n in FEATURES
    if n != "autopay"
]
RULES = load_business(SHIPPED_BUSINESSES / "telecom").file.segments
AS_OF = date(2025, 12, 31)


def segment_rule(rules: Segments, risk: str, value: str, driver: str | None) -> SegmentRule:
    """The first rule that fits, in plain Python: what the Spark expression must agree with."""
    for rule in rules.rules:
        wanted = ((rule.when.risk, risk), (rule.when.value, value), (rule.when.driver, driver))
        if all(allowed is None or found in allowed for allowed, found in wanted):
            return rule
    raise AssertionError("the rules are not total")


@pytest.fixture(scope="module")
def model() -> "PortableModel":
    """A logistic regression on synthetic snapshots; no Spark."""
    frame = training_frame(customers=300)
    split = temporal_split(sorted(set(frame["as_of_date"])), 7, 30, 1)

    def no_spark() -> "SparkSession":
        raise AssertionError("this candidate needs no Spark")

    settings = TrainingSettings(("histogram_boosting",), 7, 0.1)
    return train(frame, [f.name for f in DECLARED], split, settings, no_spark, lambda _: None).model


def test_scores_on_spark_are_those_of_the_portable_model(
    spark: "SparkSession", model: "PortableModel"
) -> None:
    frame = training_frame(customers=57, cohorts=[date(2025, 11, 30), AS_OF], seed=4).drop(
        columns=["label", "autopay"]
    )
    snapshots = spark.createDataFrame(
        frame.astype(object).where(frame.notna(), None),
        schema=(
            "customer_key string, as_of_date date, tenure_days bigint, invoices__amount__sum_3m double, "
            "usage__gb__trend double, tickets__count_3m double, region string, nothing double"
        ),
    )
    scored = score_snapshots(snapshots, model, "3", DECLARED).toPandas()
    key = ["as_of_date", "customer_key"]
    alone = pd.concat([frame[key], score_frame(frame, model, DECLARED)], axis=1)
    alone = alone.sort_values(key, ignore_index=True)
    scored = scored.sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(scored[alone.columns.to_list()], alone, check_dtype=False)
    assert set(scored["model_version"]) == {"3"}
    assert scored["probability"].between(0, 1).all()
    for _, cohort in scored.groupby("as_of_date"):
        sizes = cohort["decile"].value_counts()
        assert set(sizes.index) == set(range(1, 11))
        assert sizes.max() - sizes.min() <= 1
        lowest = cohort.groupby("decile")["raw"].min()
        highest = cohort.groupby("decile")["raw"].max()
        assert all(lowest[d] >= highest[d + 1] for d in range(1, 10))  # 1 holds the highest risk


def test_every_combination_fits_exactly_one_rule_and_the_first() -> None:
    drivers = [None, "price", "network", "service", "usage", "contract", "loyalty", "payment", "profile", "?"]
    names = {r.name for r in RULES.rules}
    for risk, value, driver in product(("high", "elevated", "low"), ("high", "middle", "low"), drivers):
        assert segment_rule(RULES, risk, value, driver).name in names
    assert segment_rule(RULES, "high", "high", "price").name == "valuable and leaving over price"
    assert segment_rule(RULES, "high", "low", "price").name == "leaving over price"
    assert segment_rule(RULES, "high", "high", "profile").name == "valuable and at risk"
    assert segment_rule(RULES, "elevated", "high", "usage").name == "fading away"
    assert segment_rule(RULES, "elevated", "high", None).name == "watch"
    assert segment_rule(RULES, "low", "high", "price").name == "steady"


def test_segments_on_spark_follow_the_same_rules(spark: "SparkSession") -> None:
    """A cohort of 200: a tenth is high, two more tenths elevated, thirds by value; a missing value ranks lowest."""
    drivers = ["price", "network", "service", "usage", "contract", "loyalty", "payment", "profile"]
    count = 200
    value_of = RULES.value.feature
    rows = [(f"k{i:03d}", AS_OF, i / count, drivers[i % 8], "5") for i in range(count)]
    scores = spark.createDataFrame(
        rows, "customer_key string, as_of_date date, raw double, driver string, model_version string"
    ).selectExpr("*", "raw as probability")
    values = [(r[0], AS_OF, None if i % 50 == 0 else float(i * 37 % count)) for i, r in enumerate(rows)]
    snapshots = spark.createDataFrame(values, f"customer_key string, as_of_date date, {value_of} double")
    found = {r.customer_key: r for r in customer_segments(scores, snapshots, RULES).collect()}
    assert len(found) == count
    tiers = pd.Series([r.risk_tier for r in found.values()]).value_counts()
    assert (tiers["high"], tiers["elevated"], tiers["low"]) == (20, 40, 140)
    assert found["k199"].risk_tier == "high"
    assert {found[f"k{i:03d}"].value_tier for i in range(0, count, 50)} == {"low"}
    keys, worth = (
        [row[0] for row in values],
        np.array([-np.inf if row[2] is None else row[2] for row in values]),
    )
    assert [found[key].value_tier for key in keys] == rank_tiers(worth, keys, RULES.value.bounds).tolist()
    for row in found.values():
        rule = segment_rule(RULES, row.risk_tier, row.value_tier, row.driver)
        assert (row.segment, row.action) == (rule.name, rule.action)


def test_two_rules_may_lead_to_one_segment(spark: "SparkSession") -> None:
    rules = [
        {"name": "save", "action": "call", "when": {"risk": ["high"]}},
        {"name": "save", "action": "write", "when": {"risk": ["elevated"]}},
        {"name": "rest", "action": "none"},
    ]
    twice = Segments.model_validate(RULES.model_dump() | {"rules": rules})
    rows = [(f"k{i}", AS_OF, i / 10, "price", "5", i / 10) for i in range(10)]
    columns = "customer_key string, as_of_date date, raw double, driver string, model_version string"
    scores = spark.createDataFrame(rows, f"{columns}, probability double")
    values = [(row[0], AS_OF, 1.0) for row in rows]
    snapshots = spark.createDataFrame(
        values, f"customer_key string, as_of_date date, {RULES.value.feature} double"
    )
    found = {
        r.customer_key: (r.segment, r.action) for r in customer_segments(scores, snapshots, twice).collect()
    }
    assert (found["k9"], found["k7"], found["k0"]) == (("save", "call"), ("save", "write"), ("rest", "none"))


def test_rules_that_leave_somebody_out_are_refused() -> None:
    content = RULES.model_dump()
    with pytest.raises(ValueError, match="the last segment rule must have no `when`"):
        Segments.model_validate(content | {"rules": content["rules"][:-1]})
