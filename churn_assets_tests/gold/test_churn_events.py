"""gold/churn_events: the kind and the dates of every ending."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.gold.churn_events import churn_events
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy, edit_yaml

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.gold.versions import spell_row, versions_of


def test_every_ending_has_its_kind(spark: "SparkSession", business: Business) -> None:
    source = business.label_source
    end = {"ended_on": "2025-02-20"}
    versions = [
        ("v", "2025-02-28", spell_row(1, "2025-01-01", end_reason="price", notice_on="2025-02-01", **end)),
        ("i", "2025-02-28", spell_row(2, "2025-01-01", end_reason="fraud", **end)),
        ("u", "2025-02-28", spell_row(3, "2025-01-01", **end)),
        ("running", "2025-02-28", spell_row(4, "2025-01-01", expires_on="2025-02-10")),
        ("ahead", "2025-02-28", spell_row(5, "2025-01-01", end_reason="price", ended_on="2025-03-15")),
        ("revoked", "2025-02-21", spell_row(6, "2025-01-01", end_reason="price", **end)),
        ("revoked", "2025-02-28", spell_row(6, "2025-01-01")),
    ]
    silver = {source.name: versions_of(spark, source, versions)}
    rows = {r["customer_key"]: r for r in churn_events(silver, business, date(2025, 2, 28)).collect()}
    assert {key: (r["kind"], r["reason"]) for key, r in rows.items()} == {
        "v": ("voluntary", "price"),
        "i": ("involuntary", "fraud"),
        "u": ("involuntary", None),
    }
    v = rows["v"]
    assert (v["started_on"], v["notice_on"], v["ended_on"]) == (
        date(2025, 1, 1),
        date(2025, 2, 1),
        date(2025, 2, 20),
    )
    assert (v["tenure_days"], v["source"]) == (50, "subscriptions")


def test_a_spell_that_expired_lapses_only_under_that_policy(spark: "SparkSession", tmp_path: Path) -> None:
    business = load_business(business_copy(tmp_path, label={"policy": "lapse", "source": "subscriptions"}))
    source = business.label_source
    versions = [
        ("lapsed", "2025-02-28", spell_row(1, "2025-01-01", expires_on="2025-02-10")),
        (
            "ended",
            "2025-02-28",
            spell_row(2, "2025-01-01", expires_on="2025-06-10", ended_on="2025-02-20", end_reason="price"),
        ),
        ("running", "2025-02-28", spell_row(3, "2025-01-01", expires_on="2025-06-10")),
    ]
    silver = {source.name: versions_of(spark, source, versions)}
    rows = churn_events(silver, business, date(2025, 2, 28)).collect()
    assert {r["customer_key"]: (r["kind"], r["ended_on"]) for r in rows} == {
        "lapsed": ("lapse", date(2025, 2, 10)),
        "ended": ("voluntary", date(2025, 2, 20)),
    }


@pytest.mark.parametrize(
    ("policy", "told", "kind"),
    [
        ("cancellation", True, "involuntary"),
        ("cancellation", False, "voluntary"),
        ("lapse", True, "voluntary"),
        ("lapse", False, "voluntary"),
    ],
)
def test_what_is_by_choice_is_what_labels_take_for_it(
    spark: "SparkSession", tmp_path: Path, policy: str, told: bool, kind: str
) -> None:
    """An end without a reason, in a contract that tells reasons and in one that tells none."""
    folder = business_copy(tmp_path, label={"policy": policy, "source": "subscriptions"})
    if not told:
        edit_yaml(folder / "contracts" / "subscriptions.yaml", _without_reasons)
    business = load_business(folder)
    source = business.label_source
    ended = [("a", "2025-02-28", spell_row(1, "2025-01-01", ended_on="2025-02-20"))]
    silver = {source.name: versions_of(spark, source, ended)}
    [row] = churn_events(silver, business, date(2025, 2, 28)).collect()
    assert row["kind"] == kind


def _without_reasons(contract: dict[str, Any]) -> None:
    spell = next(p["value"] for p in contract["customProperties"] if p["property"] == "spell")
    del spell["endReason"], spell["voluntaryReasons"]


def test_silence_becomes_churn_when_the_outcome_window_has_passed(spark: "SparkSession") -> None:
    shop = load_business(SHIPPED_BUSINESSES / "shop")  # 180 days
    source = shop.label_source
    bought = {"quantity": 1, "amount": "5.00"}
    versions = [
        ("silent", "2024-01-31", bought | {"date": "2024-01-03"}),
        ("silent", "2024-01-31", bought | {"date": "2024-01-05"}),
        ("yesterday", "2024-01-31", bought | {"date": "2024-01-06"}),
    ]
    silver = {source.name: versions_of(spark, source, versions)}
    rows = churn_events(silver, shop, date(2024, 7, 3)).collect()
    assert [
        (r["customer_key"], r["kind"], r["started_on"], r["ended_on"], r["tenure_days"]) for r in rows
    ] == [("silent", "inactivity", date(2024, 1, 3), date(2024, 7, 3), 182)]
