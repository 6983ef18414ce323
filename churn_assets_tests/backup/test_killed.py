"""kill -9 at each phase of a backup and of a restore: nothing half is left, and the next one is good."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from churn_assets.backup.former import FOLDER, LAST, LOCK, PLACE
from churn_assets.backup.restic import PROGRAM, BackupError, Repository
from churn_assets_tests.backup.conftest import PASSWORD, SmallHome
from churn_assets_tests.backup.killing import BACKUP, RESTORE

pytestmark = pytest.mark.slow


def test_a_killed_backup_or_restore_leaves_nothing_half(mine: SmallHome, tmp_path: Path) -> None:
    place = tmp_path / "place" / "home"
    done = subprocess.run(
        [sys.executable, "-m", "churn_assets_tests.backup.killing", str(place)],
        env=os.environ | mine.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = {row["phase"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert list(told) == [*BACKUP, *RESTORE]
    assert {row["signal"] for row in told.values()} == {signal.SIGKILL}
    assert {name: row["again"] for name, row in told.items() if row["again"]} == {}
    assert sorted(f.name for f in (mine.home / FOLDER).iterdir()) == [LOCK, "cache", LAST, PLACE]
    # one of the fixture, one after each kill, and those that died when they were whole
    assert 2 + len(BACKUP) <= len(Repository(mine.settings).snapshots()) <= 3 + len(BACKUP)
    Repository(mine.settings).check("100%")
    # where there is a home, it is a whole one; between two of them there is none
    assert [name for name in RESTORE if not told[name]["there"]] == [
        "before it fetches",
        "between the old home and the new one",
    ]
    assert not list(place.parent.glob(".*"))


def test_the_lock_of_a_killed_verification_does_not_stop_the_next_backup(mine: SmallHome) -> None:
    """A verification and a clean-up lock the repository for everybody else."""
    slow = [PROGRAM, "check", "--read-data", "--limit-download", "1", "--no-cache"]  # 1 KiB in a second
    own = {"RESTIC_REPOSITORY": str(mine.repository), "RESTIC_PASSWORD": PASSWORD}
    with subprocess.Popen(slow, env=os.environ | own, stdout=subprocess.DEVNULL) as verification:
        try:
            locks: list[Path] = []
            while not locks and verification.poll() is None:
                time.sleep(0.02)
                locks = list((mine.repository / "locks").glob("?" * 64))
            with pytest.raises(BackupError, match="Another restic works on the repository"):
                mine.back_up()
        finally:
            verification.kill()
    assert [lock.exists() for lock in locks] == [True]
    mine.back_up()
    assert not locks[0].exists()
