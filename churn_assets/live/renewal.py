"""Replaces the server of the engine before it takes too much memory.

Sail keeps some 30 KB of each SQL text that it parses (https://github.com/lakehq/sail/pull/2528). Where processes end
after an hour that is nothing; a step parses some 200 texts.
"""

from churn_assets.lakehouse.engine.profiles import MIB
from churn_assets.lakehouse.engine.session import server_memory
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.log.writing import event

MOST_MEMORY = 400 * MIB
FEWEST_STEPS = 20  # by one server: the next one takes a second to start


class ServerRenewal:
    """Looks at the server after each step. Nothing that is kept between steps may be a frame of the engine."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse
        self._steps = 0

    def after_loading(self) -> None:
        """To load a state takes more memory than a step: the server may be replaced after the next one."""
        self._steps = FEWEST_STEPS

    def after_step(self, *, loading: bool) -> None:
        """Replaces a server that takes too much, unless a state is `loading` with it."""
        self._steps += 1
        if loading or self._steps < FEWEST_STEPS or (taken := server_memory()) <= MOST_MEMORY:
            return
        self._lakehouse.renew_engine()
        self._steps = 0
        told = f"The server of Sail took {taken // MIB} MiB, and was replaced."
        event("live.renewed", told, bytes_before=taken, bytes_after=server_memory())
