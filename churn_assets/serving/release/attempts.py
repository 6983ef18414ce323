"""When a reader tries to take a release: at once if it is another one, and ever more rarely as long as it fails."""

import time
from collections.abc import Hashable

AGAIN, AGAIN_AT_MOST = 60.0, 3600.0  # seconds until the next attempt after a failure; they double each time
NOTHING = object()


class Attempts:
    """The last attempt of a reader, and when the next one is due."""

    def __init__(self) -> None:
        self._last: object = NOTHING
        self._pause = self._again_at = 0.0

    def is_due(self, what: Hashable) -> bool:
        """Whether this should be tried now: it was not tried last, or it failed long enough ago."""
        return what != self._last or (self._pause > 0 and time.monotonic() >= self._again_at)

    def note_taken(self, what: Hashable) -> None:
        """It was taken, and need not be tried again."""
        self._last, self._pause = what, 0.0

    def note_failed(self, what: Hashable) -> None:
        """It failed; the cause may pass, so it is tried again after a minute, then after twice as long each time."""
        self._pause = min(2 * self._pause, AGAIN_AT_MOST) if what == self._last and self._pause else AGAIN
        self._last, self._again_at = what, time.monotonic() + self._pause
