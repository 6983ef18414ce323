"""The business and the lake of the tests of the landing sensor."""

from pathlib import Path

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.lakes import settings_for, small_business


@pytest.fixture
def business(tmp_path: Path) -> Business:
    """customers, subscriptions and tickets, 2025."""
    return load_business(small_business(tmp_path))


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """An empty lake."""
    return Lakehouse(settings_for(tmp_path))
