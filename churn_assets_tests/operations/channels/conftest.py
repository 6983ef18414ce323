"""Receivers and messages for the tests of the channels."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from churn_assets.operations.channels.message import Message
from churn_assets_tests.lakehouse.engine.servers import Authority
from churn_assets_tests.operations.channels.receivers import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the key of the specification's example


def message(number: int = 1, **more: Any) -> Message:
    """A message about the incident `number % 50`."""
    content: dict[str, Any] = {
        "id": f"m{number:04d}",
        "topic": "incidents",
        "rule": "run_failed",
        "subject": f"INC-{number % 50}",
        "title": f"Message {number}",
        "text": "A run failed.",
        "severity": "warning",
        "occurred_at": datetime(2026, 6, 1, 12, tzinfo=UTC),
    }
    return Message(**content | more)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Makes receivers and starts them; those that still run are killed in the end."""
    made: list[Receiver] = []

    def make(kind: str, *words: str) -> Receiver:
        made.append(Receiver(kind, tmp_path / f"{kind}-{len(made)}.jsonl", *words))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The certificate file of a server at 127.0.0.1 that this process and its children trust."""
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    return str(authority.ca.with_name("server.pem"))
