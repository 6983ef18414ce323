"""Homes with a release of three scored months; the pages of their tests only read them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from churn_assets.settings import Settings
from churn_assets_tests.app.scored_months import publish_months, status

Made = Callable[..., Settings]


@pytest.fixture(scope="session")
def months_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with every table and a status of now."""
    return _made(tmp_path_factory.mktemp("months"), status())


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes another home: `made(status(...), without=["drift"])`; a status of None is not written."""
    return lambda told=None, **edits: _made(Path(mkdtemp(dir=tmp_path)), told, **edits)


def _made(folder: Path, told: dict[str, Any] | None, **edits: Any) -> Settings:
    settings = Settings(home=str(folder))
    root = Path(settings.releases_uri)
    publish_months(root, **edits)
    if told is not None:
        (root / "STATUS.json").write_text(json.dumps(told | {"at": datetime.now(UTC).isoformat()}))
    return settings
