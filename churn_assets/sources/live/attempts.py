"""Asks again when a connection was lost."""

import time
from collections.abc import Callable
from typing import TypeVar

from churn_assets.progress import note
from churn_assets.sources.live.errors import ExtractError

WAITS = (2, 10)  # seconds before the second and third attempt
Done = TypeVar("Done")


class Lost(ExtractError):
    """The connection could not be made, or broke; another attempt may succeed."""


def again_if_lost(read: Callable[[], Done]) -> Done:
    """Returns what `read` returns; calls it again after the seconds of WAITS while the connection is lost."""
    for wait in WAITS:
        try:
            return read()
        except Lost as error:
            note(f"{error} Next attempt in {wait:g} seconds.")
            time.sleep(wait)
    return read()
