"""One release of three scored months for all tests of the queries."""

import pytest

from churn_assets.app.store import ReleaseStore
from churn_assets_tests.app.scored_months import opened_store, publish_months


@pytest.fixture(scope="session")
def months_store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    """A store with every table. Tests only read it."""
    root = tmp_path_factory.mktemp("months")
    publish_months(root)
    return opened_store(root)
