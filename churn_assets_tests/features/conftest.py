"""The business of the tests of merged customers."""

import pytest

from churn_assets.contracts.business import Business
from churn_assets_tests.features.merged import merging_business


@pytest.fixture(scope="package")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """The telecom business, whose customers tell into whom they were merged."""
    return merging_business(tmp_path_factory.mktemp("merging"))
