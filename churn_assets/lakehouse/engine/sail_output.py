"""What the server of Sail prints, as records of the logger `sail`: for the structured log, not for the terminal."""

import logging
import re
import threading
from contextvars import copy_context
from typing import IO

log = logging.getLogger("sail")
log.propagate = False
log.addHandler(logging.NullHandler())  # without one, Python prints warnings
# At each `persist` and `hint` Sail warns that it does nothing.
LEVELS = "warn,sail_spark_connect::service::plan_analyzer=error,sail_plan::resolver::query::misc=error"
RECORD = re.compile(r"\[\S+ (?P<level>ERROR|WARN) +(?P<target>\S+?)\] ?(?P<message>.*)")
DYING = re.compile(
    r"thread '.*' (\(\d+\) )?(panicked at|has overflowed its stack)|fatal |memory allocation of "
)
SECONDS = 5


class ServerOutput:
    """Reads the standard error of the server until it ends, in a thread, so that the server never waits.

    Warnings, errors, panics and what Rust says before it ends a process become records. The further lines of a message
    do not: they may hold values of rows.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._last = stream, ""
        # The records belong to the trace in which the server was started.
        work = copy_context().run
        self._thread = threading.Thread(target=work, args=(self._read,), name="sail-output", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits until all that a server has printed before it ended is logged."""
        self._thread.join(SECONDS)

    def last_line(self) -> str:
        """The last line of a server that has ended."""
        self.wait()
        return self._last

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                self._last = line.strip() or self._last
                tell(line.strip())


def tell(line: str) -> None:
    """Logs a line of the server, if it begins a message."""
    if found := RECORD.match(line):
        level = logging.ERROR if found["level"] == "ERROR" else logging.WARNING
        logging.getLogger(f"sail.{found['target'].replace('::', '.')}").log(level, "%s", found["message"])
    elif DYING.match(line):
        log.critical("%s", line)
