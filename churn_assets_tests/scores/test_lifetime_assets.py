"""The assets of the survival view over a small lake without Spark: what they rest on, and what they refuse to say."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_range
from churn_assets.scores.lifetime_assets import (
    BETTER_THAN_KAPLAN_MEIER,
    EVERY_COHORT_JUDGED,
    ONE_LIFETIME,
    lifetime_assets,
)
from churn_assets_tests.checks import evaluations, require_blocked
from churn_assets_tests.lakes import settings_for, small_business
from churn_assets_tests.scored_cohorts import put_in_charge, write

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)

MONTHS = month_range("2025-06", "2025-12")
CUSTOMERS = 900
MADE = (tables.EXPECTED_LIFETIMES, tables.RETENTION_CURVES, tables.LIFETIME_QUALITY)


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return load_business(small_business(tmp_path, retraining=None))


def lake(home: Path, business: Business, says: float = 1.5) -> Lakehouse:
    """Seven cohorts; the newest two have not settled. `says`: how much the tickets of a customer say of the hazard."""
    house = Lakehouse(settings_for(home))
    rng = np.random.default_rng(3)
    windows, rows, labels = business.file.windows, [], []
    rule = {
        "policy": business.file.label.rule,
        "gap_days": windows.gap_days,
        "outcome_days": windows.outcome_days,
    }
    tickets = rng.poisson(1.0, CUSTOMERS).astype(float)
    joined = rng.integers(40, 900, CUSTOMERS)
    features = [f.name for f in business.features if f.name != "tenure_days"]
    there = np.ones(CUSTOMERS, dtype=bool)
    for at, month in enumerate(MONTHS):
        day = month_end(month)
        hazard = 1 / (1 + np.exp(4.2 - says * tickets))
        leaves = rng.random(CUSTOMERS) < hazard
        pending = at >= len(MONTHS) - 2
        available = date(day.year + (day.month + 2 > 12), (day.month + 1) % 12 + 1, 10)
        for i in np.flatnonzero(there):
            key = f"{i * 16**8 // CUSTOMERS:08x}"
            values = {name: tickets[i] if name.startswith("tickets") else None for name in features}
            rows.append(
                {"customer_key": key, "as_of_date": day, "known_at": day}
                | values
                | {"tenure_days": float(joined[i] + 30 * at)}
            )
            outcome = "pending" if pending else "churned" if leaves[i] else "stayed"
            labels.append(
                {"customer_key": key, "as_of_date": day, "outcome": outcome, "label_available_at": available}
                | {"label": {"churned": 1, "stayed": 0}.get(outcome)}
                | rule
            )
        there &= ~leaves | pending
    write(house, tables.customer_snapshots(business), rows)
    write(house, tables.CHURN_LABELS, labels)
    put_in_charge(house, 0.8)
    return house


def made(
    house: Lakehouse,
    business: Business,
    months: Sequence[str] = MONTHS[-1:],
    instance: dg.DagsterInstance | None = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    upstream = (tables.CHURN_SCORES, tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS, tables.CUSTOMER_SEGMENTS)
    return dg.materialize(
        [*lifetime_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(*(t.key for t in MADE)),
        resources={"lakehouse": house, "tracking": tracking_of(house.settings, business)},
        tags=range_tags(months),
        instance=instance,
        raise_on_error=raise_on_error,
    )


def rows_of(house: Lakehouse, table: tables.Table) -> list[dict[str, Any]]:
    order = [(name, "ascending") for name in table.row_key]
    return list(house.arrow(table).sort_by(order).to_pylist())


def test_every_customer_has_an_expected_lifetime_within_what_was_observed(
    tmp_path: Path, business: Business
) -> None:
    house = lake(tmp_path, business)
    result = made(house, business)
    rows = rows_of(house, tables.EXPECTED_LIFETIMES)
    newest = house.arrow(
        tables.CUSTOMER_SNAPSHOTS, ["customer_key"], [("as_of_date", "=", month_end(MONTHS[-1]))]
    )
    assert [r["customer_key"] for r in rows] == sorted(newest["customer_key"].to_pylist())
    assert {r["learned_until"] for r in rows} == {month_end("2025-10")}
    # five settled cohorts: five months ahead have been seen at the most
    assert {r["horizon_months"] for r in rows} <= {3, 4, 5}
    for row in rows:
        assert 0 <= row["expected_months_low"] <= row["expected_months"] <= row["expected_months_high"]
        assert row["expected_months_high"] <= row["horizon_months"]
        assert row["survival_3m"] is not None
        assert (row["survival_6m"], row["survival_12m"]) == (None, None)
    checks = evaluations(result)
    assert checks[f"scores/expected_lifetimes:{ONE_LIFETIME}"].passed
    assert checks[f"scores/lifetime_quality:{BETTER_THAN_KAPLAN_MEIER}"].passed
    [quality] = rows_of(house, tables.LIFETIME_QUALITY)
    assert quality["status"] == "ok"
    assert 0.5 < quality["concordance_low"] < quality["concordance"] < quality["concordance_high"] <= 1
    assert quality["brier"] < quality["brier_kaplan_meier"]
    assert quality["learned_until"] < quality["judged_as_of_date"] < month_end(MONTHS[-1])
    assert "spark" not in vars(house)


def test_retention_curves_of_all_and_of_groups(tmp_path: Path, business: Business) -> None:
    house = lake(tmp_path, business)
    made(house, business)
    rows = rows_of(house, tables.RETENTION_CURVES)
    assert {r["grouping"] for r in rows} >= {"all", "value tier"}
    everybody = [r for r in rows if r["grouping"] == "all"]
    assert everybody[0]["from_months"] == everybody[0]["tenure_months"] - 1
    shares = [1.0, *(r["retention"] for r in everybody)]
    assert shares == sorted(shares, reverse=True)
    settled = house.arrow(tables.CHURN_LABELS, ["label"])["label"].drop_null()
    assert sum(r["at_risk"] for r in everybody) <= len(settled)


def test_with_windows_of_two_months_a_customer_counts_once_in_them(tmp_path: Path) -> None:
    """Else the windows of consecutive cohorts overlap, and intervals are too narrow."""
    windows = {"observation_months": 6, "gap_days": 7, "outcome_days": 60, "settlement_days": 3}
    business = load_business(small_business(tmp_path / "business", retraining=None, windows=windows))
    house = lake(tmp_path, business)
    made(house, business)
    everybody = [r for r in rows_of(house, tables.RETENTION_CURVES) if r["grouping"] == "all"]
    labels = house.arrow(tables.CHURN_LABELS, ["as_of_date", "label"]).to_pylist()
    apart = [month_end(month) for month in ("2025-06", "2025-08", "2025-10")]
    settled = sum(row["label"] is not None for row in labels if row["as_of_date"] in apart)
    assert 0 < sum(r["at_risk"] for r in everybody) <= settled


def test_a_view_is_made_from_what_was_settled_at_its_date_alone(tmp_path: Path, business: Business) -> None:
    """The cohort of November, alone or in a range with December, before and after December's labels are there."""
    house = lake(tmp_path / "whole", business)
    made(house, business, MONTHS[-2:])
    november = [r for r in rows_of(house, tables.EXPECTED_LIFETIMES) if r["as_of_date"].month == 11]
    before = lake(tmp_path / "alone", business)
    later = {"label": None, "outcome": "pending"}
    labels = before.arrow(tables.CHURN_LABELS).to_pylist()
    write(
        before,
        tables.CHURN_LABELS,
        [row | (later if row["label_available_at"] > month_end("2025-11") else {}) for row in labels],
    )
    made(before, business, ["2025-11"])
    assert rows_of(before, tables.EXPECTED_LIFETIMES) == november
    assert {r["learned_until"] for r in november} == {month_end("2025-09")}


def test_a_view_that_is_no_better_than_the_curve_is_told_and_stops_nothing(
    tmp_path: Path, business: Business
) -> None:
    house = lake(tmp_path, business, says=0.0)
    labels = house.arrow(tables.CHURN_LABELS).to_pylist()
    rng = np.random.default_rng(5)
    for row in labels:  # customers come and go at random, more than in the lake above
        if row["label"] is not None:
            left = bool(rng.random() < 0.06)
            row |= {"label": int(left), "outcome": "churned" if left else "stayed"}
    write(house, tables.CHURN_LABELS, labels)
    result = made(house, business)
    assert result.success
    found = evaluations(result)[f"scores/lifetime_quality:{BETTER_THAN_KAPLAN_MEIER}"]
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    assert "not shown to be better" in str(found.description)
    assert found.metadata["brier_kaplan_meier"].value > 0
    assert found.metadata["concordance_low"].value < 0.5


def test_without_history_nothing_is_said(tmp_path: Path, business: Business) -> None:
    house = lake(tmp_path, business)
    result = made(house, business, ["2025-06"])
    assert result.success
    assert house.count(tables.EXPECTED_LIFETIMES) == 0
    [quality] = rows_of(house, tables.LIFETIME_QUALITY)
    assert quality["status"].startswith("not judged: No label was settled by 2025-06-30")
    assert quality["concordance"] is None
    for check in (f"expected_lifetimes:{ONE_LIFETIME}", f"lifetime_quality:{BETTER_THAN_KAPLAN_MEIER}"):
        found = evaluations(result)[f"scores/{check}"]
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "No label was settled" in str(found.description)


def test_an_outcome_window_of_no_whole_months_gives_no_view(tmp_path: Path, business: Business) -> None:
    windows = {"observation_months": 6, "gap_days": 7, "outcome_days": 45, "settlement_days": 3}
    other = load_business(small_business(tmp_path / "other", retraining=None, windows=windows))
    house = lake(tmp_path, business)
    result = made(house, other)
    assert house.count(tables.EXPECTED_LIFETIMES) == 0
    found = evaluations(result)[f"scores/expected_lifetimes:{ONE_LIFETIME}"]
    assert "outcome window of 45 days" in str(found.description)


def test_lifetimes_out_of_order_are_never_written(
    tmp_path: Path, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_assets.scores import expected_lifetimes

    house, real = lake(tmp_path, business), expected_lifetimes.lifetimes

    def broken(*args: Any) -> Any:
        found = real(*args)
        found.months[:3] = np.nan
        return found

    monkeypatch.setattr(expected_lifetimes, "lifetimes", broken)
    with dg.DagsterInstance.ephemeral() as instance:
        result = made(house, business, instance=instance, raise_on_error=False)
        evidence = require_blocked(result, instance, tables.EXPECTED_LIFETIMES, ONE_LIFETIME)
    assert "lifetimes out of order" in evidence
    assert not house.exists(tables.EXPECTED_LIFETIMES)


def test_a_judgement_without_numbers_is_never_written(
    tmp_path: Path, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from churn_assets.scores import lifetime_quality

    house, real = lake(tmp_path, business), lifetime_quality.judge
    monkeypatch.setattr(lifetime_quality, "judge", lambda *a: replace(real(*a), concordance=float("nan")))
    with dg.DagsterInstance.ephemeral() as instance:
        result = made(house, business, instance=instance, raise_on_error=False)
        evidence = require_blocked(result, instance, tables.LIFETIME_QUALITY, EVERY_COHORT_JUDGED)
    assert "concordance" in evidence
    assert not house.exists(tables.LIFETIME_QUALITY)
