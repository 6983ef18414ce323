"""The databases that the tests extract from."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.local_servers.postgresql import INSTALL, SUPERUSER, PostgresqlServer, programs
from churn_assets_tests.sources.databases.shop import PASSWORD, Orders, Shop, contract


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server with its password."""
    if programs() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"No PostgreSQL server is here. {INSTALL}")
    with PostgresqlServer(PASSWORD) as server:
        yield f"postgresql+psycopg://{SUPERUSER}:{PASSWORD}@{server.place}"


# mysql+pymysql://user@host/database of a server of yours, whose table `orders` is replaced
MYSQL = os.environ.get("CHURN_TEST_MYSQL")


@pytest.fixture(params=["sqlite", "postgresql", *(["mysql"] if MYSQL else [])])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same tests on all databases."""
    kind = str(request.param)
    url = MYSQL if kind == "mysql" else f"sqlite:///{tmp_path / 'shop.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql")
    assert url
    monkeypatch.setenv("SHOP_URL", url)
    orders = Orders(url)
    return Shop(
        orders, contract(tmp_path, "${SHOP_URL}", kind), tmp_path / "landing", tmp_path, "${SHOP_URL}", kind
    )
