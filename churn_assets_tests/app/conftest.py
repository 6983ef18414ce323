"""A home with a small release, made once, and a way to open its pages without a browser."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from churn_assets.settings import Settings
from churn_assets_tests.api.releases import publish_identities, publish_release
from churn_assets_tests.app.opening import open_page

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a release of 200 customers and few tables. Tests only read it."""
    settings = Settings(home=str(tmp_path_factory.mktemp("app")))
    publish_release(settings)
    publish_identities(settings)
    return settings


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a page, as a steward unless the test sets CHURN_APP_ROLE: `opened(settings, "at_risk", risk="high")`."""
    monkeypatch.setenv("CHURN_HOME", "replaced")  # so that it is restored
    monkeypatch.setenv("CHURN_APP_ROLE", "steward")
    return open_page
