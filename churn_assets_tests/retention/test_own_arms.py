"""Effects are measured on our own campaigns as they were randomised, the holdout included."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.offers import OfferLine
from churn_assets.history.treatments import DAY
from churn_assets.lakehouse import tables
from churn_assets.months import month_end
from churn_assets.operations.campaigns.record import acted, find_campaign, plan_recorded
from churn_assets.retention.cohort import read_basis
from churn_assets.retention.contacts import AS_OF, CONTACT_COLUMNS, KEY, by_offer, cohort_of
from churn_assets.retention.effects import effect_of
from churn_assets.retention.own_arms import OF_PLANS, with_own_arms
from churn_assets.retention.planning import plan_rows, planning, record_of
from churn_assets_tests.retention.measured_lakes import list_contacts
from churn_assets_tests.retention.planned_lakes import CUSTOMERS, LAST, business_with, key, planned_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.one_engine(reason="measures in Python"),
    pytest.mark.one_python(reason="NumPy and SciPy count"),
]

LISTED = date(2025, 7, 3)


def _plan(
    rows: list[tuple[str, str, str | None]], month: int = 6, draw: str = "retention-2025-01"
) -> pd.DataFrame:
    """Rows of (customer, arm, offer) of the campaign of a month."""
    listed = date(2025, month + 1, 3)
    told = [(key, f"retention-2025-{month:02}", draw, arm, offer, listed) for key, arm, offer in rows]
    return pd.DataFrame(told, columns=OF_PLANS)


def _contacts(rows: list[tuple[str, str, bool | None]], offer: str = "call") -> pd.DataFrame:
    """Contacts that came back: (customer, campaign, accepted)."""
    told = [
        (key, LISTED, "contacts", name, offer, True, False, False, accepted) for key, name, accepted in rows
    ]
    return pd.DataFrame(told, columns=CONTACT_COLUMNS)


def _arms(found: pd.DataFrame) -> set[tuple[str, str, str | None, bool]]:
    offers = found["offer"].astype(object).where(found["offer"].notna(), None)
    return set(zip(found[KEY], found["campaign"], offers, found["treated"], strict=True))


def test_planned_and_explored_have_controls_of_their_own() -> None:
    plan = _plan(
        [
            ("a", "planned", "call"),
            ("b", "exploration", "mail"),
            ("c", "holdout", "call"),
            ("d", "holdout", None),
        ]
    )
    found = with_own_arms(_contacts([("a", "retention-2025-06", True)]), plan)
    assert _arms(found) == {
        ("a", "retention-2025-06", "call", True),
        ("b", "retention-2025-06 exploration", "mail", True),
        ("c", "retention-2025-06", "call", False),
        ("c", "retention-2025-06 exploration", None, False),
        ("d", "retention-2025-06 exploration", None, False),
    }
    assert (found["treated"] != found["control"]).all() and not found["refused"].any()
    told = found.drop_duplicates(KEY).set_index(KEY)["accepted"]
    assert told["a"] is True
    assert told["b"] is None or np.isnan(told["b"]), "b was never reached, and counts all the same"


def test_other_contacts_stay_and_a_campaign_without_a_contact_is_left_out() -> None:
    others = _contacts([("x", "winback", False)])
    plan = _plan([("a", "planned", "call"), ("c", "holdout", "call")])
    pd.testing.assert_frame_equal(with_own_arms(others, plan), others)
    both = pd.concat([others, _contacts([("a", "retention-2025-06", None)])], ignore_index=True)
    found = with_own_arms(both, plan)
    assert ("x", "winback", "call", True) in _arms(found) and len(found) == 4
    assert list(found.columns) == CONTACT_COLUMNS


def test_no_plan_changes_nothing() -> None:
    contacts = _contacts([("x", "winback", False)])
    pd.testing.assert_frame_equal(with_own_arms(contacts, _plan([])), contacts)


def test_a_customer_counts_until_an_offer_was_planned_for_them() -> None:
    plans = pd.concat(
        [
            _plan([("a", "planned", "call"), ("c", "holdout", "call"), ("d", "holdout", None)], 4),
            _plan([("a", "planned", "mail"), ("c", "holdout", "mail"), ("d", "holdout", "mail")], 6),
            _plan([("a", "planned", "mail")], 8, "retention-2025-07"),
        ]
    )
    back = [("a", f"retention-2025-{month:02}", True) for month in (4, 6, 8)]
    found = with_own_arms(_contacts(back), plans)
    of_june = found[found["campaign"].str.contains("2025-06")]
    assert set(of_june[KEY]) == {"d"}, "the arms of April are not alike any more"
    assert ("a", "retention-2025-08", "mail", True) in _arms(found), "a new draw begins anew"


def test_a_control_that_would_have_got_an_offer_is_a_control_of_that_offer() -> None:
    contacts = pd.concat(
        [
            with_own_arms(
                _contacts([("a", "retention-2025-06", True)]),
                _plan([("a", "planned", "call"), ("c", "holdout", "call"), ("d", "holdout", "mail")]),
            ),
            _contacts([("e", "winback", None)], "none").assign(treated=False, control=True),
        ]
    )
    contacts = contacts[~contacts["campaign"].str.contains("exploration")].assign(churned=False)
    contacts[AS_OF] = contacts[DAY].map(cohort_of)
    fits = contacts[[KEY, AS_OF]].drop_duplicates().assign(call=True, mail=True)
    found = by_offer(contacts, ["call", "mail"], fits)
    assert len(found["call"]) == 3, "a, c, and e, who is told no offer of ours"
    assert len(found["mail"]) == 2, "d and e"


def test_who_may_get_one_offer_gets_it_at_random_more_often_than_who_may_get_two() -> None:
    """Of an offer that changes nothing, where those who may get another one, too, leave more often."""
    random, size = np.random.default_rng(4), 8000
    both, held = random.random(size) < 0.5, random.random(size) < 0.5
    call = ~both | (random.random(size) < 0.5)
    keys = [f"{n:05}" for n in range(size)]
    told = zip(keys, held, call, strict=True)
    rows = [(k, "holdout", None) if h else (k, "exploration", "call" if c else "mail") for k, h, c in told]
    contacts = with_own_arms(_contacts([(keys[0], "retention-2025-06", None)]), _plan(rows))
    left = dict(zip(keys, random.random(size) < np.where(both, 0.4, 0.05), strict=True))
    contacts["churned"] = contacts[KEY].map(left).astype(object)
    contacts[AS_OF] = contacts[DAY].map(cohort_of)
    mail = dict(zip(keys, both, strict=True))
    fits = contacts[[KEY, AS_OF]].drop_duplicates().assign(call=True)
    fits["mail"] = fits[KEY].map(mail)
    offer = OfferLine(name="call", channel="call", contact_cost=1, cost=1, assumed_effect=0)
    effect = effect_of(offer, by_offer(contacts, ["call", "mail"], fits)["call"])
    assert effect.measured_low is not None and effect.measured_high is not None
    assert effect.measured_low < 0 < effect.measured_high


def test_own_campaigns_move_the_estimate_to_the_truth() -> None:
    """Of a campaign that halves the churn, without any other trial."""
    random, size = np.random.default_rng(3), 6000
    keys = [f"{n:05}" for n in range(size)]
    held = random.random(size) < 0.3
    plan = _plan(
        [(key, "holdout" if alone else "planned", "call") for key, alone in zip(keys, held, strict=True)]
    )
    back = _contacts(
        [(key, "retention-2025-06", None) for key, alone in zip(keys, held, strict=True) if not alone]
    )
    contacts = with_own_arms(back, plan)
    left = dict(zip(keys, random.random(size) < np.where(held, 0.2, 0.1), strict=True))
    contacts["churned"] = contacts[KEY].map(left).astype(object)
    contacts[AS_OF] = contacts[DAY].map(cohort_of)
    fits = contacts[[KEY, AS_OF]].drop_duplicates().assign(call=True)
    offer = OfferLine(name="call", channel="call", contact_cost=1, cost=1, assumed_effect=0.1)
    effect = effect_of(offer, by_offer(contacts, ["call"], fits)["call"])
    assert effect.prevented == pytest.approx(0.5, abs=0.1)
    assert effect.control == held.sum() and LISTED - timedelta(days=3) == contacts[AS_OF].iloc[0]


def test_a_plan_rests_on_exported_campaigns_with_their_holdout(spark: "SparkSession", tmp_path: Path) -> None:
    business = business_with(tmp_path)
    house, section, july = planned_lake(tmp_path, business), business.file.campaigns, month_end("2025-07")
    assert section is not None
    found = planning(house, business, section, july)
    plan_recorded(house, [record_of(found)])
    house.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(found.plan.rows), "as_of_date", [july], run_id="made")
    rows = found.plan.rows
    mails = rows[rows["offer"] == "discount_10"]
    numbers = [n for n in range(CUSTOMERS) if key(n) in set(mails.loc[mails["arm"] == "planned", KEY])]
    list_contacts(business, house, numbers[1:], found.campaign_id, date(2025, 8, 4))
    before = read_basis(house, business, section, LAST).effects["discount_10"]
    campaign = find_campaign(house, found.campaign_id)
    acted(house, campaign, at=datetime(2025, 8, 3, tzinfo=UTC), by="Ada", what="exported", state="approved")
    effect = read_basis(house, business, section, LAST).effects["discount_10"]
    held = mails[mails["arm"] == "holdout"]
    assert len(held) and effect.control - before.control >= len(held), (
        "a plan knows its holdout, no source does"
    )
    assert effect.treated - before.treated >= len(numbers), "also the one who was never reached"
    same = read_basis(house, business, section, date(2025, 8, 2)).effects["discount_10"]
    assert same.control <= before.control, "nothing of the export is known before it"
