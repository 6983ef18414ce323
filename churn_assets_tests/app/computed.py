"""The answers of the pages, computed a second time with pandas from the tables of a release."""

import math
from datetime import date

import pandas as pd
import pytest

from churn_assets.app.queries import churn, segments
from churn_assets.app.queries.overview import at_risk
from churn_assets.app.queries.value import customer_value
from churn_assets.app.store import ReleaseStore


def of_release(store: ReleaseStore, table: str) -> pd.DataFrame:
    """A table of the release, read without DuckDB."""
    found: pd.DataFrame = store.release.table(table).to_pandas()
    return found


def worth(store: ReleaseStore, rows: pd.DataFrame) -> "pd.Series[float]":
    """The value of each row as the pages count it."""
    value = customer_value(store)
    months = value.months if value is not None and value.months else 1
    return rows["value"].astype(float) / months


def check_at_risk(store: ReleaseStore) -> None:
    """Customers at risk, what they are worth, and who is expected to leave, on both days."""
    rows = of_release(store, "segments")
    found = at_risk(store)
    for told in [found.now, *([found.before] if found.before else [])]:
        day = rows[rows["as_of_date"] == told.day]
        high, value = day["risk_tier"] == "high", worth(store, day)
        assert (told.scored, told.high) == (len(day), int(high.sum()))
        assert told.model_version == day["model_version"].iloc[0]
        assert told.expected == pytest.approx(day["probability"].sum())
        assert told.spread == pytest.approx(math.sqrt((day["probability"] * (1 - day["probability"])).sum()))
        assert told.expected_low < told.expected < told.expected_high
        assert told.value_high == pytest.approx(value[high].sum())
        assert told.value_expected == pytest.approx((value * day["probability"]).sum())
        assert told.high_without_value == int(value[high].isna().sum())
        assert told.without_value == int(value.isna().sum())


def check_sizes(store: ReleaseStore, day: date) -> None:
    """Sizes, values and drivers of the segments of a day."""
    rows = of_release(store, "segments")
    rows = rows[rows["as_of_date"] == day]
    rows = rows.assign(worth=worth(store, rows))
    found = segments.sizes(store, day).set_index("segment")
    groups = rows.groupby("segment")
    assert found["customers"].to_dict() == groups.size().to_dict()
    assert found["share"].to_dict() == pytest.approx((groups.size() / len(rows)).to_dict())
    assert found["expected"].to_dict() == pytest.approx(groups["probability"].sum().to_dict())
    assert found["value"].to_dict() == pytest.approx(groups["worth"].sum().to_dict())
    loss = (rows["worth"] * rows["probability"]).groupby(rows["segment"]).sum()
    assert found["value_expected"].to_dict() == pytest.approx(loss.to_dict())
    by = ["segment", "driver"]
    drivers = segments.drivers(store, day).set_index(by)
    assert drivers["customers"].to_dict() == rows.groupby(by).size().to_dict()
    assert drivers["expected"].to_dict() == pytest.approx(rows.groupby(by)["probability"].sum().to_dict())


def check_flows(store: ReleaseStore, before: date, day: date) -> None:
    """Who moved between two days."""
    rows = of_release(store, "segments")
    was = rows[rows["as_of_date"] == before].set_index("customer_key")["segment"]
    now = rows[rows["as_of_date"] == day].set_index("customer_key")["segment"]
    both = pd.concat([was.rename("was"), now.rename("now")], axis=1)
    both = both.fillna({"was": segments.NEW, "now": segments.GONE})
    found = segments.flows(store, before, day)
    assert (
        found.set_index(["was", "now"])["customers"].to_dict() == both.value_counts(["was", "now"]).to_dict()
    )
    counts = segments.moves(found)
    assert counts.stayed == int((both["was"] == both["now"]).sum())
    assert counts.new == int((both["was"] == segments.NEW).sum())
    assert counts.gone == int((both["now"] == segments.GONE).sum())
    assert counts.stayed + counts.moved + counts.new + counts.gone == len(both)
    assert int(segments.moved(found)["customers"].sum()) == counts.moved


def check_churn(store: ReleaseStore) -> None:
    """Churn rates of all customers and of each group."""
    rows = of_release(store, "churn_rates")
    everybody = rows[rows["dimension"] == "all"].sort_values("month")
    found = churn.rates(store)
    assert found["month"].tolist() == everybody["month"].tolist() == churn.months(store)
    assert found["churn_rate"].tolist() == pytest.approx(everybody["churn_rate"].tolist())
    for row in found.to_dict("records"):
        lost = row["customers_lost_by_choice"] + row["customers_lost_otherwise"]
        low, high = wilson_bounds(lost, row["customers_start"] - row["customers_unknown"])
        assert (row["rate_low"], row["rate_high"]) == pytest.approx((low, high), abs=1e-9)
    dimensions = set(rows["dimension"]) - {"all"}
    assert set(churn.dimensions(store)) == dimensions
    first, last = found["month"].iloc[0], found["month"].iloc[-1]
    for dimension in sorted(dimensions):
        groups = rows[rows["dimension"] == dimension].assign(
            group=lambda r: r["value"].fillna(churn.NOT_KNOWN)
        )
        sums = groups.groupby("group").sum(numeric_only=True)
        told = churn.by_group(store, dimension, first, last).set_index("group").sort_index()
        known = sums["customers_start"] - sums["customers_unknown"]
        rate = ((sums["customers_lost_by_choice"] + sums["customers_lost_otherwise"]) / known).where(
            known > 0
        )
        assert told["customer_months"].to_dict() == known.to_dict()
        assert told["churn_rate"].tolist() == pytest.approx(rate.tolist(), nan_ok=True)
    check_balance(store, last)


def check_balance(store: ReleaseStore, month: str) -> None:
    """The flows of a month add up to its end, of customers and of revenue."""
    told = churn.balance(store, month)
    parts, end = told.iloc[:-1], told.iloc[-1]
    assert end["flow"] == "end"
    assert int(parts["customers"].sum()) == end["customers"]
    if churn.has_revenue(store):
        assert parts["revenue"].sum() == pytest.approx(end["revenue"])


def wilson_bounds(successes: int, trials: int) -> tuple[float, float]:
    """The interval by another way: the shares whose normal test does not refuse what was counted."""
    from scipy.stats import binomtest

    found = binomtest(int(successes), int(trials)).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)
