"""Drafts from collections; the database is one in memory. `sources/mongodb` drafts from a real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.mongodb import SourceCollection

pytestmark = pytest.mark.one_python(reason="pymongo and a server do the work, whatever Python asks them")

CANARY = "Kanarienvogel"
NOW = datetime.now(UTC)


class _Collection:
    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents = documents

    def find(self, _: Any) -> Iterator[dict[str, Any]]:
        return iter(self.documents)


class _Database(dict[str, _Collection]):
    def list_collection_names(self, **_: Any) -> list[str]:
        return [*self, "system.views"]


def test_each_collection_becomes_a_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [
        {
            "_id": n,
            "customer_id": f"C{n % 40:03d}",
            "at": NOW - timedelta(days=400 - n // 2),
            "meta": {"updated_at": NOW},
        }
        for n in range(720)
    ]

    @contextmanager
    def opened(_: Any) -> Iterator[_Database]:
        yield _Database(orders=_Collection(orders), none=_Collection([]))

    monkeypatch.setattr("churn_assets.drafting.mongo_collections.opened", opened)
    address = f"mongodb://reader:{CANARY}@db.example.com/shop"
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "b"), "--all", "--from", address])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "none: left out: the collection has no documents" in said and "DATABASE_PASSWORD" in said
    origin = load_business(tmp_path / "b").source("orders").origin
    assert isinstance(origin, SourceCollection)
    assert (origin.collection, origin.cursor) == ("orders", "meta.updated_at")
    assert origin.location == "mongodb://reader:${DATABASE_PASSWORD}@db.example.com/shop"
    texts = "".join(file.read_text() for file in (tmp_path / "b").rglob("*.yaml"))
    assert CANARY not in texts + done.output
    wrong = CliRunner().invoke(cli, ["init", str(tmp_path / "c"), "--from", address, "--table", "order"])
    assert wrong.exit_code == 2 and "Did you mean orders?" in " ".join(wrong.output.split())
