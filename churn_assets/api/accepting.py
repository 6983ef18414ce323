"""Shares the connections of one listening socket evenly between the workers.

By itself a worker that is woken takes all connections that wait, so that one of two workers may get all of the few that
a busy application keeps open. Here it takes one at a time, and waits a little longer the more it has.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Collection
from ssl import SSLContext
from typing import Any

import uvloop

WAIT = 0.001  # seconds for each open connection; the timers of the loop know no shorter time
MOST_WAITS = 3
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
RECOVERY = 1.0  # seconds without new connections when this machine has no more files or memory for them

logger = logging.getLogger(__name__)

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class EvenlyAccepting:
    """Takes the connections of a listening socket; what uvicorn needs of a server of asyncio."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: ProtocolFactory,
        listening: socket.socket,
        secured: SSLContext | None,
    ) -> None:
        """Begins to listen."""
        self._loop, self._protocol, self._listening, self._secured = loop, protocol, listening, secured
        self._open: Collection[object] = ()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.TimerHandle | None = None
        self._is_closed = False
        listening.setblocking(False)
        self._watch()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The socket that is listened to."""
        return () if self._is_closed else (self._listening,)

    def close(self) -> None:
        """Takes no more connections; those that are open stay."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._listening)
            if self._waiting is not None:
                self._waiting.cancel()

    async def wait_closed(self) -> None:
        """Waits for connections that were taken before `close` and are being opened."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _watch(self) -> None:
        self._loop.add_reader(self._listening, self._woken)

    def _woken(self) -> None:
        waits = min(len(self._open) + len(self._opening), MOST_WAITS)
        if not waits:
            self._take()
            return
        self._loop.remove_reader(self._listening)
        self._waiting = self._loop.call_later(waits * WAIT, self._take_late)

    def _take_late(self) -> None:
        self._waiting = None
        self._watch()
        self._take()

    def _take(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the caller has gone
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            logger.error("No connection can be taken (%s); the next attempt is in a second.", error.strerror)
            self._loop.remove_reader(self._listening)
            self._waiting = self._loop.call_later(RECOVERY, self._take_late)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._opened(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _opened(self, connection: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._secured
            )
        except OSError:  # no TLS, or the caller has gone
            connection.close()
            return
        self._open = getattr(protocol, "connections", ())  # uvicorn's, of this worker


class EvenLoop(uvloop.Loop):
    """uvloop's loop, whose servers take connections evenly."""

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: ProtocolFactory,
        *,
        sock: socket.socket,
        ssl: SSLContext | None = None,
        **_: Any,
    ) -> EvenlyAccepting:
        """A server of a socket that listens already."""
        return EvenlyAccepting(self, protocol_factory, sock, ssl)
