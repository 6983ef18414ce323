"""Shipped businesses load, and mean what their files say."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.contracts.reports import mistakes_of, only_mistake
from churn_assets_tests.lakes import business_copy, edit_yaml, tell_merges

Edit = Callable[[dict[str, Any]], object]


def test_telecom_has_seven_sources_and_about_sixty_features() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    assert {s.name: s.role for s in business.sources} == {
        "customers": "entity",
        "subscriptions": "spell",
        "invoices": "event",
        "usage": "event",
        "tickets": "event",
        "retention_contacts": "treatment",
        "app_contacts": "treatment",
    }
    assert 55 <= len(business.features) <= 75
    assert business.label_source.spell is not None
    assert business.label_source.spell.voluntary_reasons == (
        "price",
        "competitor",
        "service",
        "moved",
        "other",
    )
    usage = business.source("usage")
    assert usage.key == ("customer_id", "day") and usage.silver_key == ("customer_key", "day")
    personal = {s.name: [c.name for c in s.personal] for s in business.sources if s.personal}
    assert personal == {
        "customers": ["full_name", "email", "phone", "birth_date", "account_manager"],
        "app_contacts": ["contacted_by"],
    }
    reach = business.source("customers").reach
    assert reach.objection is not None and reach.objection.column == "profiling_objection"
    assert reach.account_owner == "account_manager"


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_shipped_contracts_say_what_every_column_means(name: str) -> None:
    silent = [
        f"{source.name}.{column.name}"
        for source in load_business(SHIPPED_BUSINESSES / name).sources
        for column in source.columns
        if not column.meaning.endswith(".")
    ]
    assert silent == []


def test_a_column_takes_meaning_and_unit_from_its_property() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    price = business.source("subscriptions").column("monthly_price")
    assert (price.meaning, price.unit) == ("Price of the plan per month.", "EUR")
    fee = business.source("invoices").column("late_fee")  # described by its transformation alone
    assert (fee.meaning, fee.unit) == ("Sum of the invoice lines called late_fee.", "EUR")
    assert business.source("subscriptions").column("plan").unit is None


def test_shop_is_one_event_source_whose_key_is_the_whole_row() -> None:
    business = load_business(SHIPPED_BUSINESSES / "shop")
    source, marked = business.label_source, business.source("app_contacts")
    assert business.sources == (marked, source)
    assert source.key == ("customer_id", "date", "quantity", "amount")
    assert business.file.label.policy == "inactivity"
    assert [c.name for c in source.attributes] == ["date", "quantity", "amount"]


def test_names_and_words_of_features_tell_source_measure_aggregate_and_window() -> None:
    names = {f.name: f for f in load_business(SHIPPED_BUSINESSES / "telecom").features}
    expected = {
        "tenure_days",
        "subscriptions_days_to_expiry",
        "subscriptions_plan",
        "subscriptions_monthly_price_change_3m",
        "subscriptions_monthly_price_change_recency_days",
        "usage_data_mb_sum_6m",
        "usage_data_mb_sum_7d",
        "usage_data_mb_trend_3m",
        "invoices_failed_count_1m",
        "invoices_open_amount_sum_3m",
        "invoices_status_paid_share_6m",
        "tickets_count_1m",
        "tickets_recency_days",
        "retention_contacts_treated_count_6m",
        "invoiced_per_gb_3m",
    }
    assert expected <= names.keys()
    assert names["subscriptions_plan"].kind == "category"
    assert names["subscriptions_contract_months"].kind == "number"
    assert names["usage_data_mb_sum_1m"].words == "data used (MB), last month"
    assert names["usage_data_mb_sum_7d"].words == "data used (MB), last 7 days"
    assert (names["usage_data_mb_sum_6m"].months, names["usage_data_mb_sum_6m"].days) == (6, None)


def test_a_protected_attribute_is_no_feature_unless_allowed_and_never_a_reason() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    features = {f.name: f for f in business.features}
    assert [p.name for p in business.protected] == [
        "protected_customers_birth_decade",
        "protected_customers_region",
    ]
    assert not features.keys() & {p.name for p in business.protected}
    assert not any(f.column == "birth_decade" for f in business.features)
    assert features["customers_region"].protected and not features["customers_region"].nameable
    assert features["subscriptions_plan"].actionable and features["subscriptions_plan"].nameable
    assert not features["tenure_days"].actionable and features["tenure_days"].nameable


def test_lapse_needs_an_expiry(tmp_path: Path) -> None:
    folder = business_copy(tmp_path, label={"policy": "lapse", "source": "subscriptions", "renewal_days": 3})
    assert load_business(folder).file.label.policy == "lapse"

    def forget_expiry(contract: dict[str, Any]) -> None:
        next(p for p in contract["customProperties"] if p["property"] == "spell")["value"].pop("expiresOn")

    other = business_copy(tmp_path, label={"policy": "lapse", "source": "subscriptions", "renewal_days": 3})
    edit_yaml(other / "contracts" / "subscriptions.yaml", forget_expiry)
    assert [(m.path, m.problem) for m in mistakes_of(lambda: load_business(other))] == [
        ("label.policy", "the policy lapse needs spell.expiresOn in the contract"),
        ("features[1].aggregate", "subscriptions declares no spell.expiresOn"),
    ]


def test_what_a_row_cannot_do_without_is_required_whatever_the_contract_says(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)

    def loosen(contract: dict[str, Any]) -> None:
        for prop in contract["schema"][0]["properties"]:
            prop.pop("required", None)
            prop.pop("classification", None)

    for name in ("tickets", "subscriptions"):
        edit_yaml(folder / "contracts" / f"{name}.yaml", loosen)
    tickets = load_source(folder / "contracts" / "tickets.yaml")
    assert {c.name for c in tickets.columns if c.required} == {"ticket_id", "customer_id", "opened_at"}
    assert tickets.column("customer_id").personal
    subscriptions = load_source(folder / "contracts" / "subscriptions.yaml")
    assert {c.name for c in subscriptions.columns if c.required} == {
        "subscription_id",
        "customer_id",
        "started_on",
    }


def test_first_month_of_a_source_is_its_availability_but_not_before_the_calendar(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)

    def available(day: str) -> Edit:
        return lambda c: c["slaProperties"].append({"property": "generalAvailability", "value": day})

    edit_yaml(folder / "contracts" / "tickets.yaml", available("2025-04-01"))
    edit_yaml(folder / "contracts" / "usage.yaml", available("2020-04-01"))
    business = load_business(folder)
    assert business.first_month(business.source("tickets")) == "2025-04"
    assert business.first_month(business.source("usage")) == "2025-01"
    assert business.first_month(business.source("customers")) == "2025-01"


def test_how_far_back_a_snapshot_needs_a_source(tmp_path: Path) -> None:
    """States may have been told of in any earlier extract, unless each extract lists them all."""
    features = [
        {"source": "usage", "aggregate": "sum", "measure": "data_mb", "months": [1]},
        {"source": "tickets", "aggregate": "count_ever"},
    ]
    folder = business_copy(tmp_path, features=features, customer_months=None, segments=SEGMENTS)
    business = load_business(folder)
    needed = {source.name: business.history_months(source) for source in business.sources}
    months = business.file.windows.observation_months
    assert needed == {
        "subscriptions": None,
        "tickets": None,
        **dict.fromkeys(("customers", "usage", "invoices", "retention_contacts", "app_contacts"), months),
    }
    for edit in (tell_merges, _delivers_changes):  # a merged customer may be listed once and then no more
        telling = business_copy_of(folder, tmp_path / edit.__name__)
        edit_yaml(telling / "contracts" / "customers.yaml", edit)
        again = load_business(telling)
        assert again.history_months(again.source("customers")) is None
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    assert shop.history_months(shop.label_source) is None


SEGMENTS = {
    "risk": {"high": 0.9, "elevated": 0.7},
    "value": {"feature": "usage_data_mb_sum_1m", "high": 0.67, "middle": 0.33},
    "rules": [{"name": "all", "action": "none"}],
}


def _delivers_changes(contract: dict[str, Any]) -> None:
    for entry in contract["customProperties"]:
        if entry["property"] == "delivery":
            entry["value"] = "changes"


def business_copy_of(folder: Path, tmp_path: Path) -> Path:
    """Loaded businesses are cached by folder."""
    return Path(shutil.copytree(folder, tmp_path / "again"))


def test_days_within_months_end_no_month_and_have_a_whole_window(tmp_path: Path) -> None:
    """The window of a day of the first snapshot month begins before the calendar; 28 February ends its month."""
    rules = {"candidates": ["logistic_regression"], "as_of_days": [28, 10]}
    business = load_business(business_copy(tmp_path, training=rules))
    assert business.first_snapshot_month == "2025-06"
    assert business.midmonth_days(["2025-06", "2025-07"]) == [date(2025, 7, 10), date(2025, 7, 28)]
    assert business.midmonth_days(["2026-02"]) == [date(2026, 2, 10)]
    assert load_business(SHIPPED_BUSINESSES / "shop").midmonth_days(["2025-07"]) == []


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([0], "allowed: 1 or more"),
        ([31], "allowed: 28 or less"),
        ([10, 10], "10 is listed twice"),
        (["tenth"], "tenth"),
    ],
)
def test_days_that_not_every_month_has_are_refused(tmp_path: Path, days: list[object], message: str) -> None:
    rules = {"candidates": ["logistic_regression"], "as_of_days": days}
    folder = business_copy(tmp_path, training=rules)
    _, place, words = only_mistake(lambda: load_business(folder))
    assert place.startswith("training.as_of_days") and message in words, words
