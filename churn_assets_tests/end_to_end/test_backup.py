"""The demo burns down and comes back on a clean folder: it is the same, and it lives on in the same way."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from churn_assets.backup.contents import digest_of
from churn_assets.backup.drills.scenarios import _definitions
from churn_assets.backup.manifest import BUSINESS
from churn_assets.backup.nightly import take
from churn_assets.backup.records import drills
from churn_assets.backup.restoring import restore_recorded
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import pinned, tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets.operations.log import writing as log
from churn_assets.settings import BackupSettings, Settings
from churn_assets_tests.end_to_end.conftest import LAST, Demo
from churn_assets_tests.lakes import computed_tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write"),
]
MADE_AGAIN = ("bronze", "silver", "gold", "scores")


def _checksums(settings: Settings) -> dict[str, str]:
    """Table -> checksum of what it holds; columns that tell when a run was are left out."""
    house, found = Lakehouse(settings), {}
    for table in computed_tables(load_business(settings.business_path)):
        folder = Path(house.uri(table))
        at = pinned.newest(folder)
        if at is not None and table.layer in MADE_AGAIN:
            columns = [
                name for name in pinned.types(folder, at) if not name.endswith("_at") or name == "known_at"
            ]
            found[table.path] = digest_of(pinned.by_arrow(folder, at), columns).checksum
    return found


def test_the_whole_site_comes_back_and_lives_on(
    spark: "SparkSession", demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = BackupSettings(repository=str(tmp_path / "repository"), password="correct horse")  # type: ignore[arg-type]
    original = settings_of_home(demo.settings, tmp_path / "home", demo.settings.business_path)
    own = {name: getattr(original, name) for name in Settings.model_fields}
    settings = Settings(**own | {"backup": backup})
    shutil.copytree(demo.home, settings.home_path, ignore=shutil.ignore_patterns("scratch"))
    business = load_business(settings.business_path)
    taken = take(Lakehouse(settings), business, "test")
    assert not taken.manifest.not_held and not taken.manifest.unsettled
    assert taken.manifest.models and taken.manifest.champions and taken.manifest.runs
    before = _checksums(settings)
    shutil.rmtree(settings.home_path)  # the machine burns

    done = restore_recorded(settings, tmp_path / "clean", "test")
    assert len(done.proofs) == 11 and all(proof.passed for proof in done.proofs)
    assert _definitions(done.home).passed
    again = settings_of_home(settings, done.home, done.home / BUSINESS)
    assert _checksums(again) == before
    assert [row["verdict"] for row in drills(Lakehouse(again))] == ["passed"]
    assert unregistered(done.home, business) == []

    monkeypatch.setenv("DAGSTER_HOME", "replaced")  # so that it is restored
    here = CliRunner(env={"CHURN_HOME": again.home, "CHURN_BUSINESS": again.business})
    ran = here.invoke(cli, ["run", "ingest", "score", "--from", LAST, "--to", LAST])
    log.stop()
    assert ran.exit_code == 0, ran.output[-2000:]
    assert _checksums(again) == before
    assert (
        Lakehouse(again).version(tables.CHURN_SCORES)
        != taken.manifest.tables[tables.CHURN_SCORES.path].version
    )
