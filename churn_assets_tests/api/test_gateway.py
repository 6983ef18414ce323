"""Limits of time, by applications that hang on purpose."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn_assets.api import gateway as gateway_module
from churn_assets.api.gateway import Gateway
from churn_assets.api.holder import Holder
from churn_assets.api.metrics import ApiMetrics
from churn_assets.settings import Settings


async def never(_: Message | None = None) -> Any:
    await asyncio.Event().wait()


def answer_of(
    app: ASGIApp, method: str, send: Callable[[Message], Awaitable[None]] | None = None
) -> list[Message]:
    """What the gateway sends for a request whose body never ends."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)
        if send is not None:
            await send(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/v1/score",
        "raw_path": b"/v1/score",
        "query_string": b"",
        "headers": [],
    }
    gateway = Gateway(app, ApiMetrics(Holder(Settings())), 1000, 0.05)
    asyncio.run(asyncio.wait_for(gateway(scope, never, keep), 60))
    return sent


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    await never()


async def streams(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})


@pytest.mark.parametrize(("app", "status"), [(reads, 408), (hangs, 503)])
def test_only_a_body_that_is_waited_for_is_late(app: ASGIApp, status: int) -> None:
    assert answer_of(app, "POST")[0]["status"] == status


def test_a_stream_ends_when_its_reader_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "READER_SECONDS", 0.05)
    sent = answer_of(streams, "GET", lambda m: never() if m["type"].endswith("body") else asyncio.sleep(0))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_a_stream_may_take_longer_than_the_limit_of_a_call() -> None:
    assert len(answer_of(streams, "GET", lambda _: asyncio.sleep(0.002))) == 101
