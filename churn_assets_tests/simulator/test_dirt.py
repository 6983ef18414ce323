"""Dirt: present at about its rates, limited, and without influence on the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets_tests.simulator.worlds import World, json_rows, make_world

pytestmark = pytest.mark.one_python(reason="NumPy draws the worlds; others are drawn on each Python")

PLAN = SimulationPlan(customers=900, months=4)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("dirty"), PLAN)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("clean"), replace(PLAN, dirt=DirtRates.none()))


def test_dirt_does_not_change_the_truth(dirty: World, clean: World) -> None:
    assert clean.hazard().equals(dirty.hazard())
    ours, theirs = clean.table("subscriptions"), dirty.table("subscriptions")
    assert set(ours["subscription_id"]) == set(theirs["subscription_id"])


def test_usage_dirt_comes_at_its_rates(dirty: World) -> None:
    usage = dirty.table("usage")
    usage = usage[~usage["file"].str.startswith("usage-20250314-1")]
    rates, rows = dirty.plan.dirt, len(usage)
    age = (pd.to_datetime(usage["extract_date"]) - pd.to_datetime(usage["day"])).dt.days
    measures = [
        "customer_id",
        "day",
        "voice_minutes",
        "sms_count",
        "data_mb",
        "roaming_mb",
        "dropped_calls",
        "outage_minutes",
    ]
    known = usage[usage["customer_id"].notna()]
    again = known.duplicated(["customer_id", "day"]).sum()
    exact = known.duplicated(measures).sum()
    assert 0.6 * rates.duplicate < exact / rows < 1.3 * rates.duplicate
    assert 0.4 * rates.correction < (again - exact) / rows < 1.3 * rates.correction
    late = (age > 10) & ~usage.index.isin(known.index[known.duplicated(["customer_id", "day"])])
    assert 0.3 * rates.late < late.sum() / rows < 1.3 * rates.late
    assert age.max() <= 56 and age.min() >= 0
    assert (
        0.5 * rates.unknown_customer
        < usage["customer_id"].str.startswith("X").sum() / rows
        < 1.6 * rates.unknown_customer
    )
    assert 0.4 * rates.null_key < usage["customer_id"].isna().mean() < 1.7 * rates.null_key
    odd = (usage["data_mb"] > 1e9) | (usage["data_mb"] < 0) | (usage["voice_minutes"] < 0)
    assert 0.5 * rates.out_of_range < odd.mean() < 1.5 * rates.out_of_range


def test_corrections_end_with_the_true_value(dirty: World, clean: World) -> None:
    known = dirty.table("usage").dropna(subset=["customer_id"])
    known = known[known["data_mb"].between(0, 1e9) & (known["voice_minutes"] >= 0)]
    fixed = known[known.duplicated(["customer_id", "day"])].drop_duplicates(
        ["customer_id", "day"], keep="last"
    )
    both = fixed.merge(clean.table("usage"), on=["customer_id", "day"], suffixes=("", "_true"))
    assert len(both) > 500
    assert (both["data_mb"] == both["data_mb_true"]).all() and (
        both["voice_minutes"] == both["voice_minutes_true"]
    ).all()


def test_customers_change_columns_and_formats(dirty: World) -> None:
    heads = {}
    for path in sorted((dirty.landing / "customers").rglob("*.csv")):
        heads[path.parent.name[-10:-3]] = path.read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    for month, head in heads.items():
        late = month >= dirty.plan.change_month
        assert (
            ("channel" in head) == late
            and ("acquisition_channel" in head) != late
            and ("loyalty_points" in head) == late
        )
    marks = [
        path.read_bytes().startswith(b"\xef\xbb\xbf") for path in (dirty.landing / "customers").rglob("*.csv")
    ]
    assert set(marks) == {True, False}
    customers = dirty.table("customers")
    assert 0.15 < customers["birth_date"].str.fullmatch(r"\d\d\.\d\d\.\d{4}").mean() < 0.35
    assert 0.005 < (customers["household_size"] == "").mean() < 0.04
    assert customers["region"].isin(["XX"]).any() or customers["birth_date"].isin(["00.00.19"]).any()


def test_refusable_rows_stay_below_half_a_percent_everywhere(dirty: World) -> None:
    checks = {
        "customers": lambda t: (
            (t["region"] == "XX") | (t["birth_date"] == "00.00.19") | (t["household_size"] == "99")
        ),
        "subscriptions": lambda t: (
            t["plan"].eq("gold")
            | t["monthly_price"].isin(["n/a", "-1.00"])
            | t["started_on"].str.startswith("2O")
        ),
        "usage": lambda t: (
            t["customer_id"].isna() | (t["data_mb"] > 1e9) | (t["data_mb"] < 0) | (t["voice_minutes"] < 0)
        ),
    }
    for source, check in checks.items():
        table = dirty.table(source)
        shares = check(table).groupby(table["extract_date"].str[:7]).mean()
        assert (shares < 0.005).all() and shares.sum() > 0, source


def test_broken_json_lines_are_few_but_there(dirty: World) -> None:
    good = broken = 0
    for path in sorted((dirty.landing / "invoices").rglob("*.jsonl")):
        rows, bad = json_rows(path)
        good, broken = good + len(rows), broken + bad
    assert 0 < broken < 0.005 * good


def test_a_cut_usage_extract_is_sent_again_in_full(dirty: World) -> None:
    files = sorted((dirty.landing / "usage").rglob("*-2.parquet"))
    assert [path.name for path in files] == ["usage-20250314-2.parquet"]
    usage = dirty.table("usage")
    first, second = (usage[usage["file"] == f"usage-20250314-{part}.parquet"] for part in (1, 2))
    assert 0.3 < len(first) / len(second) < 0.5
    columns = [name for name in usage.columns if name not in ("file", "extract_date")]
    assert (
        first[columns].reset_index(drop=True).equals(second[columns].head(len(first)).reset_index(drop=True))
    )


def test_planned_feed_loss(tmp_path: Path) -> None:
    losses = (("usage", "2025-05"), ("invoices", "2025-05"), ("subscriptions", "2025-05"))
    plan = SimulationPlan(customers=100, months=4, start=date(2025, 3, 1), truncate=losses)
    world = make_world(tmp_path, plan)
    for source in ("usage", "invoices", "subscriptions"):
        table = world.table(source)
        counts = table.groupby(table["extract_date"].str[:7]).size()
        assert counts["2025-05"] < 0.45 * counts["2025-06"], source
