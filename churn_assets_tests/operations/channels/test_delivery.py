"""Messages arrive: at least once, in order for each subject, over crashes of the receiver and of the sender."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.channels import ChannelLine
from churn_assets.lakehouse.engine.processes import module_environment, only_one
from churn_assets.operations.channels import delivery
from churn_assets.operations.channels.channel import Unreachable
from churn_assets.operations.channels.delivery import deliver, due, pause, tell
from churn_assets.operations.channels.message import Batch
from churn_assets.operations.channels.outbox import NEVER, Outbox, Waiting
from churn_assets.settings import Settings
from churn_assets_tests.operations.channels.conftest import SECRET, message
from churn_assets_tests.operations.channels.receivers import Receiver, free_port

Make = Callable[..., Receiver]
DAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture
def outbox(settings: Settings) -> Outbox:
    return Outbox(settings.home_path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are so short that the next round is due."""
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.0)


def hook(port: int, name: str = "hook", path: str = "", **more: Any) -> ChannelLine:
    """A webhook on this machine."""
    url = f"http://127.0.0.1:{port}/{path}"
    return ChannelLine(name=name, kind="webhook", url=url, secret="${HOOK_SECRET}", **more)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def ids(receiver: Receiver) -> list[str]:
    return [request["headers"]["webhook-id"] for request in receiver.received()]


def test_messages_go_to_the_channels_of_their_topic_once(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    http, other = receiver("http"), receiver("http")
    lines = [hook(http.port, topics=["incidents"]), hook(other.port, "other", topics=["alerts"])]
    told = [message(1), message(2), message(3, topic="alerts")]
    assert tell(outbox, lines, told) == 3
    assert tell(outbox, lines, told) == 0
    assert deliver(outbox, lines, settings)["hook"].messages == 2
    assert (ids(http), ids(other)) == (["m0001", "m0002"], ["m0003"])
    assert tell(outbox, lines, told) == 0, "what was delivered is not told again"
    assert deliver(outbox, lines, settings) == {}


def test_personal_values_never_reach_the_outbox_of_a_channel_without_them(outbox: Outbox) -> None:
    lines = [hook(1), hook(1, "trusted", personal=True)]
    tell(outbox, lines, [message(personal={"name": "Ann Canary"})])
    [public], [trusted] = outbox.waiting("hook"), outbox.waiting("trusted")
    assert public.message.personal == {}
    assert trusted.message.personal == {"name": "Ann Canary"}
    outbox.delivered("trusted", Batch("m0001", [trusted.message]), DAY)
    stored = b"".join(f.read_bytes() for f in outbox.file.parent.glob("outbox.db*"))
    assert b"Canary" not in outbox.file.read_bytes()
    assert stored.count(b"Ann Canary") <= 1, "only the journal of the write may still hold it"


def test_a_closed_channel_delays_its_own_messages_only(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    http = receiver("http")
    lines = [hook(free_port(), "closed"), hook(http.port)]
    tell(outbox, lines, [message(n) for n in range(10)])
    done = deliver(outbox, lines, settings)
    assert done["hook"].messages == 10
    assert done["closed"].messages == 0
    state = outbox.state("closed")
    assert (state.waiting, state.failures) == (10, 1)
    assert state.why == "No answer (ConnectionRefusedError)."
    assert state.next_at > datetime.now(UTC)
    assert deliver(outbox, lines, settings) == {}, "nothing before the pause is over"
    assert outbox.retry("closed") == 10
    assert "closed" in deliver(outbox, lines, settings)


@pytest.mark.usefixtures("impatient")
def test_a_message_that_the_receiver_refuses_holds_up_only_its_subject(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    http = receiver("http")
    lines = [hook(http.port, path="poison-422")]
    tell(
        outbox,
        lines,
        [
            message(1, subject="a", text="poison"),
            message(2, subject="a"),
            message(3, subject="b"),
        ],
    )
    deliver(outbox, lines, settings)
    assert ids(http)[:1] == ["m0003"]
    for _ in range(delivery.MOST_REFUSALS):
        deliver(outbox, lines, settings)
    assert ids(http) == ["m0003", "m0002"]
    state = outbox.state("hook")
    assert (state.waiting, state.undeliverable) == (0, 1), "kept, until somebody asks for it again"
    assert outbox.retry("hook") == 1
    assert outbox.state("hook").waiting == 1


@pytest.mark.usefixtures("impatient")
def test_a_message_that_breaks_the_receiver_does_not_stop_the_channel(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    http = receiver("http")
    lines = [hook(http.port, path="poison-500")]
    tell(outbox, lines, [message(1, subject="a", text="poison"), message(2, subject="b")])
    for _ in range(delivery.MOST_REFUSALS + 1):
        deliver(outbox, lines, settings)
    assert ids(http) == ["m0002"]
    assert outbox.state("hook").undeliverable == 1


@pytest.mark.usefixtures("impatient")
def test_a_receiver_that_is_down_for_all_gives_up_no_message(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    down = receiver("http")
    lines = [hook(down.port, path="503")]
    tell(outbox, lines, [message(n) for n in range(5)])
    for _ in range(3 * delivery.MOST_REFUSALS):
        deliver(outbox, lines, settings)
    state = outbox.state("hook")
    assert (state.waiting, state.undeliverable) == (5, 0)
    assert state.failing_since is not None
    deliver(outbox, [hook(down.port)], settings)
    assert ids(down) == [f"m{n:04d}" for n in range(5)]
    assert outbox.state("hook").failing_since is None


def test_mails_that_can_wait_are_one_digest_for_each_rule_and_day(
    outbox: Outbox, settings: Settings, receiver: Make, certificate: str
) -> None:
    smtp = receiver("smtp", certificate)
    line = ChannelLine(
        name="mail",
        kind="email",
        host="127.0.0.1",
        port=smtp.port,
        sender="c@example.com",
        recipients=["a@example.com"],
        digest_hour=0,
    )
    alerts = [
        message(n, topic="alerts", rule=f"rule_{n % 2}", subject=f"customer-{n}", at_once=False)
        for n in range(6)
    ]
    tell(outbox, [line], [*alerts, message(9)])
    assert deliver(outbox, [line], settings)["mail"].messages == 7
    mails = {mail["id"]: mail["parts"]["text/plain"] for mail in smtp.received()}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert set(mails) == {
        f"<mail-rule_0-{today}@example.com>",
        f"<mail-rule_1-{today}@example.com>",
        "<m0009@example.com>",
    }
    assert all(f"Message {n}" in mails[f"<mail-rule_0-{today}@example.com>"] for n in (0, 2, 4))
    late = message(10, topic="alerts", rule="rule_0", subject="customer-10", at_once=False)
    tell(outbox, [line], [late])
    deliver(outbox, [line], settings)
    assert len(smtp.received()) == 3, "today's digest of the rule has gone; this one waits for tomorrow's"
    assert outbox.state("mail").waiting == 1


def test_a_digest_repeated_after_a_crash_has_the_same_id_and_the_same_messages(outbox: Outbox) -> None:
    outbox.put([("mail", False)], [message(1, at_once=False)])
    [first] = outbox.waiting("mail")
    assert outbox.begin("mail", Batch("mail-run_failed-day", [first.message]), ("run_failed", "day"))
    outbox.put([("mail", False)], [message(2, at_once=False)])
    groups = due(outbox.waiting("mail"), True, 0, DAY)
    assert [[w.batch for w in group] for group in groups] == [["mail-run_failed-day"], [None]]
    assert not outbox.begin("mail", Batch("mail-run_failed-day", [message(2)]), ("run_failed", "day"))


def _waiting(position: int, subject: str, **more: Any) -> Waiting:
    told = message(position, subject=subject, at_once=more.pop("at_once", True))
    state: dict[str, Any] = {"batch": None, "refusals": 0, "next_at": NEVER, "queued_at": DAY}
    return Waiting(position, told, **state | more)


def test_a_message_waits_behind_an_earlier_one_of_its_subject() -> None:
    later = DAY + timedelta(minutes=1)
    queue = [_waiting(1, "a", next_at=later), _waiting(2, "a"), _waiting(3, "b")]
    assert [[w.position for w in g] for g in due(queue, False, None, DAY)] == [[3]]
    assert [[w.position for w in g] for g in due(queue, False, None, later)] == [[1], [3]]
    digest = [_waiting(1, "a", at_once=False), _waiting(2, "a"), _waiting(3, "b")]
    assert [[w.position for w in g] for g in due(digest, True, 13, DAY)] == [[3]], "before the digest's hour"
    assert [[w.position for w in g] for g in due(digest, True, 12, DAY)] == [[1], [3]]


def test_pauses_double_and_differ() -> None:
    random.seed(7)
    assert 2.5 <= pause(0) <= 5
    assert 40 <= pause(4) <= 80
    assert 450 <= pause(1000) <= 900
    assert pause(3) != pause(3)


def test_two_processes_of_a_home_never_deliver_to_a_channel_at_once(
    outbox: Outbox, settings: Settings, receiver: Make
) -> None:
    http = receiver("http")
    tell(outbox, [hook(http.port)], [message()])
    with only_one(settings.home_path / ".outbox-hook.lock"):
        assert deliver(outbox, [hook(http.port)], settings)["hook"].messages == 0
    assert deliver(outbox, [hook(http.port)], settings)["hook"].messages == 1


def test_a_signing_secret_of_another_form_is_told_without_it(
    outbox: Outbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hunter2")
    tell(outbox, [hook(free_port())], [message()])
    deliver(outbox, [hook(free_port())], settings)
    assert outbox.state("hook").why == "The signing secret is not whsec_ followed by base64."
    with pytest.raises(Unreachable):
        raise Unreachable("for the type")


def test_only_the_owner_reads_the_outbox(outbox: Outbox) -> None:
    assert outbox.file.stat().st_mode & 0o777 == 0o600
    assert Outbox(outbox.file.parent).id == outbox.id


MESSAGES, KILLS = 1000, 20


@pytest.mark.slow
def test_no_message_is_lost_when_receivers_and_sender_are_killed(
    outbox: Outbox, settings: Settings, receiver: Make, certificate: str
) -> None:
    """A repetition has the same id, and a subject's messages first arrive in order."""
    http, smtp = receiver("http"), receiver("smtp", certificate)
    lines = [
        hook(http.port),
        ChannelLine(
            name="mail",
            kind="email",
            host="127.0.0.1",
            port=smtp.port,
            sender="c@example.com",
            recipients=["a@example.com"],
        ),
    ]
    told = [message(n) for n in range(MESSAGES)]
    assert tell(outbox, lines, told) == 2 * MESSAGES
    command = [
        sys.executable,
        "-m",
        "churn_assets_tests.operations.channels.sender",
        settings.home,
        json.dumps([line.model_dump() for line in lines]),
    ]
    chance = random.Random(7)
    sender = subprocess.Popen(command, env=module_environment())
    killed = Counter[str]()
    try:
        for number in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.5))
            victim = ("sender", "http", "smtp")[number % 3]
            if victim == "sender":
                sender.kill()
                sender.wait()
                sender = subprocess.Popen(command, env=module_environment())
            else:
                one = http if victim == "http" else smtp
                one.kill()
                time.sleep(chance.uniform(0, 0.2))
                one.start()
            killed[victim] += any(outbox.state(line.name).waiting for line in lines)
        assert sender.wait(100) == 0
    finally:
        sender.kill()
        sender.wait()
    assert killed.total() >= KILLS // 2, "most kills came while messages were under way"
    expected = [m.id for m in told]
    arrived = {
        "hook": ids(http),
        "mail": [mail["id"].strip("<>").removesuffix("@example.com") for mail in smtp.received()],
    }
    for name, got in arrived.items():
        assert set(got) == set(expected), name
        first = list(dict.fromkeys(got))
        for subject in {m.subject for m in told}:
            mine = [m.id for m in told if m.subject == subject]
            assert [id_ for id_ in first if id_ in set(mine)] == mine, name
        assert outbox.state(name).waiting == 0


def test_a_message_waits_in_its_quiet_hours_and_so_do_later_ones_about_its_subject(outbox: Outbox) -> None:
    told = [message(1, quiet=(19, 6)), message(51), message(2)]
    outbox.put([("hook", False)], told)
    waiting = outbox.waiting("hook")
    assert [w.message for w in waiting] == told
    night, morning = DAY.replace(hour=23), DAY.replace(hour=6)
    assert [[w.message.id for w in g] for g in due(waiting, False, None, night)] == [["m0002"]]
    assert len(due(waiting, False, None, morning)) == 3 - 1, (
        "the second about INC-1 follows in the next round"
    )


def test_a_delivery_that_began_before_quiet_hours_waits_as_a_whole(outbox: Outbox) -> None:
    told = [message(1, quiet=(19, 6)), message(2)]
    outbox.put([("files", False)], told)
    outbox.begin("files", Batch("both", told))
    assert due(outbox.waiting("files"), True, None, DAY.replace(hour=23)) == []
    [group] = due(outbox.waiting("files"), True, None, DAY)
    assert [w.message.id for w in group] == ["m0001", "m0002"]


def test_the_outbox_tells_which_channels_have_accepted_a_message(outbox: Outbox) -> None:
    outbox.put([("a", False), ("b", False)], [message(1), message(2)])
    outbox.delivered("a", Batch("x", [message(1)]), DAY)
    assert outbox.accepted(["m0001", "m0002", "m0003"]) == {"m0001": {"a": DAY}}
