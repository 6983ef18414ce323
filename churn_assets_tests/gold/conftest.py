"""The business of the tests of gold."""

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets_tests.lakes import small_business


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """Customers, subscriptions and tickets."""
    return load_business(small_business(tmp_path_factory.mktemp("business")))
