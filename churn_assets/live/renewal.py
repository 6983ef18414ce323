"""Replaces the server of Sail before it takes too much memory.

Each time Sail parses SQL, it leaks some 30 KB of the parser that it builds (https://github.com/lakehq/sail/pull/2528).
In a process that ends within the hour this does not matter; here a step makes it parse some 200 expressions.
"""

import logging

from churn_assets.lakehouse.engine.profiles import MIB
from churn_assets.lakehouse.engine.session import server_has_ended, server_memory
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.log.writing import event

MOST_MEMORY = 400 * MIB
FEWEST_STEPS = 20  # by one server: the next one takes a second to start


class ServerRenewal:
    """Looks at the server before each step."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse
        self._steps = 0

    def after_loading(self) -> None:
        """Loading takes more memory than a step, so the server may be replaced before it has taken many."""
        self._steps = FEWEST_STEPS

    def after_step(self) -> None:
        """Counts a step."""
        self._steps += 1

    def renew_if_needed(self, *, loading: bool) -> None:
        """Replaces a server that takes too much or has ended, unless a state is `loading` with it.

        Raises:
            SailError: the next server does not start.
        """
        if loading:
            return
        if server_has_ended():
            why = "If nobody stopped it, the machine was short of memory."
            self._renew(f"The server of Sail had ended and was replaced. {why}", logging.WARNING, 0)
        elif self._steps >= FEWEST_STEPS and (taken := server_memory()) > MOST_MEMORY:
            self._renew(f"The server of Sail took {taken // MIB} MiB and was replaced.", logging.INFO, taken)

    def _renew(self, told: str, level: int, taken: int) -> None:
        self._lakehouse.renew_server()
        self._steps = 0
        event("live.renewed", told, level=level, bytes_before=taken, bytes_after=server_memory())
