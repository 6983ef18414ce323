"""A world obeys a plan, its twin shows what would have been without it, and the true effects agree with both."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from churn_assets.simulator.dates import NEVER, to_date
from churn_assets.simulator.living import LivingWorld
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.retention import OFFERS
from churn_assets.simulator.state import NON_PAYMENT

PLAN = SimulationPlan(customers=1500, months=4, start=date(2025, 1, 1), seed=5)
AFTER = 3
WINDOW = 37


@pytest.fixture(scope="module")
def january() -> LivingWorld:
    """The world at the end of January, whose own campaign has ended."""
    return _until(LivingWorld(PLAN, own_until=date(2025, 1, 31)), date(2025, 1, 31))


@pytest.fixture(scope="module")
def treated(january: LivingWorld) -> LivingWorld:
    """A twin in which half of the customers get a credit, 37 days later."""
    world = january.twin()
    world.order(_contacts(world, _slots(world)[::2], "service_credit"))
    return _days(world, WINDOW)


@pytest.fixture(scope="module")
def alone(january: LivingWorld) -> LivingWorld:
    return _days(january.twin(), WINDOW)


def _until(world: LivingWorld, last: date) -> LivingWorld:
    while to_date(world.day) < last:
        world.live()
    return world


def _days(world: LivingWorld, days: int) -> LivingWorld:
    for _ in range(days):
        world.live()
    return world


def _slots(world: LivingWorld) -> np.ndarray:
    return np.flatnonzero(world.state.committed & (world.state.number > 0))


def _contacts(world: LivingWorld, slots: np.ndarray, offer: str) -> pd.DataFrame:
    on = to_date(world.day) + timedelta(days=AFTER)
    return pd.DataFrame(
        {"customer_id": world.ids[slots], "contact_on": on, "campaign": "spring", "offer": offer}
    )


def _left(world: LivingWorld, slots: np.ndarray) -> int:
    ended, reason = world.ended(slots)
    return int(((ended < NEVER) & (reason < NON_PAYMENT)).sum())


def test_nothing_of_the_others_moves(january: LivingWorld, treated: LivingWorld, alone: LivingWorld) -> None:
    others = np.setdiff1d(np.arange(alone.people.size), _slots(january)[::2])
    for item in fields(alone.state):
        ours, theirs = getattr(treated.state, item.name)[others], getattr(alone.state, item.name)[others]
        np.testing.assert_array_equal(ours, theirs, err_msg=item.name)


def test_a_twin_without_orders_is_the_same(january: LivingWorld, alone: LivingWorld) -> None:
    again = _days(january.twin(), WINDOW)
    for item in fields(alone.state):
        np.testing.assert_array_equal(getattr(again.state, item.name), getattr(alone.state, item.name))
    assert january.day == alone.day - WINDOW, "living on in a twin leaves the world where it was"


def test_the_contacts_that_were_ordered_are_made(january: LivingWorld, treated: LivingWorld) -> None:
    world = january.twin()
    slots = _slots(world)[::2]
    world.order(_contacts(world, slots, "service_credit"))
    world.contacts()
    made = _days(world, AFTER).contacts()
    assert (made["campaign"] == "spring").all() and (made["offer"] == "service_credit").all()
    assert (made["arm"] == "treated").all() and set(made["contacted_on"]) == {date(2025, 2, 3)}
    missed = slots[~np.isin(world.ids[slots], made["customer_id"])]
    assert (world.state.ends_on[missed] < NEVER).all(), "only who has decided to leave is not contacted"
    assert 0.2 < made["accepted"].mean() < 0.8 and (made["cost"][made["accepted"]] == 19).all()
    assert _days(world, 20).contacts().empty, "its own campaign has ended"
    assert _left(treated, slots) < len(slots) / 2


def test_the_truth_agrees_with_what_happens(january: LivingWorld) -> None:
    """Everybody gets a credit: the fall of churn in the twin is the one that the forecast says."""
    slots = _slots(january)
    truth = january.true_effects(slots, AFTER)
    credit = OFFERS.index("service_credit") - 1
    world = january.twin()
    world.order(_contacts(world, slots, "service_credit"))
    both = [_days(w, WINDOW) for w in (world, january.twin())]
    ends = [w.ended(slots) for w in both]
    day = january.day
    counted = [
        ((ended - day > 7) & (ended - day <= WINDOW) & (reason < NON_PAYMENT)).sum() for ended, reason in ends
    ]
    expected = truth.change[:, credit].sum()
    # pairs differ only where a customer leaves in one of the twins, so the variance is about that of a count
    assert counted[0] - counted[1] == pytest.approx(expected, abs=3 * abs(expected) ** 0.5 + 2)
    assert expected < -3
    assert truth.untreated.sum() == pytest.approx(counted[1], abs=4 * counted[1] ** 0.5)


def test_an_offer_that_answers_the_trouble_keeps_more(january: LivingWorld) -> None:
    slots = _slots(january)
    truth = january.true_effects(slots, AFTER)
    let_down = january.state.outage[slots] > 60
    credit = OFFERS.index("service_credit") - 1
    share = truth.change[:, credit] / truth.untreated
    assert share[let_down].mean() < 2 * share[~let_down].mean() < 0
    assert (truth.acceptance[let_down, credit] > truth.acceptance[~let_down, credit].mean()).mean() > 0.5
    assert (truth.change[:, credit] > 0).any(), "a refused offer wakes some up"


def test_offers_that_do_nothing_change_nobody(alone: LivingWorld) -> None:
    world = _until(LivingWorld(PLAN, date(2025, 1, 31), offers_work=False), date(2025, 1, 31))
    slots = _slots(world)
    assert not world.true_effects(slots, AFTER).change.any()
    other = world.twin()
    for offer in OFFERS[1:]:
        part = _contacts(world, slots[OFFERS.index(offer) :: 4], offer)
        part["contact_on"] += timedelta(days=OFFERS.index(offer))
        world.order(part)
    assert len(_days(world, 9).contacts()) > 1000
    _days(other, 9)
    for name in ("alive", "ends_on", "offer_effect", "device", "expires_on", "term"):
        np.testing.assert_array_equal(getattr(world.state, name), getattr(other.state, name), err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offer": "none"}, "there is no offer none"),
        ({"customer_id": "C9999999"}, "there is no customer C9999999"),
        ({"contact_on": date(2025, 1, 31)}, "2025-01-31 has passed"),
    ],
)
def test_an_order_that_cannot_be_obeyed_is_refused(
    january: LivingWorld, change: dict[str, object], message: str
) -> None:
    contacts = _contacts(january, _slots(january)[:3], "upgrade").assign(**change)
    if len(contacts.drop_duplicates()) < 3:
        contacts = contacts.head(1)
    with pytest.raises(ValueError, match=message):
        january.order(contacts)


def test_an_incomplete_or_double_order_is_refused(january: LivingWorld) -> None:
    contacts = _contacts(january, _slots(january)[:2], "upgrade")
    with pytest.raises(ValueError, match="contacts lack campaign"):
        january.order(contacts.drop(columns="campaign"))
    with pytest.raises(ValueError, match="twice on one day"):
        january.order(pd.concat([contacts, contacts], ignore_index=True))
