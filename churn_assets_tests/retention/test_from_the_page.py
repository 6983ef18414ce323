"""What is asked for on the page is the same act, with the same records, as on the command line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from churn_assets.automation.campaign_sensor import campaign_requests_sensor
from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import store_files
from churn_assets.operations.campaign_requests.files import (
    CampaignRequest,
    CampaignRequestError,
    answered,
    ask,
    requests,
    write,
)
from churn_assets.operations.campaign_requests.proof import why_not_proved
from churn_assets.operations.campaigns.record import CampaignError, campaign_records, find_campaign
from churn_assets.operations.changes.change import change_records
from churn_assets.retention.approval import approve
from churn_assets.retention.from_the_page import take_in
from churn_assets_tests.retention.test_approval_and_export import ID, acts, business, lake, of_list

pytestmark = pytest.mark.one_python(
    reason="plans a campaign in each test; test_approval_and_export does on each Python"
)

__all__ = ["business", "lake"]  # fixtures
NOW = datetime.now(UTC) - timedelta(minutes=1)


def asked(house: Lakehouse, what: Any = "approve", **edits: Any) -> CampaignRequest:
    digest = find_campaign(house, ID).plan_digest
    told = {"plan_digest": digest, "by": "Ada", "role": "manager", "now": NOW, "note": "For June."}
    return ask(house.settings, what, ID, **(told | edits))


def done(house: Lakehouse, business: Business) -> list[tuple[str, str]]:
    return [(one.what, one.state) for one in take_in(house, business, datetime.now(UTC))]


def records(house: Lakehouse) -> tuple[Any, ...]:
    """What an act leaves behind, without times and numbers."""
    return (
        [(r.what, r.by, r.state, r.note, r.plan_digest) for r in campaign_records(house)],
        [(c.what, c.item, c.approved_by, c.result, c.reason) for c in change_records(house)],
        [act for act in acts(house) if act[0] != "campaign_request"],
    )


def test_an_approval_from_the_page_is_that_of_the_command_line(
    lake: Lakehouse, business: Business, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from churn_assets_tests.retention.planned_lakes import business_with, plan_without_engine, planned_lake

    folder = tmp_path_factory.mktemp("other")
    other = planned_lake(folder, business_with(folder))
    plan_without_engine(other, business_with(folder))
    approve(other, ID, "Ada", "For June.")
    asked(lake)
    assert done(lake, business) == [("approve", "done")]
    assert records(lake) == records(other)
    assert acts(lake)[0] == ("campaign_request", "Ada", None)
    assert done(lake, business) == [], "it is done once"


def test_from_an_approval_to_a_list_with_names(lake: Lakehouse, business: Business) -> None:
    asked(lake)
    asked(lake, "export", by="Ben", with_identity=True, now=NOW + timedelta(seconds=1))
    assert done(lake, business) == [("approve", "done"), ("export", "done")]
    _, answer = requests(lake.settings)
    assert answer.file is not None and answer.customers
    rows = of_list(lake.settings.home_path / "exports" / answer.file)
    assert len(rows) == answer.customers and "full_name" in rows[0]
    last = campaign_records(lake)[-1]
    assert (last.what, last.by, last.with_identity, last.expires_on) == (
        "exported",
        "Ben",
        True,
        answer.expires_on,
    )


@pytest.mark.parametrize(
    ("what", "edits", "told"),
    [
        ("export", {}, "is not approved"),
        ("approve", {"plan_digest": "0" * 64}, "was planned anew"),
        ("approve", {"by": "churn-assets"}, "a person must approve it"),
    ],
)
def test_what_is_not_possible_is_refused_with_its_reason(
    lake: Lakehouse, business: Business, what: str, edits: dict[str, Any], told: str
) -> None:
    asked(lake, what, **edits)
    assert done(lake, business) == [(what, "refused")]
    [answer] = requests(lake.settings)
    assert told in answer.answer
    assert [r.what for r in campaign_records(lake)] == ["planned"]
    assert not (lake.settings.home_path / "exports").exists()


def test_a_plan_that_is_already_approved_is_refused_to_the_second(
    lake: Lakehouse, business: Business
) -> None:
    approve(lake, ID, "Ben")
    asked(lake)
    assert done(lake, business) == [("approve", "refused")]
    assert "was approved by Ben" in requests(lake.settings)[0].answer


def test_an_approval_whose_answer_was_lost_is_not_refused(lake: Lakehouse, business: Business) -> None:
    request = asked(lake)
    assert done(lake, business) == [("approve", "done")]
    write(lake.settings, request)  # the process was killed before it wrote the answer
    assert done(lake, business) == [("approve", "done")]
    assert [r.what for r in campaign_records(lake)] == ["planned", "approved"]


def test_a_campaign_is_closed_from_the_page(lake: Lakehouse, business: Business) -> None:
    asked(lake, "close", note="Over.")
    assert done(lake, business) == [("close", "done")]
    assert campaign_records(lake)[-1].state == "closed"


def test_a_failure_that_is_no_refusal_leaves_the_request_waiting(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(lake)

    def broken(*_: object, **__: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr("churn_assets.retention.from_the_page.approve", broken)
    with pytest.raises(OSError, match="no disk"):
        take_in(lake, business, NOW)
    assert [one.state for one in requests(lake.settings)] == ["waits"]


def test_a_request_that_fails_holds_up_only_its_own_campaign(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a file that cannot be read hold up the others; both are told in the end."""
    asked(lake)
    asked(lake, "export", by="Ben", now=NOW + timedelta(seconds=1))
    other = CampaignRequest("0" * 16, "close", "retention-2025-01", "", "Ada", NOW + timedelta(seconds=2))
    write(lake.settings, other)
    folder = lake.settings.home_path / "campaign_requests"

    def broken(*_: object, **__: object) -> None:
        raise OSError("no disk")

    with monkeypatch.context() as patched:
        patched.setattr("churn_assets.retention.from_the_page.approve", broken)
        with pytest.raises(OSError, match="no disk"):
            take_in(lake, business, NOW)
    assert [one.state for one in requests(lake.settings)] == ["waits", "waits", "refused"]
    (folder / f"{'1' * 16}.json").write_text("{")
    with pytest.raises(CampaignRequestError, match="1111 cannot be read"):
        take_in(lake, business, NOW)
    (folder / f"{'1' * 16}.json").unlink()
    assert [one.state for one in requests(lake.settings)] == ["done", "done", "refused"]


def test_the_proof_of_a_request_reads_no_earlier_month_of_the_audit(
    lake: Lakehouse, business: Business
) -> None:
    asked(lake)
    (lake.settings.home_path / "audit" / "2001-01.jsonl").mkdir()  # nobody can read it
    [request] = requests(lake.settings)
    assert why_not_proved(lake.settings, request) == ""


def test_the_sensor_answers_and_says_so(lake: Lakehouse, business: Business) -> None:
    sensor = campaign_requests_sensor(business)

    def tick() -> Any:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lake})
            return sensor(context)

    assert tick().skip_message == "Nobody has asked for anything."
    asked(lake)
    assert tick().skip_message == f"approve {ID}: done."
    asked(lake, by="Ben")
    assert tick().skip_message.startswith(f"approve {ID}: refused. {ID} was approved by Ada")


def test_a_file_that_nobody_asked_for_on_the_page_approves_nothing(
    lake: Lakehouse, business: Business
) -> None:
    """Also one that changes what somebody else asked for."""
    digest = find_campaign(lake, ID).plan_digest
    write(lake.settings, CampaignRequest("0" * 16, "approve", ID, digest, "Ada", NOW))
    true = asked(lake, "export", role="agent", by="Ben")
    write(lake.settings, replace(true, what="approve"))
    assert done(lake, business) == [("approve", "refused")] * 2
    answers = sorted(r.answer for r in requests(lake.settings))
    assert answers[0].startswith("It is not what the audit tells of it.")
    assert answers[1].startswith("The audit does not tell of it.")
    assert find_campaign(lake, ID).state == "planned"


@pytest.mark.parametrize("forged", ["role", "seal"])
def test_a_record_of_the_audit_proves_only_with_its_seal_and_the_role(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch, forged: str
) -> None:
    if forged == "role":
        monkeypatch.setattr("churn_assets.operations.campaign_requests.files.may_ask", lambda *_: True)
        asked(lake, role="viewer")
    else:
        asked(lake, role="manager")
        [file] = store_files(lake.settings)
        file.write_text(file.read_text().replace('"why":"For June."', '"why":"For July."'))
    assert done(lake, business) == [("approve", "refused")]
    assert find_campaign(lake, ID).state == "planned"


def test_an_answer_is_no_approval_by_itself(lake: Lakehouse, business: Business) -> None:
    """A file that was forged into `done` approves nothing."""
    write(lake.settings, answered(asked(lake), "done", NOW))
    assert done(lake, business) == []
    assert find_campaign(lake, ID).state == "planned"
    with pytest.raises(CampaignError, match="is not approved"):
        from churn_assets.retention.export import export

        export(lake, business, ID, "Ben")


def test_the_command_answers_at_once(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", str(lake.settings.home_path))
    monkeypatch.setenv("CHURN_BUSINESS", str(lake.settings.home_path / "business-0"))
    asked(lake)
    asked(lake, "export", plan_digest="", by="Ben", now=NOW - timedelta(minutes=1))
    done = CliRunner().invoke(cli, ["campaign", "requests"])
    assert done.exit_code == 0, done.output
    first, second = done.output.splitlines()
    assert first.startswith(f"export {ID}, asked by Ben: refused. {ID} is not approved")
    assert second == f"approve {ID}, asked by Ada: done."
    assert CliRunner().invoke(cli, ["campaign", "requests"]).output == "Nobody has asked for anything.\n"
