"""Who receives messages with personal data is in the audit before they are sent."""

import smtplib
from pathlib import Path

import pytest

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.audit.chain import record
from churn_assets.operations.audit.entry import AuditEntry
from churn_assets.operations.audit.verification import stored, verify
from churn_assets.operations.channels.audited import LONGEST, receivers
from churn_assets.operations.channels.channel import Unreachable
from churn_assets.operations.channels.message import Batch
from churn_assets.operations.channels.registry import channel_of
from churn_assets.settings import Settings
from churn_assets_tests.operations.channels.conftest import message

PERSONAL = Batch(
    "alerts-1",
    [
        message(1, personal={"name": "Ann Canary"}, customer_key="k1"),
        message(2, personal={"name": "Ann Canary"}, customer_key="k1"),
        message(3, personal={"name": "Bob Canary"}, customer_key="k2"),
        message(4),
    ],
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path))


def _acts(settings: Settings) -> list[AuditEntry]:
    return [line.content[0] for line in stored(settings) if line.content]


def _folder(personal: bool) -> ChannelLine:
    return ChannelLine(name="crm", kind="folder", folder="alerts", personal=personal)


def test_a_delivery_with_names_is_an_act_with_its_receivers_and_without_the_names(settings: Settings) -> None:
    channel_of(_folder(personal=True), settings).deliver(PERSONAL)
    [act] = _acts(settings)
    assert (act.act, act.by, act.subject, act.customers) == (
        "personal_message",
        "churn-assets",
        "channel crm",
        2,
    )
    assert act.facts == {"to": "alerts", "messages": 3, "delivery": "alerts-1"}
    assert verify(settings).damage == []
    for file in (*settings.home_path.glob("audit/*"), *settings.home_path.glob("log/*")):
        assert "Canary" not in file.read_text()


def test_a_message_without_names_is_no_act(settings: Settings) -> None:
    channel_of(_folder(personal=True), settings).deliver(Batch("m", [message(4)]))
    channel_of(_folder(personal=False), settings).deliver(Batch("m", [message(4)]))
    assert _acts(settings) == []


def test_what_the_audit_cannot_record_is_not_sent_and_waits(settings: Settings) -> None:
    record(settings, "look_up", "ann", "key1")
    (settings.audit_anchor_path / "key").unlink()
    with pytest.raises(Unreachable, match=r"Nothing personal is sent.*key is missing"):
        channel_of(_folder(personal=True), settings).deliver(PERSONAL)
    assert not (settings.home_path / "messages").exists()


def test_an_attempt_that_fails_is_an_act(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(host: str, port: int, timeout: float) -> None:
        raise OSError("no such host")

    monkeypatch.setattr(smtplib, "SMTP", refuses)
    line = ChannelLine(
        name="mail",
        kind="email",
        host="smtp.example.com",
        sender="churn@example.com",
        recipients=["ann@example.com", "bob@example.com"],
        personal=True,
    )
    with pytest.raises(Unreachable, match="was not reached"):
        channel_of(line, settings).deliver(PERSONAL)
    [act] = _acts(settings)
    assert act.facts["to"] == "ann@example.com, bob@example.com"


def test_receivers_that_do_not_fit_into_a_record_are_counted(settings: Settings) -> None:
    line = ChannelLine(
        name="mail",
        kind="email",
        host="smtp.example.com",
        sender="churn@example.com",
        recipients=[f"agent{number:04d}@example.com" for number in range(300)],
        personal=True,
    )
    told = receivers(line)
    *named, rest = told.split(", ")
    assert len(told) <= LONGEST and named[-1] == line.recipients[len(named) - 1]
    assert rest == f"and {300 - len(named)} more"


def test_no_secret_of_an_address_is_recorded() -> None:
    plain = ChannelLine(name="a", kind="webhook", url="https://example.com/in?token=hunter2", secret="${S}")
    hidden = ChannelLine(name="b", kind="slack", url="${SLACK_URL}")
    assert [receivers(plain), receivers(hidden)] == ["https://example.com/in?token=***", "${SLACK_URL}"]
