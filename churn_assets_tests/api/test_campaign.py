"""What the calls tell of the plan of the newest campaign."""

import csv
import io
from pathlib import Path

import httpx
import pytest

from churn_assets.settings import Settings
from churn_assets_tests.api.releases import SCORED, TOO_NEW, publish_release
from churn_assets_tests.api.running import running
from churn_assets_tests.serving.release.campaigns import ID, WORDS, plan_rows

ROWS = {row["customer_key"]: row for row in plan_rows(SCORED)}


@pytest.mark.parametrize("number", range(10))
def test_a_customer_answer_carries_the_planned_offer_or_why_there_is_none(
    client: httpx.Client, number: int
) -> None:
    row = ROWS[SCORED[number]]
    told = client.get(f"/v1/customers/{SCORED[number]}").json()["campaign"]
    assert (told["campaign_id"], told["state"]) == (ID, "planned")
    for name in ("arm", "offer", "channel", "reason"):
        assert told[name] == row[name]
    assert told["expected_profit"] == row.get("expected_profit")
    assert told["offer_words"] == WORDS.get(row["offer"])
    assert told["effect_rests_on"] == ("assumed: no control arm" if row["offer"] else None)
    assert "customer_key" not in told


def test_who_was_not_scored_then_is_in_no_campaign(client: httpx.Client) -> None:
    assert client.get(f"/v1/customers/{TOO_NEW[0]}").json()["campaign"] is None


def test_pages_and_streams_carry_it_too(client: httpx.Client) -> None:
    page = client.get("/v1/customers", params={"limit": 1000}).json()["customers"]
    assert {one["customer_key"]: one["campaign"]["arm"] for one in page} == {
        key: row["arm"] for key, row in ROWS.items()
    }
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/customers", params={"format": "csv"}).text)))
    for row in rows:
        expected = ROWS[row["customer_key"]]
        assert (row["campaign_id"], row["campaign_state"]) == (ID, "planned")
        assert row["campaign_arm"] == (expected["arm"] or "")
        assert row["planned_offer"] == (expected["offer"] or "")
        assert row["why_not_planned"] == (expected["reason"] or "")


def test_a_release_without_a_plan_tells_of_none(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    publish_release(settings, current=False)
    with running(settings) as client:
        assert client.get(f"/v1/customers/{SCORED[0]}").json()["campaign"] is None
        assert "campaign_id" not in client.get("/v1/customers", params={"format": "csv"}).text
