"""Old backups go, and no clock that is wrong takes the others with it; what goes without being asked for is told."""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from churn_assets.backup import restoring
from churn_assets.backup.assets import STAY
from churn_assets.backup.forgetting import forget_old
from churn_assets.backup.former import DRILL_LOCK, FOLDER, LAST, LOCK, alone_in
from churn_assets.backup.nightly import forget
from churn_assets.backup.records import FORGETTING, acts
from churn_assets.backup.restic import BackupError, Repository, Snapshot
from churn_assets.backup.restoring import newest, restore
from churn_assets.cli.main import cli
from churn_assets.operations.audit.chain import archive
from churn_assets_tests.backup.conftest import PASSWORD, SmallHome
from churn_assets_tests.backup.test_nightly import run_night

pytestmark = pytest.mark.one_python(
    reason="restic does the work; test_odd_names and test_taking back up and restore on each Python"
)


class Deletions:
    """A repository that only remembers what it was asked to delete."""

    def __init__(self, *days_old: float) -> None:
        now = datetime.now(UTC)
        at = sorted(now - timedelta(days=days) for days in days_old)
        self.found = [Snapshot(f"{number:064x}", when, "", "") for number, when in enumerate(at)]
        self.unreadable: list[str] = []
        self.place = "somewhere"

    def unlock(self) -> None: ...

    def keep(self, *_: int) -> None: ...

    def snapshots(self) -> list[Snapshot]:
        return list(self.found)

    def drop(self, *names: str) -> None:
        self.found = [one for one in self.found if one.id not in names]


def _environment(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("CHURN_HOME", mine.settings.home),
        ("CHURN_BUSINESS", mine.settings.business),
        ("CHURN_BACKUP_REPOSITORY", str(mine.repository)),
        ("CHURN_BACKUP_PASSWORD", PASSWORD),
    ):
        monkeypatch.setenv(name, value)


def _forget(repository: Any, **more: bool) -> int:
    return len(forget_old(repository, 7, 4, **more))


@pytest.mark.parametrize(
    ("days_old", "gone"),
    [
        ((0, 1, 2, 34, 36, 50), 2),
        ((0, 1, 2, 34), 0),
        ((0,), 0),
        ((50,), 0),  # the only one
    ],
)
def test_what_is_older_than_35_days_goes(days_old: tuple[float, ...], gone: int) -> None:
    assert _forget(Deletions(*days_old)) == gone


@pytest.mark.parametrize("days_old", [(36, 37, 38), (0, 36, 37, 38), (0, 0.01, 1, 36)])
def test_a_clock_that_is_ahead_deletes_nothing(days_old: tuple[float, ...]) -> None:
    """All look old but the one that was just taken."""
    repository = Deletions(*days_old)
    with pytest.raises(BackupError, match=r"a clock that is ahead would look the same.*--clock-is-right"):
        _forget(repository)
    assert len(repository.found) == len(days_old)
    assert _forget(repository, clock_is_right=True) == sum(days > 35 for days in days_old[1:])


def test_a_backup_of_the_future_is_told_and_never_the_newest() -> None:
    repository: Any = Deletions(-20, 0, 1)
    [_, present, future] = repository.found
    with pytest.raises(BackupError, match=rf"{future.name} is later than .* forget {future.name}"):
        _forget(repository)
    with pytest.raises(BackupError, match=rf"{future.name} is of .* its clock is wrong.*--as-of"):
        newest(repository)
    assert newest(repository, datetime.now(UTC)) == present


def test_one_backup_is_deleted_by_its_name(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(mine, monkeypatch)
    [first] = Repository(mine.settings).snapshots()
    run = CliRunner().invoke
    only = run(cli, ["backup", "forget", first.name])
    assert f"{first.name} is the only backup" in str(only.exception)
    second = mine.back_up().name
    assert "No backup begins with 'zz'" in str(run(cli, ["backup", "forget", "zz"]).exception)
    assert run(cli, ["backup", "forget", second]).output == f"{second} was deleted.\n"
    assert [one["passed"] for one in acts(mine.house, FORGETTING)] == [False, False, True]
    assert not (mine.home / FOLDER / LAST).exists()  # so it is not missed
    assert mine.back_up().vanished == ""


def test_backups_that_nobody_forgot_are_missed(mine: SmallHome) -> None:
    mine.back_up()
    [_, second] = Repository(mine.settings).snapshots()
    Repository(mine.settings).drop(second.id)
    assert re.match(r"the last backup, of .* is gone from .*, which has 1 backup$", mine.back_up().vanished)
    assert not mine.back_up().vanished
    Repository(mine.settings).drop(*(one.id for one in Repository(mine.settings).snapshots()))
    done, checks = run_night(mine)
    assert done.success and not checks[STAY].passed
    assert "All earlier backups are gone" in (checks[STAY].description or "")


def test_the_command_ends_in_an_error_where_backups_are_missed(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(mine, monkeypatch)
    mine.back_up()
    Repository(mine.settings).drop(*(one.id for one in Repository(mine.settings).snapshots()))
    done = CliRunner().invoke(cli, ["backup"])
    assert done.exit_code == 1 and "all earlier backups are gone" in done.output


def test_a_home_whose_audit_was_archived_is_no_other_home(mine: SmallHome, tmp_path: Path) -> None:
    archive(mine.settings, tmp_path / "archive", "anna", "a new year")
    (mine.home / FOLDER / LAST).unlink()
    mine.back_up()
    shutil.rmtree(mine.home / "log")
    (mine.home / FOLDER / LAST).unlink()
    mine.back_up()
    assert len(Repository(mine.settings).snapshots()) == 3


@pytest.mark.parametrize("lock", [LOCK, DRILL_LOCK])
@pytest.mark.parametrize("part", [None, "config"])
def test_a_home_in_which_a_backup_or_a_drill_runs_is_not_replaced(
    mine: SmallHome, lock: str, part: Any
) -> None:
    with (
        alone_in(mine.home, lock, what="A test"),
        pytest.raises(BackupError, match=r"A backup or a drill of this home is running\. Wait"),
    ):
        restore(mine.settings, mine.home, part=part, replace=True)
    assert not list(mine.home.parent.glob(f"{mine.home.name}.*"))


def test_no_backup_runs_while_its_home_is_replaced(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*_: object) -> int:
        with pytest.raises(BackupError, match="Another backup, or a restore, of this home is running"):
            mine.back_up()
        return 0

    monkeypatch.setattr(restoring, "replay", meanwhile)
    restore(mine.settings, mine.home, part="config", replace=True)
    mine.add_performance(date(2025, 3, 31))
    mine.back_up()


def test_what_the_policy_deletes_is_not_missed(mine: SmallHome) -> None:
    """The last backup was whole when its process died, so the home knows only the one before."""
    known = (mine.home / FOLDER / LAST).read_bytes()
    second = mine.back_up().name
    (mine.home / FOLDER / LAST).write_bytes(known)
    assert forget(mine.house, "anna") == 1  # two of one day: the newer one stays
    assert [one.name for one in Repository(mine.settings).snapshots()] == [second]
    assert not mine.back_up().vanished
