"""A restore brings back what was backed up, proves it, and touches nothing before it has."""

import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from churn_assets.backup import databases, restoring, tombstones
from churn_assets.backup.databases import RUNS
from churn_assets.backup.manifest import BUSINESS, MANIFEST, BackupManifest, HeldFile, digest, read_manifest
from churn_assets.backup.proving import Proof, prove
from churn_assets.backup.records import drills
from churn_assets.backup.restic import BackupError, Repository
from churn_assets.backup.restoring import NotProved, restore, restore_recorded, told_of
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.entry import ACTS
from churn_assets.operations.audit.verification import stored, verify
from churn_assets.settings import Settings
from churn_assets_tests.backup.conftest import SmallHome

pytestmark = pytest.mark.one_python(
    reason="restic does the work; test_odd_names and test_taking back up and restore on each Python"
)

CHECKS = (
    "files",
    "tables",
    "champions",
    "databases",
    "models",
    "aliases",
    "paths",
    "runs",
    "schedules",
    "audit",
)


@pytest.fixture(scope="module")
def restored(backed_up: SmallHome, tmp_path_factory: pytest.TempPathFactory) -> restoring.Restored:
    """The whole home, restored; tests only look at it."""
    return restore(backed_up.settings, tmp_path_factory.mktemp("restored") / "home")


def _copy(restored: restoring.Restored, folder: Path) -> tuple[Path, BackupManifest]:
    return Path(shutil.copytree(restored.home, folder / "copy")), restored.manifest


def _failed(proofs: list[Proof]) -> dict[str, str]:
    return {proof.name: proof.told for proof in proofs if not proof.passed}


def test_a_home_comes_back_elsewhere_and_is_proved(
    backed_up: SmallHome, restored: restoring.Restored
) -> None:
    assert [proof.name for proof in restored.proofs] == [*CHECKS, "business"]
    assert not _failed(restored.proofs)
    inside = settings_of_home(backed_up.settings, restored.home, restored.home / BUSINESS)
    assert Lakehouse(inside).arrow(tables.CHAMPIONS).equals(backed_up.house.arrow(tables.CHAMPIONS))
    assert Lakehouse(inside).version(tables.MODEL_PERFORMANCE) == 1
    assert verify(inside).damage == [] and verify(inside).records == 1
    assert (restored.home / "restored/settings.env").is_file()
    [line, *more] = told_of(restored)
    assert "is restored to" in line and len(more) == len(restored.proofs)


def test_nothing_is_left_beside_it(restored: restoring.Restored) -> None:
    assert [file.name for file in restored.home.parent.iterdir()] == ["home"]


def test_a_folder_with_something_in_it_is_never_touched(mine: SmallHome, tmp_path: Path) -> None:
    before = {str(f): f.stat().st_mtime_ns for f in mine.home.rglob("*")}
    with pytest.raises(BackupError, match=r"is not empty\. Name a new folder, or .* --replace"):
        restore(mine.settings, mine.home)
    assert {str(f): f.stat().st_mtime_ns for f in mine.home.rglob("*")} == before


def test_a_living_home_is_put_aside_and_kept(mine: SmallHome) -> None:
    mine.add_performance(date(2025, 3, 31))
    done = restore_recorded(mine.settings, mine.home, "anna", replace=True)
    assert done.safety_copy is not None and done.safety_copy.parent == mine.home.parent
    assert mine.house.count(tables.MODEL_PERFORMANCE) == 2
    kept = settings_of_home(mine.settings, done.safety_copy, mine.settings.business_path)
    assert Lakehouse(kept).count(tables.MODEL_PERFORMANCE) == 3
    [row] = drills(mine.house)
    assert (row["scenario"], row["by"], row["verdict"]) == ("restore", "anna", "passed")
    assert (
        row["data_lost"] >= 0
        and row["declared_at"] <= row["located_at"] <= row["restored_at"] <= row["verified_at"]
    )
    last = [line.content[0] for line in stored(mine.settings) if line.content][-1]
    assert (last.act, last.by, last.subject) == ("restoration", "anna", done.snapshot.name)
    assert verify(mine.settings).damage == []
    assert mine.back_up().manifest.tables[tables.MODEL_PERFORMANCE.path].rows == 2  # it lives on


def test_a_home_with_a_run_in_flight_is_not_replaced(mine: SmallHome) -> None:
    with closing(sqlite3.connect(mine.home / RUNS)) as database, database:
        database.execute("INSERT INTO runs VALUES ('now', 'train', 'STARTED')")
    with pytest.raises(BackupError, match=r"train has not ended in .* Stop the daemon"):
        restore(mine.settings, mine.home, replace=True)


def test_a_part_comes_back_alone(mine: SmallHome, tmp_path: Path) -> None:
    done = restore(mine.settings, tmp_path / "part", part="lake")
    assert sorted(f.name for f in done.home.iterdir()) == ["lake", "landing", "restored"]
    assert [proof.name for proof in done.proofs] == ["files", "tables", "champions"]
    config = restore(mine.settings, tmp_path / "config", part="config")
    assert (config.home / "api/keys.json").is_file() and not (config.home / "lake").exists()


def test_a_part_replaces_only_itself(mine: SmallHome) -> None:
    mine.add_performance(date(2025, 3, 31))
    (mine.home / "api/keys.json").write_text("later")
    done = restore(mine.settings, mine.home, part="lake", replace=True)
    assert mine.house.count(tables.MODEL_PERFORMANCE) == 2
    assert (mine.home / "api/keys.json").read_text() == "later"
    assert done.safety_copy is not None and (done.safety_copy / "lake").is_dir()


def test_the_backup_of_a_time_is_found(mine: SmallHome, tmp_path: Path) -> None:
    first = Repository(mine.settings).snapshots()[0]
    mine.add_performance(date(2025, 3, 31))
    mine.back_up()
    done = restore(mine.settings, tmp_path / "then", as_of=first.at, part="lake")
    assert done.snapshot == first and done.manifest.tables[tables.MODEL_PERFORMANCE.path].rows == 2
    with pytest.raises(BackupError, match=r"No backup is as old as .*; the first one is of"):
        restore(mine.settings, tmp_path / "before", as_of=first.at - timedelta(hours=1))
    assert not (tmp_path / "before").exists()


def test_what_a_killed_restore_left_goes_with_the_next_one(backed_up: SmallHome, tmp_path: Path) -> None:
    left = tmp_path / ".home.restoring-0a0b0c0d"
    (left / "lake").mkdir(parents=True)
    restore(backed_up.settings, tmp_path / "home", part="config")
    assert [file.name for file in tmp_path.iterdir()] == ["home"]


def test_two_restores_do_not_write_at_once(backed_up: SmallHome, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(BackupError, match="Another restore writes into"):
            restore(backed_up.settings, tmp_path / "home")
    finally:
        os.close(descriptor)


def test_a_damaged_pack_is_told_and_nothing_is_put_in_place(mine: SmallHome, tmp_path: Path) -> None:
    """Each pack in turn cannot be chosen: the largest one holds data."""
    pack = max(
        (f for f in (mine.repository / "data").rglob("*") if f.is_file()), key=lambda f: f.stat().st_size
    )
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[100:400] = bytes(300)
    pack.write_bytes(bytes(content))
    shutil.rmtree(mine.home / "backup/cache")
    with pytest.raises(BackupError) as told:
        restore(mine.settings, tmp_path / "place" / "home")
    assert not (tmp_path / "place/home").exists()
    assert not list((tmp_path / "place").glob(".*")) and "restic failed" in str(told.value)
    with pytest.raises(BackupError, match=r"The repository is damaged, .* begin a new repository\.$"):
        Repository(mine.settings).check("100%")


def test_a_backup_with_another_manifest_is_refused(
    backed_up: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Repository.fetch

    def tampered(self: Repository, snapshot: object, folder: Path, only: object = ()) -> None:
        fetch(self, snapshot, folder, only)  # type: ignore[arg-type]
        (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + b" ")

    monkeypatch.setattr(Repository, "fetch", tampered)
    with pytest.raises(BackupError, match=r"The manifest of \w{8} was changed"):
        restore(backed_up.settings, tmp_path / "home")


def test_what_differs_is_kept_aside_and_told(
    backed_up: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Repository.fetch

    def bitten(self: Repository, snapshot: object, folder: Path, only: object = ()) -> None:
        fetch(self, snapshot, folder, only)  # type: ignore[arg-type]
        (folder / "api/keys.json").write_text("bitten")

    monkeypatch.setattr(Repository, "fetch", bitten)
    with pytest.raises(
        NotProved, match=r"not verified, so nothing was put in place\. files: api/keys.json was changed"
    ):
        restore(backed_up.settings, tmp_path / "home")
    [kept] = tmp_path.iterdir()
    assert kept.name.startswith("home.not-verified-")


# How a restored home is damaged -> the check that must notice it, and what it says.
DAMAGE = {
    "a file is missing": ("api/keys.json", None, "files", "is missing"),
    "a file was added": ("api/more.json", b"{}", "files", "is in no manifest"),
    "a file was changed": ("landing/usage/extract_date=2025-01-31/part-1.csv", b"x", "files", "was changed"),
    "a log entry is missing": (
        f"lake/{tables.MODEL_PERFORMANCE.path}/_delta_log/{1:020d}.json",
        None,
        "tables",
        "is at",
    ),
    "a log entry is garbage": (
        f"lake/{tables.MODEL_PERFORMANCE.path}/_delta_log/{1:020d}.json",
        b"\x00",
        "tables",
        "read",
    ),
    "the timeline is gone": (
        f"lake/{tables.CHAMPIONS.path}/_delta_log/{0:020d}.json",
        None,
        "champions",
        "timeline is",
    ),
    "a database is damaged": (
        "dagster/schedules/schedules.db",
        b"SQLite format 3\x00" + bytes(500),
        "databases",
        ":",
    ),
    "events of a run are gone": (
        f"dagster/history/runs/{'6b1c0000-0000-4000-8000-000000000001'}.db",
        None,
        "runs",
        "no ev",
    ),
    "schedules are gone": ("dagster/schedules/schedules.db", None, "schedules", "differs"),
    "the audit was edited": ("audit_anchor/anchor.json", b"{}", "audit", "no anchor"),
    "the business cannot be read": ("restored/business/churn.yaml", b"name: [", "business", "not checked"),
}


@pytest.mark.parametrize(("path", "content", "check", "said"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_fails_its_check(
    backed_up: SmallHome,
    restored: restoring.Restored,
    tmp_path: Path,
    path: str,
    content: bytes | None,
    check: str,
    said: str,
) -> None:
    home, manifest = _copy(restored, tmp_path)
    if content is None:
        (home / path).unlink()
    else:
        (home / path).write_bytes(content)
    told = _failed(prove(backed_up.settings, home, manifest, names=(check,)))
    assert said in told[check]


def test_rows_of_another_value_fail_although_files_and_log_are_whole(
    backed_up: SmallHome, restored: restoring.Restored, tmp_path: Path
) -> None:
    home, manifest = _copy(restored, tmp_path)
    held = manifest.tables[tables.MODEL_PERFORMANCE.path]
    for other, said in (
        (replace(held, checksum="0" * 16), "holds other values"),
        (replace(held, rows=3), "has 2 rows, not 3"),
        (replace(held, types=held.types | {"auc": "float"}), "has other columns"),
    ):
        changed = replace(manifest, tables={tables.MODEL_PERFORMANCE.path: other})
        assert said in _failed(prove(backed_up.settings, home, changed, names=("tables",)))["tables"]


def test_a_check_that_cannot_be_made_has_failed(
    backed_up: SmallHome, restored: restoring.Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no engine here")

    monkeypatch.setattr("churn_assets.backup.proving.pinned.by_datafusion", broken)
    told = _failed(prove(backed_up.settings, restored.home, restored.manifest, names=("tables",)))
    assert told == {"tables": "tables: not checked (RuntimeError: no engine here)."}


def test_models_without_their_registry_are_not_checked_and_so_failed(
    backed_up: SmallHome, restored: restoring.Restored
) -> None:
    from churn_assets.backup.manifest import HeldModel

    missing = replace(restored.manifest, models=[HeldModel("churn_telecom", "1", "models/x/portable")])
    assert (
        "not checked"
        in _failed(prove(backed_up.settings, restored.home, missing, names=("models",)))["models"]
    )


def test_runs_that_were_in_flight_end_as_failed(tmp_path: Path) -> None:
    """In Dagster's own storage: its page and sensors would wait for them for a day."""
    import dagster as dg

    from churn_assets.deployment.dagster_home import prepare_dagster_home

    settings = Settings(home=str(tmp_path))
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
    try:
        with dg.DagsterInstance.get() as instance:

            @dg.job
            def nothing() -> None: ...

            run = instance.create_run_for_job(nothing)
            instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
        assert databases.in_flight(tmp_path) == {run.run_id: "nothing"}
        restoring.settle(tmp_path)
        assert databases.in_flight(tmp_path) == {}
        assert databases.runs(tmp_path) == {run.run_id: "FAILURE"}
    finally:
        del os.environ["DAGSTER_HOME"]


def test_erased_people_stay_erased(mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure came after the backup; whoever erases replays it before the home is in place."""

    def erase(settings: Settings) -> int:
        assert settings.home_path.name.startswith(".again.restoring-")
        house = Lakehouse(settings)
        nobody = tables.MODEL_PERFORMANCE.rows([])
        house.replace_rows(
            tables.MODEL_PERFORMANCE, nobody, "as_of_date", [date(2025, 1, 31)], run_id="erasure"
        )
        return 1

    monkeypatch.setattr(tombstones, "REPLAYS", [erase])
    done = restore(mine.settings, tmp_path / "again")
    assert done.erased == 1 and "1 erased person stayed erased." in told_of(done)
    inside = settings_of_home(mine.settings, done.home, done.home / BUSINESS)
    left = Lakehouse(inside).arrow(tables.MODEL_PERFORMANCE, ["as_of_date"])["as_of_date"].to_pylist()
    assert left == [date(2025, 2, 28)]


def test_whoever_erases_replays_it_after_a_restore() -> None:
    assert tombstones.REPLAYS or not [act for act in ACTS if "eras" in act]


def test_an_erasure_that_cannot_be_replayed_stops_the_restore(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Settings) -> int:
        raise OSError("no tombstones here")

    monkeypatch.setattr(tombstones, "REPLAYS", [fails])
    with pytest.raises(BackupError, match="People who were erased would come back"):
        restore(mine.settings, tmp_path / "again")
    assert not list(tmp_path.glob("*again*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 KB, in memory; Linux, and whoever may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_stops_restore_and_backup_and_leaves_nothing(
    mine: SmallHome, tmp_path: Path, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 48 * 1024))
    with pytest.raises(BackupError, match="The disk is full"):
        restore(mine.settings, small_disk / "home")
    assert list(small_disk.iterdir()) == [ballast]
    full = mine.settings.backup.model_copy(update={"repository": str(small_disk / "repository")})
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    with pytest.raises(BackupError, match=r"The disk is full\. Free some space"):
        SmallHome(Settings(**own | {"backup": full}), mine.business).back_up()
    assert mine.back_up().name in {
        one.name for one in Repository(mine.settings).snapshots()
    }  # elsewhere all is well


def test_a_manifest_survives_its_file(restored: restoring.Restored) -> None:
    content = (restored.home / MANIFEST).read_bytes()
    assert read_manifest(content) == restored.manifest
    assert sha256(content).hexdigest() == restored.snapshot.manifest
    file = restored.home / "api/keys.json"
    assert digest(file) == HeldFile(file.stat().st_size, sha256(file.read_bytes()).hexdigest())
    assert restored.manifest.at <= datetime.now(UTC)
