"""Spells and customers as they were known at a month end, and who is left out and why."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.population import population
from churn_assets.features.states import entity_features, spell_features
from churn_assets.history.knowledge import spell_of
from churn_assets.months import month_index
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import JULY, JUNE, MAY, REFUSED, by_key, day, declared, silver
from churn_assets_tests.lakes import business_copy

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SOURCE = TELECOM.source("subscriptions")
SCHEMA = (
    "subscription_id string, customer_key string, plan string, monthly_price decimal(10,2), started_on date, "
    "expires_on date, notice_on date, ended_on date"
)
Found = dict[tuple[Any, ...], dict[str, Any]]


def version(
    known: str,
    who: str,
    started: str = "2024-01-01",
    *,
    spell: str | None = None,
    plan: str = "plus",
    price: str = "30.00",
    expires: str | None = None,
    notice: str | None = None,
    ended: str | None = None,
) -> tuple[Any, ...]:
    """A delivered version of a subscription."""
    dates = [day(d) if d else None for d in (started, expires, notice, ended)]
    return (day(known), spell or f"S {who}", who, plan, Decimal(price), *dates)


VERSIONS = [
    version("01-07", "steady", expires="09-30"),
    version("01-07", "dearer", price="30.00"),
    version("05-14", "dearer", price="35.00"),
    version("07-07", "dearer", price="33.00"),
    version("06-30", "notice today", notice="06-30"),
    version("01-07", "notice tomorrow"),
    version("07-07", "notice tomorrow", notice="07-01"),
    version("06-21", "end is known", ended="07-10"),
    version("06-30", "ends today", ended="06-30"),
    version("01-07", "ended, told later"),
    version("07-07", "ended, told later", ended="06-20"),
    version("06-07", "29 days", started="06-01"),
    version("06-07", "30 days", started="05-31"),
    version("06-30", "starts tomorrow", started="07-01"),
    version("07-07", "told tomorrow", started="2024-01-01"),
    version("02-14", "back", spell="S old", ended="02-10", price="50.00"),
    version("06-14", "back", spell="S new", started="06-10", expires="2026-06-10", price="20.00"),
    version("01-07", "two", spell="S first", price="10.00", plan="basic"),
    version("03-07", "two", spell="S second", started="03-01", price="20.00", plan="family"),
    version("01-07", "expires today", expires="06-30"),
    version("01-07", "one of two", spell="S kept"),
    version("06-07", "one of two", spell="S newer", started="03-01", ended="07-31"),
    version("01-07", "both", spell="S older", ended="08-10"),
    version("06-07", "both", spell="S last", started="03-01", notice="06-07"),
    version("01-07", "the one left", spell="S over", ended="02-10"),
    version("01-07", "the one left", spell="S left"),
]


@pytest.fixture(scope="module")
def versions(spark: "SparkSession") -> "DataFrame":
    """All versions as silver holds them."""
    return silver(spark, SOURCE, SCHEMA, VERSIONS).persist()


@pytest.fixture(scope="module")
def people(versions: "DataFrame") -> Found:
    """Everybody known at the ends of June and July."""
    return by_key(population(versions, TELECOM, [JUNE, JULY]), "customer_key", "as_of_index")


@pytest.mark.parametrize(
    ("who", "june", "july"),
    [
        ("steady", None, None),
        ("notice today", "in_notice", "in_notice"),
        ("notice tomorrow", None, "in_notice"),
        ("end is known", "in_notice", "not_active"),
        ("ends today", "not_active", "not_active"),
        ("ended, told later", None, "not_active"),
        ("one of two", None, None),
        ("both", "in_notice", "in_notice"),
        ("the one left", None, None),
        ("29 days", "short_tenure", None),
        ("30 days", None, None),
        ("back", None, None),
        ("expires today", None, None),
    ],
)
def test_who_is_eligible_and_why_not(people: Found, who: str, june: str | None, july: str | None) -> None:
    assert (people[who, JUNE]["excluded"], people[who, JULY]["excluded"]) == (june, july)


def test_nobody_is_known_before_start_or_knowledge(people: Found) -> None:
    for who in ("starts tomorrow", "told tomorrow"):
        assert (who, JUNE) not in people
    assert people["starts tomorrow", JULY]["excluded"] is None  # 30 days on 31 July
    assert people["told tomorrow", JULY]["excluded"] is None


def test_tenure_counts_from_the_first_spell(people: Found) -> None:
    whole = float((day("06-30") - day("2024-01-01")).days)
    assert [people[who, JUNE]["tenure_days"] for who in ("steady", "back", "30 days")] == [whole, whole, 30.0]


def test_features_of_the_running_spell(versions: "DataFrame") -> None:
    features = declared(
        SOURCE,
        {"aggregate": "days_to_expiry"},
        {"aggregate": "attribute", "column": "plan"},
        {"aggregate": "attribute", "column": "monthly_price"},
        {"aggregate": "change", "column": "monthly_price", "months": [1, 3]},
        {"aggregate": "change_recency", "column": "monthly_price"},
    )
    months = [MAY, JUNE, JULY]
    running = population(versions, TELECOM, months)
    found = by_key(spell_features(versions, running, SOURCE, months, features), "customer_key", "as_of_index")
    change, since = "subscriptions_monthly_price_change", "subscriptions_monthly_price_change_recency_days"

    dearer = {i: found["dearer", i] for i in months}
    assert [dearer[i][f"{change}_1m"] for i in months] == [5, 0, -2]
    assert [dearer[i][f"{change}_3m"] for i in months] == [5, 5, 3]
    assert [dearer[i][since] for i in months] == [17, 47, 24]
    steady = found["steady", JUNE]
    assert (steady["subscriptions_days_to_expiry"], steady[f"{change}_3m"], steady[since]) == (92, 0, None)

    back = found["back", JUNE]  # a new spell has no earlier price, and the old one's is not its own
    assert (back["subscriptions_monthly_price"], back[f"{change}_3m"]) == (20, None)
    assert back["subscriptions_days_to_expiry"] == 345
    two = found["two", JUNE]  # of two running spells the one that started last
    assert (two["subscriptions_plan"], two["subscriptions_monthly_price"]) == ("family", 20)


def test_a_change_of_whole_numbers_cannot_overflow(spark: "SparkSession") -> None:
    """An engine that wraps around would say nothing."""
    dates = "started_on date, expires_on date, notice_on date, ended_on date"
    schema = f"subscription_id string, customer_key string, contract_months bigint, {dates}"
    most, begun = 2**63 - 1, (day("2024-01-01"), None, None, None)
    told = [(day("01-07"), "S", "up", -most, *begun), (day("06-07"), "S", "up", most, *begun)]
    frame = silver(spark, SOURCE, schema, told)
    [feature] = declared(SOURCE, {"aggregate": "change", "column": "contract_months", "months": [1]})
    running = population(frame, TELECOM, [JUNE])
    found = by_key(spell_features(frame, running, SOURCE, [JUNE], [feature]), "customer_key")
    assert found["up",][feature.name] == 2.0**64


def test_a_change_is_unknown_where_no_price_was_known_so_long_ago(
    versions: "DataFrame", spark: "SparkSession"
) -> None:
    """Not 0: the price may have changed. It contradicts the change over a shorter window, else."""
    features = declared(SOURCE, {"aggregate": "change", "column": "monthly_price", "months": [3, 6]})
    months = [MAY, JUNE, JULY]
    rows = [
        *(version("01-07", "known since January", price="30.00"), version("03-07", "told later")),
        *(
            version("05-14", "known since January", price="35.00"),
            version("05-14", "told later", price="35.00"),
        ),
        (*version("06-07", "refused")[:3], *[None] * 6, REFUSED),
    ]
    told = silver(spark, SOURCE, SCHEMA, [*rows, version("03-07", "refused"), version("07-07", "refused")])
    running = population(told, TELECOM, months)
    found = by_key(spell_features(told, running, SOURCE, months, features), "customer_key", "as_of_index")
    change = "subscriptions_monthly_price_change"
    seen = {who: [found[who, i][f"{change}_{m}m"] for m in (3, 6) for i in months] for who, _ in found}
    assert seen["known since January"] == [5, 5, 5, None, None, 5]
    assert seen["told later"] == [None, 5, 5, None, None, None]
    assert seen["refused"][:3] == [None, None, 0], "in June nothing is known"


def test_a_change_before_the_window_is_none(versions: "DataFrame") -> None:
    """The price changed on 7 July; six months later that is as if it had never been."""
    features = declared(SOURCE, {"aggregate": "change_recency", "column": "monthly_price"})
    months = [month_index("2025-12"), month_index("2026-01")]
    running = population(versions, TELECOM, months)
    found = by_key(spell_features(versions, running, SOURCE, months, features), "customer_key", "as_of_index")
    since = "subscriptions_monthly_price_change_recency_days"
    assert [found["dearer", i][since] for i in months] == [177, None]


def test_policy_lapse_ends_a_spell_at_its_expiry(versions: "DataFrame", tmp_path: Path) -> None:
    folder = business_copy(tmp_path, label={"policy": "lapse", "source": "subscriptions", "renewal_days": 3})
    found = by_key(population(versions, load_business(folder), [MAY, JUNE]), "customer_key", "as_of_index")
    assert [found["expires today", i]["excluded"] for i in (MAY, JUNE)] == [None, "not_active"]


def test_attributes_of_a_customer_are_those_known_then(spark: "SparkSession") -> None:
    source = TELECOM.source("customers")
    rows = [
        (day("05-31"), "a", "north", 1),
        (day("06-30"), "a", "south", None),
        (day("07-31"), "a", "west", 3),
        (day("07-31"), "b", "east", 2),
    ]
    features = declared(
        source,
        {"aggregate": "attribute", "column": "region"},
        {"aggregate": "attribute", "column": "household_size"},
    )
    frame = silver(spark, source, "customer_key string, region string, household_size int", rows)
    found = by_key(entity_features(frame, source, [MAY, JUNE, JULY], features), "customer_key", "as_of_index")
    regions = {key: row["customers_region"] for key, row in found.items()}
    assert regions == {("a", MAY): "north", ("a", JUNE): "south", ("a", JULY): "west", ("b", JULY): "east"}
    assert found["a", JUNE]["customers_household_size"] is None  # unknown now, not what it was


def test_population_of_a_business_that_only_knows_events(spark: "SparkSession") -> None:
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    source = shop.source("transactions")
    rows = [
        (day("06-30"), "today", day("06-30"), 1, 9.5),
        (day("07-07"), "tomorrow", day("07-01"), 1, 9.5),
        (day("07-07"), "told later", day("06-10"), 1, 9.5),
        (day("01-07"), "regular", day("01-02"), 1, 9.5),
        (day("06-07"), "regular", day("06-02"), 1, 9.5),
    ]
    frame = silver(spark, source, "customer_key string, date date, quantity int, amount double", rows)
    found = by_key(population(frame, shop, [JUNE, JULY]), "customer_key", "as_of_index")
    tenure = {key: row["tenure_days"] for key, row in found.items()}
    assert {who for who, index in tenure if index == JUNE} == {"today", "regular"}
    assert (tenure["today", JUNE], tenure["regular", JUNE], tenure["told later", JULY]) == (0, 179, 51)
    assert all(row["excluded"] is None for row in found.values())


def test_only_spells_have_spell_columns() -> None:
    with pytest.raises(ValueError, match="usage has the role event"):
        spell_of(TELECOM.source("usage"))
