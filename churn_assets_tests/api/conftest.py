"""One running service for the tests that only ask, without keys; its home is `settings.home`."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.asking import ignore
from churn_assets_tests.api.releases import publish_release
from churn_assets_tests.api.running import running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services of this machine are asked directly, whatever proxy is set."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(requests_per_minute=1_000_000))


@pytest.fixture(scope="module")
def make(settings: Settings) -> Callable[..., str]:
    """Makes a key with these scopes."""

    def made(*scopes: str, name: str = "crm", expires: timedelta | None = None) -> str:
        return Keys(keys_file(settings)).create(name, scopes, expires, now(), ignore)[1]

    return made


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    publish_release(settings)
    with running(settings) as found:
        yield found
