"""A drill passes only where the loss was noticed and all came back; it is recorded in each case."""

import subprocess
from pathlib import Path

import pytest

from churn_assets.backup.drills import ransomware, run
from churn_assets.backup.drills.site import SCRATCH
from churn_assets.backup.manifest import BackupManifest
from churn_assets.backup.records import FAILED, NOT_VERIFIED, PASSED, drills
from churn_assets.backup.taking import back_up
from churn_assets.settings import Settings
from churn_assets_tests.backup.conftest import SmallHome
from churn_assets_tests.killed import ended, killed_after_its_first_line

pytestmark = pytest.mark.one_python(
    reason="restic does the work; test_odd_names and test_taking back up and restore on each Python"
)


@pytest.mark.parametrize("scenario", ["lost-table", "corrupted-log", "dagster-database-lost"])
def test_what_was_lost_comes_back_and_the_home_is_as_before(mine: SmallHome, scenario: str) -> None:
    files = {file: file.read_bytes() for file in (mine.home / "landing").rglob("*") if file.is_file()}
    done = run.run_drill(mine.house, scenario, "anna")
    assert done.passed, done.told
    [row] = drills(mine.house)
    assert (row["drill_id"], row["scenario"], row["verdict"]) == ("DRL-1", scenario, PASSED)
    assert "it shows: " in row["evidence"] and not (mine.home / "backup" / SCRATCH).exists()
    assert {file: file.read_bytes() for file in files} == files


def test_a_loss_that_nothing_notices_fails(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(_: Path, __: str, ___: BackupManifest) -> None:
        return None

    monkeypatch.setattr("churn_assets.backup.drills.scenarios.table_differs", blind)
    done = run.run_drill(mine.house, "lost-table", "anna")
    assert done.record.verdict == FAILED and "no check noticed it" in done.told
    assert drills(mine.house)[0]["verified_at"] is None


def test_a_drill_without_a_model_or_a_backup_is_not_verified(mine: SmallHome) -> None:
    done = run.run_drill(mine.house, "wrong-promotion", "anna")
    assert done.record.verdict == NOT_VERIFIED and not done.passed
    mine.repository.rename(mine.repository.with_name("elsewhere"))
    assert run.run_drill(mine.house, "lost-table", "anna").record.verdict == NOT_VERIFIED
    assert [row["verdict"] for row in drills(mine.house)] == [NOT_VERIFIED, NOT_VERIFIED]


@pytest.mark.slow
@pytest.mark.parametrize("protected", [True, False])
def test_the_attack_fails_only_behind_a_server_that_only_adds(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: bool
) -> None:
    class Started(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **more: object) -> None:
            kept = [word for word in command if protected or word != "--append-only"]
            super().__init__(kept, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", Started)
        with ransomware.append_only(tmp_path / "stored") as address:
            backup = mine.settings.backup.model_copy(update={"repository": f"rest:{address}"})
            own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
            settings = Settings(**own | {"backup": backup})
            back_up(settings, mine.business)
            attempts = ransomware._attacked(settings, address, tmp_path / "stored")
    assert {held for _, held in attempts} == {protected}, attempts


SERVES_AND_WAITS = """
import sys, time
from pathlib import Path
from churn_assets.backup.drills import ransomware

def started(_, server):
    print(server.pid, flush=True)
    time.sleep(600)

ransomware._wait = started
with ransomware.append_only(Path(sys.argv[1])):
    pass
"""


def test_the_server_of_a_drill_does_not_outlive_the_drill(tmp_path: Path) -> None:
    with killed_after_its_first_line(SERVES_AND_WAITS, str(tmp_path / "stored")) as server:
        assert ended(int(server))
