"""The telecom world: what is delivered, when, and that it agrees with the truth."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.simulator.coming import coming_days, deliver_day
from churn_assets.simulator.plan import TELECOM_SOURCES, DirtRates, SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets.simulator.truth import eligible, rank_auc
from churn_assets.simulator.usage_feed import SCHEMA
from churn_assets_tests.simulator.worlds import World, make_world

pytestmark = pytest.mark.one_python(
    reason="simulates large worlds in NumPy; test_dirt simulates a small one on each Python"
)

SMALL = SimulationPlan(customers=100, months=3, start=date(2025, 3, 1))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(
        tmp_path_factory.mktemp("clean"), SimulationPlan(customers=500, months=6, dirt=DirtRates.none())
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("large"), SimulationPlan(customers=2000, months=12))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> World:
    plan = SimulationPlan(customers=4000, months=18, dirt=DirtRates.none())
    return make_world(tmp_path_factory.mktemp("many"), plan)


def test_equal_plans_give_equal_bytes_and_other_seeds_do_not(small: World, tmp_path: Path) -> None:
    first, again = small, make_world(tmp_path / "b", SMALL)
    other = make_world(tmp_path / "c", replace(SMALL, seed=8))
    assert first.digests() == again.digests()
    assert first.hazard().equals(again.hazard())
    assert not set(first.digests().values()) & {
        digest for name, digest in other.digests().items() if "usage" in name
    }


def test_what_is_delivered_does_not_change_with_the_code(small: World) -> None:
    """The text sources, which hang on every draw; usage is Parquet, whose bytes change with its library."""
    told = sorted(item for item in small.digests().items() if not item[0].startswith("usage"))
    assert hashlib.sha256(repr(told).encode()).hexdigest()[:16] == "91a78696f043f16b"


def test_an_objection_stays_and_an_account_manager_changes_with_the_region_only(large: World) -> None:
    customers = large.table("customers")
    clean = customers[customers["region"] != "XX"]
    known = clean.groupby("customer_id")["profiling_objection"]
    assert (known.nunique() == 1).all()
    shares = known.first().value_counts(normalize=True)
    assert (
        0.01 < shares["true"] < 0.03
        and 0.03 < shares[""] < 0.07
        and set(shares.index) == {"true", "false", ""}
    )
    assert (clean.groupby(["customer_id", "region"])["account_manager"].nunique() == 1).all()
    managers = clean.groupby("account_manager")["region"].nunique()
    assert managers.pop("") == 5 and len(managers) == 10 and (managers == 1).all()


def test_a_longer_history_begins_like_the_shorter_one(tmp_path: Path) -> None:
    dirt = DirtRates(change_month="2025-04")
    short = make_world(tmp_path / "short", replace(SMALL, months=2, dirt=dirt))
    longer = make_world(tmp_path / "longer", replace(SMALL, dirt=dirt))
    assert short.digests() == longer.digests(months=short.plan.month_keys)


def test_every_source_is_delivered_on_its_dates_and_only_then(clean: World) -> None:
    for source in TELECOM_SOURCES:
        planned = clean.plan.month_ends if source == "customers" else clean.plan.change_extracts
        folders = sorted(path.name for path in (clean.landing / source).iterdir())
        assert folders == [f"extract_date={value}" for value in planned]
    assert not list(clean.landing.rglob(".*"))
    assert sum(clean.summary.files.values()) == len(clean.digests())


def test_formats_are_as_agreed(clean: World) -> None:
    assert list(clean.table("subscriptions").columns[:10]) == [
        "subscription_id", "customer_id", "plan", "contract_months", "monthly_price", "started_on", "expires_on",
        "notice_on", "ended_on", "end_reason",
    ]  # fmt: skip
    assert list(clean.table("retention_contacts").columns[:8]) == [
        "contact_id", "customer_id", "contacted_on", "campaign", "offer", "cost", "accepted", "arm",
    ]  # fmt: skip
    schema = pq.read_schema(next((clean.landing / "usage").rglob("*.parquet")))
    assert schema.equals(SCHEMA) and schema.field("day").type == pa.date32()
    invoices, tickets = clean.table("invoices"), clean.table("tickets")
    assert set(invoices["payment.status"]) == {"open", "paid", "failed", "overdue"}
    assert (
        invoices["invoice_id"].str.fullmatch(r"I\d{8}").all()
        and tickets["ticket_id"].str.fullmatch(r"T\d{7}").all()
    )
    totals = invoices["lines"].map(lambda lines: round(sum(line["amount"] for line in lines), 2))
    assert (totals - invoices["amount"]).abs().max() < 0.011
    assert set(tickets["satisfaction"].dropna()) <= {1, 2, 3, 4, 5}


def test_a_clean_world_has_no_dirt(clean: World) -> None:
    usage = clean.table("usage")
    assert not usage.duplicated(["customer_id", "day"]).any()
    assert usage["customer_id"].str.fullmatch(r"C\d{7}").all()
    assert (usage.select_dtypes("number") >= 0).all().all() and usage["data_mb"].max() < 1e6
    customers = clean.table("customers")
    assert customers["acquisition_channel"].notna().all() and "loyalty_points" not in customers
    assert (
        customers["birth_date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
        and (customers["household_size"] != "").all()
    )
    for source, key in (
        ("subscriptions", "subscription_id"),
        ("invoices", "invoice_id"),
        ("tickets", "ticket_id"),
    ):
        assert not clean.table(source).duplicated([key, "extract_date"]).any()


def test_first_extract_carries_every_running_subscription(clean: World) -> None:
    subscriptions = clean.table("subscriptions")
    before = subscriptions[subscriptions["started_on"] < "2025-01-01"]
    first = subscriptions[subscriptions["extract_date"] == "2025-01-07"]
    assert set(before["subscription_id"]) <= set(first["subscription_id"])
    assert 440 <= len(first) <= 560
    assert pd.to_datetime(first["started_on"]).min() < pd.Timestamp("2020-01-01")


def test_nothing_is_known_before_it_happens(clean: World) -> None:
    for source, columns in {
        "subscriptions": ["started_on", "notice_on", "ended_on"],
        "retention_contacts": ["contacted_on"],
        "invoices": ["issued_on", "payment.paid_on"],
        "tickets": ["opened_at", "closed_at"],
        "usage": ["day"],
    }.items():
        table = clean.table(source)
        for column in columns:
            seen = table[column].astype("string").fillna("").str[:10]
            assert (seen <= table["extract_date"]).all(), (source, column)
    tickets = clean.table("tickets")
    last = tickets["messages"].map(lambda messages: messages[-1]["at"][:10])
    assert (last <= tickets["extract_date"]).all()


def test_invoices_are_first_open_and_tickets_are_delivered_again_when_closed(clean: World) -> None:
    invoices, tickets = clean.table("invoices"), clean.table("tickets")
    assert (invoices.drop_duplicates("invoice_id")["payment.status"] == "open").all()
    closed = tickets.drop_duplicates("ticket_id", keep="last")
    assert closed.loc[closed["opened_at"] < "2025-05-01", "closed_at"].notna().all()
    assert tickets.loc[tickets["closed_at"].isna(), "satisfaction"].isna().all()


def test_truth_and_subscriptions_agree_on_every_end(clean: World) -> None:
    ends = pd.read_parquet(clean.truth / "ends.parquet")
    last = (
        clean.table("subscriptions").drop_duplicates("subscription_id", keep="last").set_index("customer_id")
    )
    told = last[last["ended_on"] != ""]
    assert len(ends) == len(told) and len(ends) > 50
    joined = ends.rename(columns={"ended_on": "ended_on_truth"}).join(told, on="customer_id")
    assert (joined["reason"] == joined["end_reason"]).all()
    assert (joined["ended_on_truth"].astype(str) == joined["ended_on"]).all()
    assert (joined.loc[~joined["voluntary"], "notice_on"] == "").all()
    assert (joined.loc[joined["voluntary"], "notice_on"] <= joined.loc[joined["voluntary"], "ended_on"]).all()


def test_usage_covers_exactly_the_days_of_service(clean: World) -> None:
    last = (
        clean.table("subscriptions").drop_duplicates("subscription_id", keep="last").set_index("customer_id")
    )
    days = clean.table("usage").groupby("customer_id")["day"].agg(["min", "max", "size"])
    joined = days.join(last)
    start = pd.to_datetime(joined["started_on"]).clip(lower=pd.Timestamp("2025-01-01"))
    end = pd.to_datetime(joined["ended_on"].replace("", "2025-06-30"))
    assert len(days) == len(last)
    assert (pd.to_datetime(joined["min"]) == start).all() and (pd.to_datetime(joined["max"]) == end).all()
    assert (joined["size"] == (end - start).dt.days + 1).all()


def test_outcomes_in_the_truth_follow_from_the_ends(clean: World) -> None:
    hazard = clean.hazard()
    ends = pd.read_parquet(clean.truth / "ends.parquet").set_index("customer_id")
    joined = hazard.join(ends, on="customer_id")
    after = (pd.to_datetime(joined["ended_on"]) - pd.to_datetime(joined["as_of_date"])).dt.days
    expected = joined["voluntary"].astype("boolean").fillna(False).astype(bool) & (after > 7) & (after <= 37)
    known = hazard["voluntary_end_in_window"].notna()
    assert (hazard.loc[known, "voluntary_end_in_window"].astype(bool) == expected[known]).all()
    assert set(hazard.loc[~known, "as_of_date"].astype(str)) == {"2025-05-31", "2025-06-30"}
    assert hazard["churn_probability"].between(0, 1).all() and (hazard["hazard_daily"] > 0).all()


def test_the_world_is_as_hard_as_promised(large: World) -> None:
    judged = eligible(large.hazard())
    auc = rank_auc(
        judged["churn_probability"].to_numpy(), judged["voluntary_end_in_window"].astype(bool).to_numpy()
    )
    assert auc == large.summary.hazard_auc
    assert auc is not None and 0.84 <= auc <= 0.90
    assert 0.02 <= large.summary.base_rate <= 0.04
    ratio = judged["churn_probability"].sum() / judged["voluntary_end_in_window"].astype(bool).sum()
    assert 0.8 <= ratio <= 1.25
    involuntary = sum(large.summary.involuntary.values()) / sum(large.summary.active.values())
    assert 0.001 <= involuntary <= 0.004
    assert all(1700 <= active <= 2300 for active in large.summary.active.values())


def test_the_truth_expects_as_many_ends_as_come_however_near_the_end_of_the_contract(many: World) -> None:
    """Of a clean world: what is delivered is what is; within three standard errors of the number of ends."""
    judged = eligible(many.hazard()).assign(day=lambda t: pd.to_datetime(t["as_of_date"]))
    contracts = many.table("subscriptions")[["customer_id", "expires_on", "extract_date"]]
    contracts = contracts.assign(day=pd.to_datetime(contracts["extract_date"])).sort_values("day")
    judged = pd.merge_asof(judged.sort_values("day"), contracts, on="day", by="customer_id")
    left = (pd.to_datetime(judged["expires_on"]) - judged["day"]).dt.days
    span = pd.cut(left.fillna(-1), [-2, -1, 7, 36, 60, 90, np.inf])
    judged["variance"] = judged["churn_probability"] * (1 - judged["churn_probability"])
    judged["came"] = judged["voluntary_end_in_window"].astype(int)
    for by in (span, pd.qcut(judged["churn_probability"], 5)):
        told = judged.groupby(by, observed=True)[["churn_probability", "variance", "came"]].sum()
        errors = (told["came"] - told["churn_probability"]) / np.sqrt(told["variance"])
        assert (errors.abs() < 3).all(), told.assign(errors=errors)


def test_retention_keeps_a_random_control_arm(large: World) -> None:
    contacts = large.table("retention_contacts").drop_duplicates("contact_id")
    control = contacts["arm"] == "control"
    assert 0.13 <= control.mean() <= 0.28
    assert set(contacts.loc[control, "offer"]) == {"none"} and set(contacts.loc[control, "accepted"]) == {
        "false"
    }


def test_offers_that_answer_a_trouble_are_accepted_more_often(many: World) -> None:
    """A credit for bad service: by those with a ticket in the weeks before more often than by others."""
    contacts = many.table("retention_contacts").drop_duplicates("contact_id")
    assert set(contacts["offer"]) == {"none", "discount_10", "discount_25", "upgrade", "service_credit"}
    tickets = many.table("tickets").drop_duplicates("ticket_id")[["customer_id", "opened_at"]]
    joined = contacts.merge(tickets, on="customer_id")
    ago = (
        pd.to_datetime(joined["contacted_on"]) - pd.to_datetime(joined["opened_at"]).dt.tz_localize(None)
    ).dt.days
    troubled = contacts["contact_id"].isin(joined.loc[ago.between(0, 20), "contact_id"])
    credit = contacts["offer"] == "service_credit"
    took = contacts["accepted"] == "true"
    assert took[credit & troubled].mean() > took[credit & ~troubled].mean() + 0.1


def test_drift_changes_nothing_before_its_month(small: World, tmp_path: Path) -> None:
    stable = small
    drifted = make_world(tmp_path / "drifted", replace(SMALL, drift_from="2025-05"))
    assert stable.digests(("2025-03", "2025-04")) == drifted.digests(("2025-03", "2025-04"))
    assert stable.digests(("2025-05",)) != drifted.digests(("2025-05",))
    before, after = stable.hazard(), drifted.hazard()
    early = before["as_of_date"] < date(2025, 5, 1)
    assert early.any() and before.loc[early, "hazard_daily"].equals(
        after.loc[after["as_of_date"] < date(2025, 5, 1), "hazard_daily"]
    )
    may = pd.merge(before, after, on=["customer_id", "as_of_date"])
    may = may[may["as_of_date"] == date(2025, 5, 31)]
    assert may["hazard_daily_x"].corr(may["hazard_daily_y"], method="spearman") < 0.7


def test_landing_of_another_world_is_refused(small: World) -> None:
    before = small.digests()
    with pytest.raises(FileExistsError, match="two worlds would mix"):
        make_world(small.landing.parent, replace(SMALL, start=date(2024, 3, 1)))
    assert small.digests() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"months": 1}, "at least 2"),
        ({"customers": 3}, "at least 20"),
        ({"start": date(2025, 1, 2)}, "first day of a month"),
        ({"drift_from": "2025-1"}, "YYYY-MM"),
        ({"truncate": (("nothing", "2025-03"),)}, "unknown source"),
        ({"truncate": (("usage", "2029-03"),)}, "outside"),
        ({"dirt": DirtRates(change_month="2031-01")}, "outside"),
        ({"daily_from": "2025-06"}, "not one of the months 2025-03 to 2025-05"),
    ],
)
def test_impossible_plans_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)  # type: ignore[arg-type]


DAILY = replace(SMALL, daily_from="2025-05")


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("daily"), DAILY)


def test_daily_extracts_change_neither_the_world_nor_what_came_before_them(
    small: World, daily: World
) -> None:
    before = ("2025-03", "2025-04")
    assert daily.digests(before) == small.digests(before)
    assert daily.hazard().equals(small.hazard())
    for name in ("ends", "customers"):
        assert pd.read_parquet(daily.truth / f"{name}.parquet").equals(
            pd.read_parquet(small.truth / f"{name}.parquet")
        )


def test_from_then_on_every_source_but_customers_delivers_every_day(daily: World) -> None:
    days = [f"extract_date=2025-05-{day:02d}" for day in range(1, 32)]
    for source in TELECOM_SOURCES:
        found = sorted(path.name for path in (daily.landing / source).glob("extract_date=2025-05-*"))
        assert found == (days[-1:] if source == "customers" else days)
    assert sum(daily.summary.files.values()) == len(daily.digests())


def test_the_month_of_daily_extracts_holds_about_as_many_rows(small: World, daily: World) -> None:
    """So the volume that a contract allows is kept: a row more only where a key changed twice within a week."""
    for source in TELECOM_SOURCES:
        of_weeks, of_days = (
            len(t[t["extract_date"].str.startswith("2025-05")])
            for t in (small.table(source), daily.table(source))
        )
        assert 0.95 * of_weeks - 1 <= of_days <= 1.6 * of_weeks + 2, source


def test_each_day_holds_the_usage_of_that_day_and_what_was_late(daily: World) -> None:
    usage = daily.table("usage")
    of_may = usage[usage["extract_date"].str.startswith("2025-05")]
    lag = (pd.to_datetime(of_may["extract_date"]) - pd.to_datetime(of_may["day"])).dt.days
    assert (lag >= 0).all() and (lag == 0).mean() > 0.97


def test_extracts_that_are_to_come_are_delivered_day_by_day(daily: World, tmp_path: Path) -> None:
    landing, coming = tmp_path / "landing", tmp_path / "coming"
    simulate_telecom(DAILY, landing, tmp_path / "truth", coming=coming)
    days = coming_days(coming)
    assert days == [date(2025, 5, day) for day in range(1, 32)]
    assert not list(landing.rglob("extract_date=2025-05-*"))
    first = deliver_day(coming, landing, days[0])
    assert [path.parent.parent.name for path in first] == sorted(set(TELECOM_SOURCES) - {"customers"})
    assert coming_days(coming) == days[1:] and deliver_day(coming, landing, days[0]) == []
    for day in days[1:]:
        deliver_day(coming, landing, day)
    assert World(DAILY, landing, tmp_path / "truth", daily.summary).digests() == daily.digests()
    assert coming_days(coming) == []


def test_what_waits_of_another_world_is_refused(tmp_path: Path) -> None:
    stranger = tmp_path / "coming" / "usage" / "extract_date=2024-01-01" / "usage.parquet"
    stranger.parent.mkdir(parents=True)
    stranger.touch()
    with pytest.raises(FileExistsError, match="two worlds would mix"):
        simulate_telecom(DAILY, tmp_path / "landing", tmp_path / "truth", coming=tmp_path / "coming")
