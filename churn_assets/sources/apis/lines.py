"""Breaks off connections whose answer takes too long: httpx only limits the silence between two bytes."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class Lines:
    """The connections of a client, as httpcore tells them by its extension `trace`."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def trace(self, event: str, told: Mapping[str, Any]) -> None:
        """Remembers a connection that was made; httpcore calls it."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            line = told["return_value"].get_extra_info("socket")
            self._sockets = [one for one in self._sockets if one.fileno() >= 0] + [line]

    @contextmanager
    def broken_off_after(self, seconds: float) -> Iterator[Callable[[], bool]]:
        """Ends all connections after so many seconds in the block; yields what tells whether it has."""
        ended = threading.Event()

        def end() -> None:
            ended.set()
            for line in self._sockets:
                with suppress(OSError):
                    socket.socket.shutdown(
                        line, socket.SHUT_RDWR
                    )  # that of TLS would take its layer off first

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield ended.is_set
        finally:
            timer.cancel()
