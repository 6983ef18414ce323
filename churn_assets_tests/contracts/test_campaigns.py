"""Offers and campaigns are declared whole: what is missing, unknown or contradictory is told with its place."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets_tests.contracts.reports import mistakes_of, only_mistake
from churn_assets_tests.lakes import business_copy

OFFER: dict[str, Any] = {"name": "mail", "channel": "email", "contact_cost": 1, "cost": 10}
CONTACT: dict[str, Any] = {
    "source": "retention_contacts", "offer": "offer", "control": ["control"], "accepted": "accepted",
}  # fmt: skip


def _offer(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in (OFFER | changed).items() if value is not None}


def _edits(
    offer: dict[str, Any] | None = None, contact: dict[str, Any] | None = None, **campaigns: Any
) -> dict[str, Any]:
    contacts = [CONTACT | (contact or {})]
    return {"offers": [offer or OFFER], "campaigns": {"budget": 100, "contacts": contacts} | campaigns}


def test_the_shipped_businesses_declare_offers() -> None:
    from churn_assets.settings import SHIPPED_BUSINESSES

    telecom, shop = (load_business(SHIPPED_BUSINESSES / name).file for name in ("telecom", "shop"))
    assert {offer.name for offer in telecom.offers} >= {"discount_25", "upgrade", "service_credit"}
    assert [offer.name for offer in shop.offers] == ["voucher"]
    for file in (telecom, shop):
        assert file.campaigns is not None
        assert (file.campaigns.holdout, file.campaigns.exploration) == (0.1, 0.05)


def test_what_is_declared_is_read(tmp_path: Path) -> None:
    business = load_business(business_copy(tmp_path, **_edits(_offer(where="tenure_days > 30"))))
    assert [offer.said for offer in business.file.offers] == ["mail"]
    assert any(w.text == "tenure_days > 30" for w in business.written), "engines are compared on it"


@pytest.mark.parametrize(
    ("edits", "place", "told"),
    [
        (_edits(_offer(cost=None)), "offers[0].cost", "the key cost is missing"),
        (_edits(_offer(contact_cost=None)), "offers[0].contact_cost", "the key contact_cost is missing"),
        (_edits(_offer(cost=-1)), "offers[0].cost", "found -1"),
        (_edits(_offer(assumed_effect=1)), "offers[0].assumed_effect", "found 1"),
        (_edits(_offer(where="tenure_dayz > 3")), "offers[0].where", "there is no tenure_dayz to read"),
        (_edits(_offer(where="tenure_days > rand()")), "offers[0].where", "rand differs from run to run"),
        (
            _edits(_offer(where="tenure_days + 1")),
            "offers[0].where",
            "tenure_days + 1 is no condition: it compares nothing",
        ),
        (
            _edits(_offer(where="if(tenure_days > 9, 1, 0)")),
            "offers[0].where",
            "if(tenure_days > 9, 1, 0) is no condition: it gives int",
        ),
        (
            _edits(_offer(where="tenure_days > 9 && tenure_days < 12")),
            "offers[0].where",
            "tenure_days > 9 && tenure_days < 12 is no condition: it cannot be parsed at `&&`",
        ),
        (_edits(budget=0.5), "campaigns.budget", "a budget of 0.5 is below the cheapest contact, 1"),
        (_edits(budget=0), "campaigns.budget", "found 0"),
        (_edits(holdout=0), "campaigns.holdout", "without a holdout there is no control arm"),
        (_edits(holdout=1), "campaigns.holdout", "found 1"),
        (_edits(exclude=["nothing_3m"]), "campaigns.exclude[0]", "there is no feature nothing_3m"),
        (_edits(exclude=["customers_region"]), "campaigns.exclude[0]", "customers_region is a category"),
        (
            _edits(capacity=[{"channel": "fax", "contacts": 1}]),
            "campaigns.capacity[0].channel",
            "no offer uses the channel fax",
        ),
        (
            _edits(capacity=[{"channel": "email", "contacts": 1}] * 2),
            "campaigns.capacity[1].channel",
            "email has two capacities",
        ),
        (
            _edits(reach=[{"channel": "fax", "column": "email"}]),
            "campaigns.reach[0].channel",
            "no offer uses the channel fax",
        ),
        (
            _edits(reach=[{"channel": "email", "column": "plan"}]),
            "campaigns.reach[0].column",
            "no contract has a `contact` column plan",
        ),
        (
            _edits(reach=[{"channel": "email", "column": "email"}] * 2),
            "campaigns.reach[1].channel",
            "email has two columns",
        ),
        (
            _edits(contact={"source": "tickets"}),
            "campaigns.contacts[0].source",
            "monitoring.treated does not say",
        ),
        (
            _edits(contact={"offer": "offr"}),
            "campaigns.contacts[0].offer",
            "retention_contacts has no column offr",
        ),
        (_edits(contact={"control": ["contrl"]}), "campaigns.contacts[0].control", "arm is never 'contrl'"),
        (
            _edits(contact={"control": ["treated"]}),
            "campaigns.contacts[0].control",
            "treated means contacted",
        ),
        (
            _edits(contact={"accepted_values": ["true"]}),
            "campaigns.contacts[0].accepted_values",
            "true means accepted",
        ),
        (
            _edits(contact={"accepted": "offer"}),
            "campaigns.contacts[0].accepted",
            "nobody knows which values mean accepted",
        ),
        (
            _edits(contact={"accepted": None, "accepted_values": ["yes"]}),
            "campaigns.contacts[0].accepted_values",
            "no column has these values",
        ),
        (_edits() | {"offers": None}, "campaigns", "a campaign needs something to offer"),
        (_edits() | {"campaigns": None}, "offers", "no campaign can make these offers"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, edits: dict[str, Any], place: str, told: str
) -> None:
    folder = business_copy(tmp_path, **edits)
    _, found, words = only_mistake(lambda: load_business(folder))
    assert found == place
    assert words.startswith(told)


def test_two_offers_of_one_name(tmp_path: Path) -> None:
    folder = business_copy(tmp_path, **(_edits() | {"offers": [OFFER, OFFER]}))
    [mistake] = mistakes_of(lambda: load_business(folder))
    assert (mistake.path, mistake.problem) == ("offers[1].name", "two offers are called mail")


def test_an_offer_is_not_called_like_a_column_of_a_plan(tmp_path: Path) -> None:
    """An offer `consent` would stand for the customers' consent."""
    folder = business_copy(tmp_path, **(_edits() | {"offers": [OFFER | {"name": "consent"}]}))
    [mistake] = mistakes_of(lambda: load_business(folder))
    assert (mistake.path, mistake.problem) == ("offers[0].name", "a plan has a column consent already")


def test_a_control_needs_a_column_that_tells_the_arm(tmp_path: Path) -> None:
    monitoring = {"treated": [{"source": "retention_contacts"}]}
    folder = business_copy(tmp_path, monitoring=monitoring, **_edits())
    _, place, words = only_mistake(lambda: load_business(folder))
    assert place == "campaigns.contacts[0].control"
    assert words.startswith("without a column every row of retention_contacts is a contact")
