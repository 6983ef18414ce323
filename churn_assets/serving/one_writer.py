"""The lock of those who write below the root of the releases."""

from collections.abc import Iterator
from contextlib import contextmanager

from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.settings import Settings

LOCK = ".serving.lock"


@contextmanager
def one_writer(settings: Settings) -> Iterator[None]:
    """Holds the lock of this home; another writer waits."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    with only_one(settings.home_path / LOCK):
        yield
