"""Changed scores go to the company's CRM: by its own ids, in batches, each change once, and each batch on record."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from churn_assets.alerts.crm import Pushed, push
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.webhook import sign
from churn_assets_tests.alerts.crm_server import Crm, crm
from churn_assets_tests.alerts.days import score
from churn_assets_tests.alerts.lake import business_of, lake, put_scores
from churn_assets_tests.lakes import not_as_declared

NOW = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)
FIELDS = {"churn_risk": "probability", "churn_segment": "segment"}
SECRET = "whsec_bWluZSBhbmQgeW91cnM="
KINDS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "${CRM_URL}", "secret": "${CRM_SECRET}"},
    "hubspot": {
        "url": "${CRM_URL}",
        "token": "${CRM_TOKEN}",
        "object": "contacts",
        "id_field": "customer_no",
    },
    "salesforce": {
        "url": "${CRM_URL}",
        "client_id": "${CRM_ID}",
        "client_secret": "${CRM_SECRET_OF_CLIENT}",
        "object": "Contact",
        "id_field": "Customer_No__c",
    },
}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    with crm() as running:
        for name, value in {
            "CRM_URL": running.url,
            "CRM_SECRET": SECRET,
            "CRM_TOKEN": "t0ken",
            "CRM_ID": "me",
            "CRM_SECRET_OF_CLIENT": "s3cret",
        }.items():
            monkeypatch.setenv(name, value)
        yield running


def with_crm(tmp_path: Path, kind: str) -> Business:
    line = {"name": "crm", "kind": kind, "fields": FIELDS} | KINDS[kind]
    return business_of(tmp_path, alerts={"crm": [line]})


def customers(home: Path, count: int, probability: float = 0.1) -> Lakehouse:
    house = lake(home, [score(f"k{n:04d}", 0, probability) for n in range(count)])
    table = tables.CUSTOMER_KEYS
    rows = [
        dict.fromkeys(table.types) | {"customer_id": f"C-{n}", "customer_key": f"k{n:04d}"}
        for n in range(count)
    ]
    house.append_rows(table, table.rows(rows), run_id="test")
    return house


def pushed(house: Lakehouse, business: Business) -> Pushed:
    return push(house, business, business.file.alerts.crm[0], NOW, "test")


@pytest.mark.parametrize("kind", KINDS)
def test_a_crm_is_given_what_has_changed_and_nothing_twice(tmp_path: Path, there: Crm, kind: str) -> None:
    business, house = with_crm(tmp_path, kind), customers(tmp_path, 3)
    assert pushed(house, business).accepted == 3
    assert {key: str(one["churn_risk"]) for key, one in there.records.items()} == {
        "C-0": "0.1",
        "C-1": "0.1",
        "C-2": "0.1",
    }
    requests = len(there.requests)
    assert pushed(house, business).accepted == 0
    put_scores(
        house, [score("k0000", 1, 0.102), score("k0001", 1, 0.31), score("k0002", 1, 0.1, segment="x")]
    )
    assert pushed(house, business).accepted == 2, "0.102 is 0.1 in steps of 0.01"
    assert str(there.records["C-1"]["churn_risk"]) == "0.31"
    assert there.records["C-2"]["churn_segment"] == "x"
    assert len(there.requests) > requests
    assert not_as_declared(house, business) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_no_longer_scored_has_the_fields_emptied_once(tmp_path: Path, there: Crm, kind: str) -> None:
    business, house = with_crm(tmp_path, kind), customers(tmp_path, 2)
    pushed(house, business)
    put_scores(house, [score("k0000", 1)])
    assert pushed(house, business).accepted == 1
    assert [not value for value in there.records["C-1"].values()] == [True, True]
    assert pushed(house, business).accepted == 0


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
def test_a_refused_customer_is_told_and_tried_again(tmp_path: Path, there: Crm, kind: str) -> None:
    business, house = with_crm(tmp_path, kind), customers(tmp_path, 3)
    there.refused = {"C-1"}
    done = pushed(house, business)
    assert (done.accepted, list(done.refused)) == (2, ["k0001"])
    assert "Anna" not in str(done), "the text of an error may be personal"
    [kept] = house.arrow(tables.CRM_CUSTOMERS, filters=[("customer_key", "=", "k0001")]).to_pylist()
    assert (kept["given"], kept["given_at"], kept["why"] is not None) == (None, None, True)
    there.refused = set()
    assert pushed(house, business).accepted == 1
    assert there.records.keys() == {"C-0", "C-1", "C-2"}


@pytest.mark.parametrize(("status", "told"), [(503, "503"), (401, "401"), (429, "429")])
def test_a_closed_crm_is_given_nothing_and_all_waits(
    tmp_path: Path, there: Crm, status: int, told: str
) -> None:
    business, house = with_crm(tmp_path, "hubspot"), customers(tmp_path, 150)
    there.status = status
    done = pushed(house, business)
    assert (done.accepted, done.waiting, told in str(done.why)) == (0, 150, True)
    assert len(there.requests) == 1
    there.status = 200
    assert pushed(house, business).accepted == 150
    assert [len(json.loads(body)["inputs"]) for _, _, _, body in there.requests[1:]] == [100, 50]


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
@pytest.mark.parametrize(
    "nonsense", ["", "<html>", "[]", "{}", '"ok"', '{"status": "CANCELED", "results": []}']
)
def test_an_answer_that_does_not_tell_of_each_customer_accepts_none(
    tmp_path: Path, there: Crm, kind: str, nonsense: str
) -> None:
    business, house = with_crm(tmp_path, kind), customers(tmp_path, 2)
    there.nonsense = nonsense
    done = pushed(house, business)
    assert (done.accepted, done.waiting + len(done.refused)) == (0, 2)
    there.nonsense = None
    assert pushed(house, business).accepted == 2


def test_an_unset_variable_is_told(tmp_path: Path, there: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TOKEN")
    done = pushed(customers(tmp_path, 1), with_crm(tmp_path, "hubspot"))
    assert (done.waiting, done.why) == (1, "The environment variable CRM_TOKEN is not set.")


def test_a_webhook_is_signed_and_the_audit_tells_how_many_were_given(tmp_path: Path, there: Crm) -> None:
    business, house = with_crm(tmp_path, "webhook"), customers(tmp_path, 2)
    pushed(house, business)
    [(_, _, headers, body)] = there.requests
    expected = sign(SECRET, headers["webhook-id"], headers["webhook-timestamp"], body.encode())
    assert headers["webhook-signature"] == expected
    [file] = (house.settings.home_path / "audit").glob("*.jsonl")
    [act] = [json.loads(line) for line in file.read_text().splitlines()]
    assert (act["act"], act["customers"], act["subject"]) == ("crm_push", 2, "crm crm")
    assert "C-0" not in file.read_text()


def test_salesforce_is_logged_in_once_a_run(tmp_path: Path, there: Crm) -> None:
    pushed(customers(tmp_path, 250), with_crm(tmp_path, "salesforce"))
    paths = [path for _, path, _, _ in there.requests]
    assert paths == [
        "/services/oauth2/token",
        *["/services/data/v60.0/composite/sobjects/Contact/Customer_No__c"] * 2,
    ]
    assert all(headers["authorization"] == "Bearer t0ken" for _, _, headers, _ in there.requests[1:])


def test_who_has_no_own_id_is_counted(tmp_path: Path, there: Crm) -> None:
    business, house = with_crm(tmp_path, "webhook"), customers(tmp_path, 2)
    put_scores(house, [score("k0000", 1), score("unknown", 1)])
    done = pushed(house, business)
    assert (done.accepted, done.nameless) == (1, 1)
