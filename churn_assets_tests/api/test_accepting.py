"""Two workers share the connections of one socket."""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from churn_assets.access.listening import listening_at
from churn_assets.api import accepting
from churn_assets.api.accepting import EvenLoop, EvenlyAccepting


class Echo(asyncio.Protocol):
    """Returns what it receives, and counts the open connections as uvicorn's protocols do."""

    def __init__(self, connections: set["Echo"]) -> None:
        self.connections = connections

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)


@contextmanager
def worker(listening: socket.socket) -> Iterator[set[Echo]]:
    """A loop in a thread that takes connections of the socket; gives those that are open."""
    loop, connections = EvenLoop(), set[Echo]()
    server: EvenlyAccepting = loop.run_until_complete(
        loop.create_server(lambda: Echo(connections), sock=listening)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        for connection in list(connections):
            connection.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)

    try:
        yield connections
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def two_workers() -> Iterator[tuple[tuple[str, int], set[Echo], set[Echo]]]:
    """Their address, and the open connections of each."""
    with (
        listening_at("127.0.0.1", 0, "") as listening,
        worker(listening) as first,
        worker(listening) as second,
    ):
        yield listening.getsockname(), first, second


def caller(address: tuple[str, int]) -> socket.socket:
    """A connection that has been answered."""
    connection = socket.create_connection(address, timeout=10)
    connection.sendall(b"here")
    assert connection.recv(4) == b"here"
    return connection


def test_connections_that_stay_open_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "WAIT", 0.1)  # longer than a busy machine holds up a thread
    with two_workers() as (address, first, second), ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(caller(address))
        assert len(first) == len(second) == 2


def test_all_that_come_at_once_are_answered() -> None:
    with two_workers() as (address, first, second), ExitStack() as opened:
        found = [opened.enter_context(socket.create_connection(address, timeout=10)) for _ in range(200)]
        for connection in found:
            connection.sendall(b"here")
        assert all(connection.recv(4) == b"here" for connection in found)
        assert len(first) + len(second) == 200
        assert min(len(first), len(second)) >= 20


def test_a_machine_without_free_files_takes_connections_later(caplog: pytest.LogCaptureFixture) -> None:
    class Exhausted(socket.socket):
        failures = 1

        def accept(self) -> tuple[socket.socket, Any]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    with listening_at("127.0.0.1", 0, "") as made:
        listening = Exhausted(fileno=made.detach())
    with caplog.at_level(logging.ERROR), listening, worker(listening), caller(listening.getsockname()):
        assert "No connection can be taken (Too many open files)" in caplog.text


def test_nothing_is_taken_after_the_end() -> None:
    with listening_at("127.0.0.1", 0, "") as listening:
        with worker(listening):
            caller(listening.getsockname()).close()
        with socket.create_connection(listening.getsockname(), timeout=10) as late:  # the kernel keeps it
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.recv(1)
