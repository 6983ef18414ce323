"""The databases that the tests extract from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.local_servers.postgresql import SUPERUSER, PostgresqlServer, programs
from churn_assets_tests.sources.databases.shop import PASSWORD, Orders, Shop, contract


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server with its password."""
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed here (initdb and pg_ctl)")
    with PostgresqlServer(PASSWORD) as server:
        yield f"postgresql+psycopg://{SUPERUSER}:{PASSWORD}@{server.place}"


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same tests on both databases."""
    kind = str(request.param)
    url = f"sqlite:///{tmp_path / 'shop.db'}" if kind == "sqlite" else request.getfixturevalue("postgresql")
    monkeypatch.setenv("SHOP_URL", url)
    orders = Orders(url)
    return Shop(
        orders, contract(tmp_path, "${SHOP_URL}", kind), tmp_path / "landing", tmp_path, "${SHOP_URL}", kind
    )
