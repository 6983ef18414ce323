"""Tests of the benchmark of mornings and rules: on frames whose answer is known."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from benchmarks.mornings import measured
from benchmarks.rules import rule_days, tally
from churn_assets.contracts.alerts import AlertRule

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

BEFORE, FIRST, SECOND = date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 2)


def row(customer: str, day: date, **more: Any) -> dict[str, Any]:
    told = {"raw": 0.1, "probability": 0.1, "model_version": "1", "risk_tier": "low", "value_tier": "low"}
    return {"customer_key": customer, "as_of_date": day, **told, "driver": "usage", "gone": 0.0, **more}


def test_a_morning_is_compared_with_the_month_end_of_the_same_customers() -> None:
    rows = []
    for number in range(20):
        left = float(number >= 10)
        rows.append(row(f"c{number}", BEFORE, raw=float(number % 2), left=0.0))
        rows.append(row(f"c{number}", FIRST, raw=float(number), probability=0.5, left=left))
    rows.append(row("new", FIRST, raw=0.0, left=1.0))  # not scored at the month end
    rows.append(row("c0", SECOND, raw=0.0, left=0.0))
    rows.append(row("c1", SECOND, raw=0.0, left=float("nan")))  # ended otherwise
    rows += [row(f"c{n}", SECOND, raw=1.0, left=1.0) for n in (18, 19)]
    rows += [row("c2", SECOND, raw=0.0, left=0.0)]

    found = measured(pd.DataFrame(rows), BEFORE)

    first, second = found.mornings
    assert (first.day, first.customers, first.left, first.auc, first.month_end) == (
        "2026-04-01",
        20,
        10,
        1.0,
        0.5,
    )
    assert first.gain[0] == pytest.approx(0.5)
    assert (second.customers, second.left) == (4, 2)
    assert len(found.parts) == 1
    assert 0 < found.gain[0] <= 0.5


def test_rules_are_counted_by_day_against_the_share_of_all_who_left() -> None:
    rules = [
        AlertRule(name="rose", rose=0.2),
        AlertRule(name="tickets", sql="tickets_open_count_3m >= 2"),
    ]
    rows = [
        row(f"c{n}", day, **{"rule tickets": False}) for n in range(10) for day in (BEFORE, FIRST, SECOND)
    ]
    frame = pd.DataFrame(rows)
    at = frame["as_of_date"]
    frame.loc[(frame["customer_key"] == "c1") & (at >= FIRST), ["probability", "gone"]] = [0.4, 1.0]
    frame.loc[(frame["customer_key"] == "c2") & (at == SECOND), "probability"] = 0.4
    frame.loc[(frame["customer_key"] == "c3") & (at == SECOND), ["rule tickets", "gone"]] = [
        True,
        float("nan"),
    ]

    found = rule_days(frame, rules).set_index(["day", "rule"])

    assert list(found.loc[("2026-04-01", "rose"), ["found", "known", "left"]]) == [1, 1, 1]
    assert found.loc[("2026-04-01", "rose"), "base"] == pytest.approx(0.1)
    assert list(found.loc[("2026-04-02", "rose"), ["found", "known", "left"]]) == [1, 1, 0]
    assert list(found.loc[("2026-04-02", "tickets"), ["found", "known", "left"]]) == [1, 0, 0]
    told = tally(found.reset_index()).set_index("rule")
    assert told.loc["rose", "precision"] == 0.5
    assert told.loc["rose", "lift"] == pytest.approx(1 / (0.1 + 1 / 9))
    assert told.loc["tickets", "known"] == 0


def test_snapshots_without_a_condition_are_refused() -> None:
    rules = [AlertRule(name="tickets", sql="tickets_open_count_3m >= 2")]
    with pytest.raises(ValueError, match="do not know tickets"):
        rule_days(pd.DataFrame([row("c1", BEFORE), row("c1", FIRST)]), rules)
