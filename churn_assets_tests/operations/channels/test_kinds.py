"""Each kind of channel delivers to a real receiver, and says why it could not."""

import base64
import csv
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels import webhook
from churn_assets.operations.channels.channel import DeliveryFailed, MessageRefused, Unavailable, Unreachable
from churn_assets.operations.channels.message import Batch, Message
from churn_assets.operations.channels.registry import channel_of
from churn_assets.settings import Settings
from churn_assets_tests.operations.channels.conftest import SECRET, message
from churn_assets_tests.operations.channels.receivers import Receiver, free_port

Make = Callable[..., Receiver]


def _deliver(tmp_path: Path, batch: Batch, **line: Any) -> None:
    channel_of(ChannelLine(name="one", **line), Settings(home=str(tmp_path))).deliver(batch)


def _one(told: Message) -> Batch:
    return Batch(told.id, [told])


def test_webhook_is_signed_as_the_specification_says(
    tmp_path: Path, receiver: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    http = receiver("http")
    told = message(customer_key="abc", link="https://example.com/1", facts={"job": "ingest"})
    _deliver(
        tmp_path,
        _one(told),
        kind="webhook",
        url=f"http://127.0.0.1:{http.port}/hook",
        secret="${HOOK_SECRET}",
    )
    [request] = http.received()
    headers = request["headers"]
    assert headers["webhook-id"] == told.id
    signed = f"{told.id}.{headers['webhook-timestamp']}.{request['body']}".encode()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    body = json.loads(request["body"])
    assert body["type"] == "churn_assets.incidents.run_failed"
    assert body["timestamp"] == "2026-06-01T12:00:00+00:00"
    assert body["data"]["customer_key"] == "abc"
    assert body["data"]["facts"] == {"job": "ingest"}
    assert "personal" not in body["data"]


def test_signature_of_the_example_in_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks."""
    body = b'{"test": 2432232314}'
    signature = webhook.sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, MessageRefused),
        (422, MessageRefused),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (301, Unreachable),
        (401, Unreachable),
        (404, Unreachable),
        (410, Unreachable),
    ],
)
def test_an_answer_other_than_success_is_a_failure(
    tmp_path: Path,
    receiver: Make,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    failure: type[DeliveryFailed],
) -> None:
    http = receiver("http")
    monkeypatch.setenv("SLACK", f"http://127.0.0.1:{http.port}/{status}")
    with pytest.raises(failure, match=str(status)):
        _deliver(tmp_path, _one(message()), kind="slack", url="${SLACK}")


def test_a_failure_never_tells_the_secret_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK", f"http://127.0.0.1:{free_port()}/T000/verysecret")
    with pytest.raises(Unreachable) as found:
        _deliver(tmp_path, _one(message()), kind="slack", url="${SLACK}")
    assert "verysecret" not in str(found.value)
    monkeypatch.delenv("SLACK")
    with pytest.raises(Unreachable, match="The environment variable SLACK is not set"):
        _deliver(tmp_path, _one(message()), kind="slack", url="${SLACK}")
    monkeypatch.setenv("SLACK", "http://example.com/verysecret")
    with pytest.raises(Unreachable, match="messages would go unencrypted"):
        _deliver(tmp_path, _one(message()), kind="slack", url="${SLACK}")


def test_slack_and_teams_get_text_that_cannot_be_taken_for_anything_else(
    tmp_path: Path, receiver: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = receiver("http")
    monkeypatch.setenv("PLACE", f"http://127.0.0.1:{http.port}/")
    told = message(title="<!channel> & all", link="https://example.com/x", facts={"job": "ingest"})
    for kind in ("slack", "teams"):
        _deliver(tmp_path, _one(told), kind=kind, url="${PLACE}")
    slack, teams = (json.loads(request["body"]) for request in http.received())
    assert slack["text"] == "&lt;!channel&gt; &amp; all"
    assert "<https://example.com/x|Open>" in slack["blocks"][0]["text"]["text"]
    [attachment] = teams["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {"title": "job", "value": "ingest"} in card["body"][2]["facts"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://example.com/x"}]


def test_mail_goes_over_tls_with_login_as_text_and_html(
    tmp_path: Path, receiver: Make, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = receiver("smtp", certificate)
    monkeypatch.setenv("PASSWORD", "right")
    line = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": smtp.port,
        "sender": "churn@example.com",
        "recipients": ["a@example.com", "b@example.com"],
        "username": "someone",
        "password": "${PASSWORD}",
    }
    messages = [message(1, title="First\nline <b>"), message(2)]
    _deliver(tmp_path, Batch("mail-run_failed-2026-06-01", messages), **line)
    [mail] = smtp.received()
    assert mail["tls"]
    assert mail["login"] == "someone"
    assert mail["id"] == "<mail-run_failed-2026-06-01@example.com>"
    assert mail["subject"] == "First line <b> and 1 more"
    assert mail["to"] == ["a@example.com", "b@example.com"]
    assert "Message 2" in mail["parts"]["text/plain"]
    assert "First\nline &lt;b&gt;" in mail["parts"]["text/html"].replace("\r", "")
    monkeypatch.setenv("PASSWORD", "wrong")
    with pytest.raises(Unreachable, match="535"):
        _deliver(tmp_path, _one(message()), **line)
    assert len(smtp.received()) == 1


def test_mail_refuses_a_server_whose_certificate_nobody_vouches_for(
    tmp_path: Path, receiver: Make, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = receiver("smtp", certificate)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unreachable, match="SSLCertVerificationError"):
        _deliver(
            tmp_path,
            _one(message()),
            kind="email",
            host="127.0.0.1",
            port=smtp.port,
            sender="churn@example.com",
            recipients=["a@example.com"],
        )
    assert smtp.received() == []


def test_folder_gets_one_file_for_each_delivery_and_no_formula(tmp_path: Path) -> None:
    told = [message(1, title="=1+1", facts={"job": "ingest"}), message(2, personal={"email": "a@b"})]
    batch = Batch("run_failed-2026-06-01-1", told)
    for _ in range(2):  # a repeated delivery replaces the file
        _deliver(tmp_path, batch, kind="folder", folder="alerts")
    [file] = (tmp_path / "messages" / "alerts").iterdir()
    assert file.name == "run_failed-2026-06-01-1.csv"
    rows = list(csv.DictReader(file.open()))
    assert [row["id"] for row in rows] == ["m0001", "m0002"]
    assert rows[0]["title"] == "'=1+1"
    assert (rows[0]["job"], rows[1]["job"], rows[1]["email"]) == ("ingest", "", "a@b")


def test_a_channel_that_is_not_declared_for_personal_data_gets_none() -> None:
    told = message(personal={"name": "Ann"}, customer_key="abc")
    assert told.for_channel(personal=False) == replace(told, personal={})
    assert told.for_channel(personal=True) == told
    assert Message.from_json(told.to_json()) == told
