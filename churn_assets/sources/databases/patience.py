"""Breaks off a connection of PostgreSQL that keeps silent: its driver would wait for ever for a stopped server."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Patience:
    """Waits for signs of life. Each call of `renew` is one."""

    def __init__(self, seconds: float, descriptor: int) -> None:
        self.seconds, self._descriptor = seconds, descriptor
        self._timer: threading.Timer | None = None

    def renew(self) -> None:
        """Begins to wait anew."""
        self.end()
        self._timer = threading.Timer(self.seconds, self._break_off)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Waits no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _break_off(self) -> None:
        """The driver then sees a connection that was closed."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as line:
            line.shutdown(socket.SHUT_RDWR)


@contextmanager
def patience_with(connection: "Connection", seconds: float) -> Iterator[Patience | None]:
    """Breaks off a connection of psycopg after so many seconds without a sign of life; None with another driver."""
    if connection.dialect.driver != "psycopg":
        yield None
        return
    own: Any = connection.connection.driver_connection
    patience = Patience(seconds, own.fileno())
    patience.renew()
    try:
        yield patience
    finally:
        patience.end()
