"""One process at a time follows a home."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.settings import Settings

LOCK = ".live.lock"  # in CHURN_HOME


class FollowedError(RuntimeError):
    """Another process follows the home."""


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Holds a file lock of the home; the operating system releases it when the process dies.

    Two processes would replace each other's `LIVE.json`, and read the topics twice.

    Raises:
        FollowedError: another process of this machine holds it.
    """
    settings.home_path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(only_one(settings.home_path / LOCK, wait=False))
        except BlockingIOError:
            raise FollowedError(
                f"Another `churn-assets live`, or its demo, follows {settings.home_path}. Stop it first, or set "
                "CHURN_HOME to another folder."
            ) from None
        yield
