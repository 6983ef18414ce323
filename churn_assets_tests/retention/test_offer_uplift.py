"""The asset learns effects from past contacts, uses them only where they proved better, and says why not."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from churn_assets.contracts.business import Business
from churn_assets.definitions import tracking_of
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.reporting.markdown import markdown_page
from churn_assets.retention import uplift_asset
from churn_assets.retention.cohort import read_basis
from churn_assets.retention.uplift import offer_uplifts
from churn_assets.retention.uplift_asset import BY_CUSTOMER, EVERY_OFFER, uplift_assets
from churn_assets.retention.uplift_told import newest_effects
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import not_as_declared
from churn_assets_tests.retention.planned_lakes import (
    CUSTOMERS,
    LAST,
    MONTHS,
    business_with,
    contact,
    key,
    planned_lake,
    put,
)
from churn_assets_tests.scored_cohorts import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="learns in Python")


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return business_with(tmp_path)


@pytest.fixture(autouse=True)
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is logged into MLflow, which takes seconds to create its file; `tracking` is tested by itself."""
    found: list[Any] = []

    def log(*args: Any) -> str:
        found.append(args)
        return "run-of-the-card"

    monkeypatch.setattr(uplift_asset, "log_uplift", log)
    return found


def made(
    house: Lakehouse, business: Business, months: Sequence[str] = MONTHS[-1:]
) -> dg.ExecuteInProcessResult:
    upstream = (tables.CUSTOMER_SEGMENTS, tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS)
    return dg.materialize(
        [*uplift_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(tables.OFFER_UPLIFT.key),
        resources={"lakehouse": house, "tracking": tracking_of(house.settings, business)},
        tags=range_tags(months),
    )


def tried(house: Lakehouse, business: Business) -> None:
    """Everybody is in a trial of the discount in each settled month: it keeps those without tickets, and drives others
    away."""
    rng, labels, contacts = np.random.default_rng(8), [], []
    rows = house.arrow(
        tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date", "tickets_count_1m"]
    ).to_pylist()
    tickets = {(r["customer_key"], r["as_of_date"]): r["tickets_count_1m"] for r in rows}
    for at, month in enumerate(MONTHS):
        day, settled = month_end(month), at < len(MONTHS) - 2
        for n in range(CUSTOMERS):
            treated = bool(rng.random() < 0.5)
            change = treated * (-0.45 if tickets[key(n), day] == 0 else 0.45)
            left = rng.random() < 0.5 + change
            outcome = ("churned" if left else "stayed") if settled else "pending"
            own = {"customer_key": key(n), "as_of_date": day, "label_available_at": day + timedelta(days=42)}
            labels.append(own | {"outcome": outcome, "label": {"churned": 1, "stayed": 0}.get(outcome)})
            number, offer = f"trial-{month}-{n}", "discount_10" if treated else None
            contacts.append(contact(n, day + timedelta(days=4), number, offer, campaign=f"trial-{month}"))
    write(house, tables.CHURN_LABELS, labels)
    put(house, tables.silver(business.source("retention_contacts")), contacts)


def by_offer(house: Lakehouse) -> dict[str, dict[str, Any]]:
    return {row["offer"]: row for row in house.arrow(tables.OFFER_UPLIFT).to_pylist()}


def test_few_contacts_leave_the_plan_with_the_constant(
    spark: "SparkSession", tmp_path: Path, business: Business, logged: list[Any]
) -> None:
    house = planned_lake(tmp_path, business)
    result = made(house, business)
    found = by_offer(house)
    assert not logged  # nothing was learned
    assert set(found) == {"discount_10", "service_credit"}
    for row in found.values():
        assert not row["used"] and "100 of each are needed" in row["told"]
        assert (row["learner"], row["qini"]) == (None, None)
    assert house.count(tables.CUSTOMER_EFFECTS) == 0 == house.count(tables.EFFECT_GROUPS)
    checks = evaluations(result)
    assert checks[f"retention/offer_uplift:{EVERY_OFFER}"].passed
    assert not checks[f"retention/offer_uplift:{BY_CUSTOMER}"].passed
    assert business.file.campaigns is not None
    assert read_basis(house, business, business.file.campaigns, LAST).own_effects == {}


def test_effects_that_differ_reach_the_plan_and_have_a_card(
    spark: "SparkSession", tmp_path: Path, business: Business, logged: list[Any]
) -> None:
    house = planned_lake(tmp_path, business)
    tried(house, business)
    result = made(house, business)
    wrong = not_as_declared(house, business)
    written = (tables.OFFER_UPLIFT, tables.EFFECT_GROUPS, tables.CUSTOMER_EFFECTS)
    assert not wrong.keys() & {table.path for table in written}
    _require_groups(house)
    found = by_offer(house)
    assert found["discount_10"]["used"] and "effects by customer" in found["discount_10"]["told"]
    assert found["discount_10"]["qini_gain_low"] > 0
    assert not found["service_credit"]["used"]
    assert {row["mlflow_run_id"] for row in found.values()} == {"run-of-the-card"}
    _require_card(logged)
    effects = {r["customer_key"]: r["effect"] for r in house.arrow(tables.CUSTOMER_EFFECTS).to_pylist()}
    rows = house.arrow(tables.CUSTOMER_SNAPSHOTS, None, [("as_of_date", "=", LAST)]).to_pylist()
    quiet = [effects[r["customer_key"]] for r in rows if r["tickets_count_1m"] == 0]
    troubled = [effects[r["customer_key"]] for r in rows if r["tickets_count_1m"] > 0]
    assert np.mean(quiet) > 0 > np.mean(troubled)
    [event] = result.get_asset_materialization_events()
    assert "plans would have earned" in " ".join(event.materialization.metadata)
    assert business.file.campaigns is not None
    assert read_basis(house, business, business.file.campaigns, LAST).own_effects["discount_10"] == effects


def _require_groups(house: Lakehouse) -> None:
    """The groups of the discount, who was driven away among them; the words of a manager tell it."""
    groups = house.arrow(tables.EFFECT_GROUPS).to_pylist()
    kinds = {row["group_value"]: row for row in groups if row["grouping"] == "kind"}
    assert {row["offer"] for row in groups} == {"discount_10"}
    assert kinds["persuadable"]["seen_low"] > 0 > kinds["woken up"]["seen_high"]
    assert kinds["woken up"]["woken"] == 1 and kinds["persuadable"]["woken"] == 0
    found = newest_effects(house)
    assert found is not None and found[0] == LAST and newest_effects(house, month_end(MONTHS[0])) is None
    assert "The plan counts with an effect for each customer" in found[1]["discount_10"]
    assert "of the customers away, and it did" in found[1]["discount_10"]
    assert "100 of each are needed" in found[1]["service_credit"]


def _require_card(logged: list[Any]) -> None:
    """One run of the day; its card tells who was persuadable and who was woken up, and names no customer."""
    [(_, _, day, params, metrics, card, pictures)] = logged
    text = markdown_page(card, {name: f"{name}.png" for name in pictures})
    assert day == LAST and "qini_discount_10.png" in text and set(pictures) == {"qini_discount_10"}
    assert "Those who are expected to be woken up were: more of the contacted left" in text
    assert "| persuadable |" in text and "| woken up |" in text and "| all |" in text  # the only segment
    assert "Nothing was learned" in text  # of the credit
    assert not any(key(n) in text for n in range(CUSTOMERS))
    assert metrics["discount_10.used"] == 1 and metrics["service_credit.used"] == 0
    assert metrics["discount_10.qini_gain_low"] > 0 and params["discount_10.learner"]


def test_nothing_that_became_known_later_is_learned(
    spark: "SparkSession", tmp_path: Path, business: Business
) -> None:
    house = planned_lake(tmp_path, business)
    tried(house, business)
    made(house, business, MONTHS[-2:-1])
    before = by_offer(house)
    day = month_end(MONTHS[0]) + timedelta(days=4)
    late = [contact(n, day, f"late-{n}", "discount_10", known_at=LAST) for n in range(50)]
    put(house, tables.silver(business.source("retention_contacts")), late)
    made(house, business, MONTHS[-2:-1])
    assert by_offer(house) == before


def test_what_the_later_contacts_judge_is_known_before_them(
    spark: "SparkSession", tmp_path: Path, business: Business
) -> None:
    """Learner, constant effect, risk of the unscored, features and costs do not know how the later ones came out."""
    house, section = planned_lake(tmp_path, business), business.file.campaigns
    assert section is not None
    tried(house, business)
    write(house, tables.CUSTOMER_SEGMENTS, house.arrow(tables.CUSTOMER_SEGMENTS).to_pylist()[::2])
    snapshots = tables.customer_snapshots(business)
    features = [
        row | ({"tickets_count_1m": None} if at % 7 == 0 else {})  # what fills it in is learned, too
        for at, row in enumerate(house.arrow(snapshots).to_pylist())
    ]
    write(house, snapshots, features)
    one = offer_uplifts(house, business, section, LAST)[0].learned
    assert one is not None
    earliest = int(one.judged.later.time.min())
    _later_ones_come_out_otherwise(house, business, earliest)
    later = [row for row in features if row["as_of_date"].toordinal() >= earliest]
    write(house, snapshots, [row | {"tickets_count_1m": 9.0} for row in later])
    other = offer_uplifts(house, business, section, LAST)[0].learned
    assert other is not None and (other.judged.later.churned != one.judged.later.churned).all()
    assert np.array_equal(other.judged.later.risk, one.judged.later.risk)
    assert np.array_equal(other.judged.later.constant, one.judged.later.constant)
    assert other.judged.chosen == one.judged.chosen, "learner, trust and losses on earlier contacts"
    assert other.cost == one.cost


def _later_ones_come_out_otherwise(house: Lakehouse, business: Business, earliest: int) -> None:
    """Who left stayed, who stayed left, and everybody accepted, of contacts that follow this day or a later one."""
    rows = house.arrow(tables.CHURN_LABELS).to_pylist()
    for row in rows:
        if row["as_of_date"].toordinal() >= earliest and row["label"] is not None:
            row["label"], row["outcome"] = 1 - row["label"], ("churned", "stayed")[row["label"]]
    write(house, tables.CHURN_LABELS, rows)
    contacts = house.arrow(tables.silver(business.source("retention_contacts"))).to_pylist()
    later = [row for row in contacts if row["contacted_on"].toordinal() > earliest]
    corrected = [row | {"accepted": True, "sequence": 2} for row in later]
    put(house, tables.silver(business.source("retention_contacts")), corrected)


def test_a_control_of_another_offer_is_no_control(
    spark: "SparkSession", tmp_path: Path, business: Business
) -> None:
    """Whoever would have got the credit was chosen by other rules than those who got the discount."""
    house, day = planned_lake(tmp_path, business), month_end(MONTHS[0]) + timedelta(days=4)
    made(house, business)
    before = by_offer(house)["discount_10"]
    told: dict[str, Any] = {"arm": "control", "campaign": "of-a-plan"}
    held = [contact(n, day, f"held-{n}", "service_credit", **told) for n in range(100)]
    asked = [
        contact(n, day, f"asked-{n}", "discount_10", campaign="of-a-plan") for n in range(100, CUSTOMERS)
    ]
    put(house, tables.silver(business.source("retention_contacts")), held + asked)
    made(house, business)
    assert by_offer(house)["discount_10"] == before
