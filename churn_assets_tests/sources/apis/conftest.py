"""The service that the tests ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.sources.apis import client
from churn_assets_tests.sources.apis.rest import Api, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A service, and an empty landing zone."""
    with service() as running:
        yield Api(running, tmp_path / "landing", tmp_path)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have waited."""
    told: list[float] = []
    monkeypatch.setattr(client.time, "sleep", told.append)
    return told
