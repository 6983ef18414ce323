"""The command `publish`: the release in force, proved, recorded, and in a database."""

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from churn_assets.cli.main import cli
from churn_assets.operations.audit.verification import stored
from churn_assets.serving.release.reading import current_release
from churn_assets.settings import Settings
from churn_assets_tests.serving.release import made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own; releases lie in its folder `serving`."""
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _publish(*options: str) -> Result:
    return CliRunner().invoke(cli, ["publish", *options])


def _customers(file: Path) -> int:
    with duckdb.connect(str(file), read_only=True) as opened:
        [(count,)] = opened.execute("SELECT count(*) FROM churn_assets.customers").fetchall()
    return int(count)


def test_the_release_in_force_is_published_and_recorded(home: Path, tmp_path: Path) -> None:
    made.publish(home / "serving")
    told = _publish("--to", f"duckdb:{tmp_path / 'bi.duckdb'}")
    assert told.exit_code == 0, told.output
    assert "churn_assets.customers: 200 rows\n" in told.output
    assert "churn_assets.churn_rates: left out, gold/churn_rates was never materialised\n" in told.output
    assert told.output.endswith(f"Published to duckdb:{tmp_path / 'bi.duckdb'}.\n")
    assert _customers(tmp_path / "bi.duckdb") == 200
    [entry] = [line.content[0] for line in stored(Settings()) if line.content]
    pointer = current_release(str(home / "serving"))
    assert pointer is not None
    assert (entry.act, entry.subject, entry.customers) == (
        "publication",
        f"duckdb:{tmp_path / 'bi.duckdb'}",
        200,
    )
    assert entry.facts == {"release": pointer.name}


def test_the_setting_names_the_database(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _publish()
    assert told.exit_code == 2 and "Name the database with --to, or set CHURN_PUBLISH_TO." in told.output
    made.publish(home / "serving")
    monkeypatch.setenv("CHURN_PUBLISH_TO", f"duckdb:{tmp_path / 'bi.duckdb'}")
    assert _publish().exit_code == 0
    assert _customers(tmp_path / "bi.duckdb") == 200
    monkeypatch.setenv("CHURN_PUBLISH_TO", "postgresql://me:geheim@host/db")
    assert "geheim" not in repr(Settings())


def test_without_a_release_nothing_is_made(tmp_path: Path) -> None:
    told = _publish("--to", f"duckdb:{tmp_path / 'bi.duckdb'}")
    assert told.exit_code == 1 and "There is no release to publish yet." in str(told.exception)
    assert not (tmp_path / "bi.duckdb").exists()


def test_a_broken_release_is_not_published(home: Path, tmp_path: Path) -> None:
    made.publish(home / "serving")
    [file] = (home / "serving" / "releases").glob("*/tables/customers.parquet")
    file.write_bytes(file.read_bytes()[:-9] + b"tampered!")
    told = _publish("--to", f"duckdb:{tmp_path / 'bi.duckdb'}")
    assert told.exit_code == 1 and "customers.parquet" in str(told.exception)
    assert not (tmp_path / "bi.duckdb").exists()
    assert list(stored(Settings())) == []
