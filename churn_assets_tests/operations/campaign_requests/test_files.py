"""Requests that are made on the page Campaign."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.audit.verification import stored
from churn_assets.operations.campaign_requests.files import (
    KEPT,
    CampaignRequest,
    CampaignRequestError,
    answered,
    ask,
    forget,
    requests,
    write,
)
from churn_assets.settings import Settings

NOW = datetime(2026, 1, 14, 8, tzinfo=UTC)
ID = "retention-2025-12"


def asked(settings: Settings, **edits: Any) -> CampaignRequest:
    told = {"plan_digest": "d", "by": " Ada  Lovelace ", "role": "manager", "now": NOW, "note": "For June."}
    return ask(settings, edits.pop("what", "approve"), edits.pop("campaign_id", ID), **(told | edits))


def test_a_request_is_kept_with_its_answer_and_recorded_first(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert requests(settings) == []
    made = asked(settings)
    assert requests(settings) == [made] and (made.by, made.state) == ("Ada Lovelace", "waits")
    [entry] = [entry[0] for _, entry in stored(settings) if entry is not None]
    assert (entry.act, entry.by, entry.subject) == ("campaign_request", "Ada Lovelace", f"campaign {ID}")
    assert entry.facts == {
        "asked_for": "approve", "role": "manager", "with_identity": False, "plan": "d", "request": made.request_id
    }  # fmt: skip
    answer = answered(made, "done", NOW, file="list.csv", customers=3, expires_on=date(2026, 1, 28))
    write(settings, answer)
    assert requests(settings) == [answer]


def test_requests_come_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    made = [asked(settings, campaign_id=f"c{n}", now=NOW - timedelta(minutes=n)) for n in range(5)]
    assert requests(settings) == made[::-1]


def test_the_same_does_not_wait_twice(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    first = asked(settings)
    with pytest.raises(CampaignRequestError, match="Ada Lovelace has asked for that already"):
        asked(settings, by="Ben")
    asked(settings, what="close")
    write(settings, answered(first, "refused", NOW, answer="Not now."))
    asked(settings, by="Ben")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_request_of_nobody_is_refused(tmp_path: Path, name: str) -> None:
    settings = Settings(home=str(tmp_path))
    with pytest.raises(CampaignRequestError, match="Write your name"):
        asked(settings, by=name)
    assert requests(settings) == []


@pytest.mark.parametrize(
    ("what", "role"), [("approve", "viewer"), ("approve", "agent"), ("close", "agent"), ("export", "viewer"),
                       ("export", "nobody")],
)  # fmt: skip
def test_a_role_without_the_right_asks_for_nothing(tmp_path: Path, what: str, role: str) -> None:
    settings = Settings(home=str(tmp_path))
    with pytest.raises(CampaignRequestError, match="may ask for that"):
        asked(settings, what=what, role=role)
    assert requests(settings) == [] and not list(stored(settings))


def test_what_cannot_be_recorded_is_not_asked_for(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    settings.audit_anchor_path.write_text("no folder")
    with pytest.raises(AuditError):
        asked(settings)
    assert requests(settings) == []


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"request_id": "x"}'])
def test_a_damaged_file_is_told_without_its_place(tmp_path: Path, content: str) -> None:
    settings = Settings(home=str(tmp_path))
    asked(settings)
    (tmp_path / "campaign_requests" / f"{'0' * 16}.json").write_text(content)
    with pytest.raises(CampaignRequestError, match="cannot be read") as told:
        requests(settings)
    assert str(tmp_path) not in str(told.value)


def test_answered_requests_are_forgotten_after_their_time(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    waits = asked(settings)
    old = asked(settings, what="close")
    write(settings, answered(old, "done", NOW))
    assert forget(settings, NOW + KEPT) == 0
    assert forget(settings, NOW + KEPT + timedelta(seconds=1)) == 1
    assert requests(settings) == [waits]
