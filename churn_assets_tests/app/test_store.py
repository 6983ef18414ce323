"""The release in force as DuckDB tables: one store per release, swapped while somebody reads."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from churn_assets.app.store import ReleaseHolder
from churn_assets.serving.release import attempts
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import publish_release


def test_the_tables_of_a_release_are_views_for_several_readers(made_home: Settings) -> None:
    store = ReleaseHolder(made_home).store()
    assert store is not None
    assert store.as_of == date(2025, 12, 31)
    assert store.has("customers")
    assert not store.has("churn_rates")
    assert "never materialised" in store.why_absent("churn_rates")
    asked = "SELECT count(*) AS n FROM customers WHERE risk_tier = ?"
    with ThreadPoolExecutor(8) as readers:
        found = list(readers.map(lambda _: store.rows(asked, ["high"]), range(32)))
    assert found == [[{"n": 15}]] * 32
    assert store.frame(asked, ["low"])["n"].tolist() == [135]


def test_a_reader_keeps_the_store_of_the_run_and_the_next_run_takes_the_new_release(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    held = ReleaseHolder(settings)
    assert held.store() is None
    assert not held.trouble
    publish_release(settings)
    before = held.store()
    assert before is not None
    assert held.store() is before
    publish_release(settings, 1, shift=1.0)
    after = held.store()
    assert after is not None
    asked = "SELECT sum(raw) AS total FROM customers"
    assert after.rows(asked)[0]["total"] > before.rows(asked)[0]["total"]


def test_a_damaged_release_leaves_the_former_one_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=str(tmp_path))
    publish_release(settings)
    held = ReleaseHolder(settings)
    first = held.store()
    name = publish_release(settings, 1).name
    damaged = tmp_path / "serving" / "releases" / name / "tables" / "customers.parquet"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9] + b"123456789")
    assert held.store() is first
    assert "customers.parquet" in held.trouble
    damaged.write_bytes(whole)
    assert held.store() is first, "it is not tried at every click"
    later = time.monotonic() + attempts.AGAIN
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: later))
    second = held.store()
    assert second is not None
    assert second.manifest.name == name
    assert not held.trouble
