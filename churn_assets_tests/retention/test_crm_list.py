"""The list of an approved campaign goes to a CRM, only with consent, and is on record."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaigns.record import CampaignError, campaign_records
from churn_assets.operations.changes.change import change_records
from churn_assets.retention.approval import approve
from churn_assets.retention.crm_list import push_list
from churn_assets.retention.export import export
from churn_assets_tests.alerts.crm_server import Crm
from churn_assets_tests.alerts.test_crm import KINDS, there
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy
from churn_assets_tests.retention.planned_lakes import CAMPAIGNS, OFFERS
from churn_assets_tests.retention.test_approval_and_export import ID, acts, business, lake

__all__ = ["business", "lake", "there"]  # fixtures
FIELDS = {"retention_offer": "offer_words", "retention_campaign": "campaign_id", "until": "use_until"}
SCORES = {"churn_segment": "segment"}


def declared(kind: str) -> dict[str, Any]:
    line = {"name": "crm", "kind": kind, "fields": SCORES} | KINDS[kind]
    return {
        "alerts": {"crm": [line]},
        "offers": OFFERS,
        "campaigns": {**CAMPAIGNS, "exclude": [], "crm": [{"crm": "crm", "fields": FIELDS}]},
    }


def with_crm(business: Business, kind: str, folder: Path) -> Business:
    """The business of a lake, with a CRM."""
    other = load_business(business_copy(folder, "telecom", **declared(kind)))
    return replace(
        business,
        file=business.file.model_copy(
            update={"alerts": other.file.alerts, "campaigns": other.file.campaigns}
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_crm_is_given_who_consents_with_the_offer(
    lake: Lakehouse, business: Business, tmp_path_factory: pytest.TempPathFactory, there: Crm, kind: str
) -> None:
    own = with_crm(business, kind, tmp_path_factory.mktemp("crm"))
    approve(lake, ID, "Ada")
    done = push_list(lake, own, ID, "Ben", "crm")
    listed = export(lake, own, ID, "Ben", with_identity=True)
    assert done.accepted == listed.customers > 0 and done.refused == {}
    assert len(there.records) == done.accepted
    for own_id, values in there.records.items():
        assert int(own_id[1:]) % 10 not in (1, 2), "who refuses or objects is given to nobody"
        assert values["retention_campaign"] == ID and values["retention_offer"] and values["until"]
    pushed = campaign_records(lake)[-2]
    assert (pushed.what, pushed.by, pushed.exported, pushed.with_identity) == (
        "exported",
        "Ben",
        done.accepted,
        True,
    )
    assert next(c.after for c in change_records(lake) if c.what == "export") == "crm crm"
    given = [customers or 0 for act, by, customers in acts(lake) if (act, by) == ("crm_push", "Ben")]
    assert sum(given) == done.accepted


@pytest.mark.parametrize(
    ("approved", "by", "crm", "told"),
    [
        (False, "Ben", "crm", "is not approved"),
        (True, " ", "crm", "Nobody is named who exports"),
        (True, "Ben", "other", "campaigns.crm declares no CRM other. Declared: crm."),
    ],
)
def test_what_must_not_be_given_is_not(
    lake: Lakehouse,
    business: Business,
    tmp_path_factory: pytest.TempPathFactory,
    there: Crm,
    approved: bool,
    by: str,
    crm: str,
    told: str,
) -> None:
    own = with_crm(business, "webhook", tmp_path_factory.mktemp("crm"))
    if approved:
        approve(lake, ID, "Ada")
    with pytest.raises(CampaignError, match=told):
        push_list(lake, own, ID, by, crm)
    assert there.requests == []


def test_a_crm_that_cannot_be_reached_is_told_and_nothing_counts_as_exported(
    lake: Lakehouse, business: Business, tmp_path_factory: pytest.TempPathFactory, there: Crm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    own = with_crm(business, "webhook", tmp_path_factory.mktemp("crm"))
    approve(lake, ID, "Ada")
    monkeypatch.delenv("CRM_URL")
    with pytest.raises(CampaignError, match=r"accepted 0 of .* CRM_URL is not set"):
        push_list(lake, own, ID, "Ben", "crm")
    assert [r.what for r in campaign_records(lake)] == ["planned", "approved"]


@pytest.mark.parametrize(
    ("line", "place", "told"),
    [
        ({"crm": "other", "fields": FIELDS}, "campaigns.crm[0].crm", "alerts.crm declares no CRM other"),
        ({"crm": "crm", "fields": {"x": "email"}}, "campaigns.crm[0].fields.x", "a list has no email"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, line: dict[str, Any], place: str, told: str
) -> None:
    edits = declared("webhook")
    edits["campaigns"]["crm"] = [line]
    folder = business_copy(tmp_path, "telecom", **edits)
    _, found, words = only_mistake(lambda: load_business(folder))
    assert found == place and told in words
