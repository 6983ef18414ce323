"""A backup is of one moment, holds all that is worth it, and counts only as a whole."""

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from deltalake import DeltaTable

from churn_assets.backup import databases, former, staging, taking
from churn_assets.backup.former import FOLDER, LAST, LOCK, PLACE
from churn_assets.backup.manifest import GOLDEN, PACKAGES, SETTINGS, read_manifest
from churn_assets.backup.restic import BackupError, Repository
from churn_assets.backup.staging import uncovered
from churn_assets.backup.taking import STAGE, wait_for_runs
from churn_assets.lakehouse import pinned, tables
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.settings import BackupSettings, Settings
from churn_assets_tests.backup.conftest import PASSWORD, RUN, SmallHome

pytestmark = pytest.mark.one_python(
    reason="restic stores the files; backup/test_odd_names asks it on each Python"
)

PERFORMANCE = tables.MODEL_PERFORMANCE.path


def test_the_manifest_tells_what_is_held(backed_up: SmallHome) -> None:
    held = read_manifest((backed_up.home / FOLDER / LAST).read_bytes())
    assert {path: (one.version, one.rows) for path, one in held.tables.items()} == {
        PERFORMANCE: (1, 2),
        tables.CHAMPIONS.path: (0, 1),
    }
    assert held.champions == [("2025-01-31", "1")]
    assert held.runs == {RUN: "SUCCESS"} and list(held.schedules) == ["nightly"]
    assert held.audit[1] == "1" and not held.unsettled and not held.not_held
    stores = {path.split("/")[0] for path in held.files}
    assert stores == {"landing", "lake", "dagster", "audit", "audit_anchor", "api", "restored"}
    assert {SETTINGS, PACKAGES, GOLDEN, "restored/business/churn.yaml"} <= set(held.files)
    logs = sorted(path for path in held.files if path.startswith(f"lake/{PERFORMANCE}/_delta_log/"))
    assert [Path(path).stem for path in logs] == [f"{0:020d}", f"{1:020d}"]


def test_nothing_is_left_beside_the_backup(backed_up: SmallHome) -> None:
    assert sorted(f.name for f in (backed_up.home / FOLDER).iterdir()) == [LOCK, "cache", LAST, PLACE]


def test_a_home_that_cannot_note_a_backup_says_that_it_was_taken(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    before, known = len(Repository(mine.settings).snapshots()), (mine.home / FOLDER / LAST).read_bytes()
    monkeypatch.setattr(former, "replace_file", full)
    with pytest.raises(BackupError, match=r"The backup \w+ was taken, and is whole\. But .*No space left"):
        mine.back_up()
    assert len(Repository(mine.settings).snapshots()) == before + 1
    assert (mine.home / FOLDER / LAST).read_bytes() == known


def test_no_secret_is_in_what_is_backed_up_or_shown(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, bytes] = {}
    store = Repository.store

    def look(self: Repository, folder: Path, *rest: str) -> object:
        seen.update({str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()})
        return store(self, folder, *rest)

    monkeypatch.setattr(Repository, "store", look)
    mine.back_up()
    told = seen[SETTINGS].decode()
    assert "# CHURN_BACKUP_PASSWORD holds a secret; set it again." in told
    assert f"CHURN_HOME={mine.home}" in told and "CHURN_BACKUP_WAIT_MINUTES=0" in told
    assert not [path for path, content in seen.items() if PASSWORD.encode() in content]
    assert PASSWORD not in repr(mine.settings)


def test_every_file_of_a_home_is_held_or_declared_as_not_worth_it(mine: SmallHome) -> None:
    held = read_manifest((mine.home / FOLDER / LAST).read_bytes()).files
    assert uncovered(mine.home, mine.business, held) == []
    places = ("notes/mine.txt", ".hidden/mine.txt", "api/mine.txt", "serving/mine.txt", "log/not/mine.txt")
    for place in places:
        (mine.home / place).parent.mkdir(parents=True, exist_ok=True)
        (mine.home / place).touch()
    done = mine.back_up()
    assert set(done.manifest.not_held) == set(places[:4])
    assert set(done.manifest.not_held.values()) == {"it is not in the catalogue of stores"}


def test_old_versions_and_files_of_nobody_are_left_out(mine: SmallHome) -> None:
    mine.add_performance(date(2025, 2, 28))  # replaces: the former file stays for time travel
    folder = Path(mine.house.uri(tables.MODEL_PERFORMANCE))
    (folder / "part-orphan.parquet").write_bytes(b"left by a killed run")
    done = mine.back_up()
    data = [p for p in done.manifest.files if p.startswith(f"lake/{PERFORMANCE}/") and "_delta_log" not in p]
    assert len(data) == len(pinned.data_files(folder, 2)) == 2
    assert len(list(folder.rglob("*.parquet"))) == 4


def test_what_is_unchanged_is_neither_read_nor_stored_again(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    by_arrow = pinned.by_arrow
    monkeypatch.setattr(taking.pinned, "by_arrow", lambda f, at: read.append(f.name) or by_arrow(f, at))
    mine.add_performance(date(2025, 3, 31))
    done = mine.back_up()
    assert read.count("model_performance") == 1 and done.manifest.tables[PERFORMANCE].rows == 3
    assert done.stored.added < 400_000  # the copies of the databases, one file of rows, metadata


def test_a_vacuum_while_the_copy_is_made_costs_only_another_look(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version that was just listed is replaced, and its files are deleted before they are linked."""
    data_files, folder = pinned.data_files, Path(mine.house.uri(tables.MODEL_PERFORMANCE))
    looks: list[int] = []

    def vacuumed(place: Path, version: int) -> list[str]:
        found = data_files(place, version)
        if place == folder:
            looks.append(version)
            if len(looks) == 1:
                mine.add_performance(date(2025, 2, 28))
                table = DeltaTable(str(folder))
                table.vacuum(0, dry_run=False, enforce_retention_duration=False)
        return found

    monkeypatch.setattr(staging.pinned, "data_files", vacuumed)
    done = mine.back_up()
    newest = pinned.newest(folder)
    assert looks[:2] == [1, newest] and done.manifest.tables[PERFORMANCE].version == newest
    assert not done.manifest.unsettled  # the copy was made again, as the table had moved on


@pytest.mark.parametrize("times", [1, staging.ATTEMPTS])
def test_a_file_that_goes_away_while_it_is_copied_costs_only_another_look(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Whoever delivers replaces it; where that never ends, a sentence says so, and the next backup is good."""
    [landed] = Path(mine.settings.landing_uri).rglob("*.csv")
    stage_file, looks = staging._stage_file, []

    def vanishes(file: Path, *rest: object) -> None:
        aside = file.with_suffix(".aside")
        if file == landed and len(looks) < times:
            looks.append(file.rename(aside))
        try:
            stage_file(file, *rest)  # type: ignore[arg-type]
        finally:
            if aside.exists():
                aside.rename(file)

    monkeypatch.setattr(staging, "_stage_file", vanishes)
    if times == staging.ATTEMPTS:
        with pytest.raises(BackupError, match=r"part-1\.csv went away .*, 3 times\. Take the backup while"):
            mine.back_up()
        assert not (mine.home / FOLDER / STAGE).exists()
        assert len(Repository(mine.settings).snapshots()) == 1
    held = mine.back_up().manifest.files
    assert str(landed.relative_to(mine.home)) in held and len(looks) == times


def test_a_table_that_lost_a_file_for_good_stops_the_backup(mine: SmallHome) -> None:
    folder = Path(mine.house.uri(tables.MODEL_PERFORMANCE))
    (folder / pinned.data_files(folder, 1)[0]).unlink()
    with pytest.raises(
        BackupError, match=r"model_performance is damaged: version 1 .* Nothing was backed up"
    ):
        mine.back_up()
    assert not (mine.home / FOLDER / STAGE).exists()
    assert len(Repository(mine.settings).snapshots()) == 1


def test_a_damaged_file_of_a_table_stops_the_backup(mine: SmallHome) -> None:
    folder = Path(mine.house.uri(tables.MODEL_PERFORMANCE))
    file = folder / pinned.data_files(folder, 1)[0]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(
        BackupError, match=r"model_performance is damaged: .* was changed since the last backup"
    ):
        mine.back_up()
    (mine.home / FOLDER / LAST).unlink()  # a first backup cannot know that
    with pytest.raises(
        BackupError, match=r"model_performance is damaged: its version 1 cannot be read: Arrow"
    ):
        mine.back_up()


def test_a_database_is_copied_as_of_one_moment_while_it_is_written(mine: SmallHome) -> None:
    """The journal holds what is committed; an open transaction is not in the copy."""
    with closing(sqlite3.connect(mine.home / databases.RUNS)) as writer:
        writer.execute("INSERT INTO runs VALUES ('committed', 'ingest', 'SUCCESS')")
        writer.commit()
        writer.execute("INSERT INTO runs VALUES ('open', 'ingest', 'SUCCESS')")
        assert (mine.home / f"{databases.RUNS}-wal").stat().st_size
        done = mine.back_up()
        writer.rollback()
    assert set(done.manifest.runs) == {RUN, "committed"}
    assert not [path for path in done.manifest.files if path.endswith(("-wal", "-shm"))]


def test_a_damaged_database_stops_the_backup(mine: SmallHome) -> None:
    file = mine.home / databases.SCHEDULES
    file.write_bytes(file.read_bytes()[:100] + bytes(200))
    with pytest.raises(BackupError, match=r"schedules\.db (is damaged|cannot be copied)"):
        mine.back_up()


def _running(home: SmallHome) -> None:
    with closing(sqlite3.connect(home.home / databases.RUNS)) as database, database:
        database.execute("INSERT INTO runs VALUES ('now', 'train', 'STARTED')")


def test_a_run_in_flight_is_waited_for(mine: SmallHome) -> None:
    _running(mine)
    patient = mine.settings.model_copy(
        update={"backup": mine.settings.backup.model_copy(update={"wait_minutes": 9})}
    )
    waits: list[float] = []

    def ends(seconds: float) -> None:
        waits.append(seconds)
        with closing(sqlite3.connect(mine.home / databases.RUNS)) as database, database:
            database.execute("UPDATE runs SET status = 'SUCCESS'")

    wait_for_runs(patient, "", ends)
    assert len(waits) == 1
    wait_for_runs(patient, "now", ends)
    assert len(waits) == 1


def test_a_run_that_does_not_end_is_told(mine: SmallHome) -> None:
    _running(mine)
    assert mine.back_up().manifest.unsettled == ["train (now) had not ended"]


def test_the_run_of_the_backup_itself_is_not_waited_for(mine: SmallHome) -> None:
    _running(mine)
    assert taking.back_up(mine.settings, mine.business, own_run="now").manifest.unsettled == []


def test_a_file_that_is_written_while_it_is_stored_is_stored_again(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stored = Repository.store, []

    def write_meanwhile(self: Repository, folder: Path, *rest: str) -> object:
        if not stored:
            [file] = Path(mine.settings.landing_uri).rglob("*.csv")
            file.write_text("customer_id,data_mb\nC0000001,8\n")
        stored.append(store(self, folder, *rest))
        return stored[-1]

    monkeypatch.setattr(Repository, "store", write_meanwhile)
    mine.back_up()
    assert len(stored) == 2
    assert len(Repository(mine.settings).snapshots()) == 2  # that of the fixture, and the whole one


def test_two_backups_of_a_home_do_not_run_at_once(mine: SmallHome) -> None:
    with (
        only_one(mine.home / FOLDER / LOCK),
        pytest.raises(BackupError, match=r"Another backup, or a restore, of this home"),
    ):
        mine.back_up()


@pytest.mark.parametrize(
    ("backup", "said"),
    [
        ({}, "CHURN_BACKUP_REPOSITORY is not set"),
        ({"repository": "/nowhere"}, "Set CHURN_BACKUP_PASSWORD_FILE"),
        ({"repository": "{home}/repository", "password": "x"}, "lies in the home that it should save"),
        ({"repository": "/nowhere", "password_file": "/no/such/file"}, "which is not there"),
    ],
)
def test_settings_that_cannot_work_are_told(tmp_path: Path, backup: dict[str, str], said: str) -> None:
    given = {name: value.format(home=tmp_path) for name, value in backup.items()}
    with pytest.raises(BackupError, match=said):
        Repository(Settings(home=str(tmp_path), backup=BackupSettings(**given)))  # type: ignore[arg-type]


def test_a_password_is_given_once() -> None:
    with pytest.raises(ValueError, match="set one of them"):
        BackupSettings(password="a", password_file=Path("b"))  # type: ignore[arg-type]


def test_without_restic_the_remedy_is_told(backed_up: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackupError, match=r"restic is not installed\. Install it: apt install restic"):
        Repository(backed_up.settings)


def test_another_password_is_told_and_makes_no_second_repository(mine: SmallHome) -> None:
    wrong = mine.settings.model_copy(
        update={"backup": BackupSettings(repository=str(mine.repository), password="wrong")}  # type: ignore[arg-type]
    )
    with pytest.raises(BackupError, match="The password does not open the repository"):
        taking.back_up(wrong, mine.business)
    assert not (mine.home / FOLDER / STAGE).exists()


def test_the_place_of_a_repository_is_shown_without_its_password() -> None:
    for given, shown in (
        ("rest:https://churn:hunter2@host:8000/", "rest:https://***@host:8000/"),
        ("s3:https://host/bucket", "s3:https://host/bucket"),
        ("/srv/backup", "/srv/backup"),
        ("sftp:user@host:/srv", "sftp:user@host:/srv"),
    ):
        assert BackupSettings(repository=given).place == shown


def test_files_elsewhere_are_linked_where_that_works_and_copied_where_not(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    linked: list[Path] = []
    link: Callable[..., None] = os.link
    monkeypatch.setattr(os, "link", lambda a, b, **more: linked.append(a) or link(a, b, **more))
    first = mine.back_up().manifest
    assert linked
    monkeypatch.setattr(os, "link", refused)
    assert mine.back_up().manifest.files.keys() == first.files.keys()


def test_a_manifest_of_another_release_is_not_guessed(mine: SmallHome) -> None:
    """The next backup describes every table anew."""
    file = mine.home / FOLDER / LAST
    file.write_text(json.dumps({"format": 0}))
    assert mine.back_up().manifest.tables[PERFORMANCE].rows == 2
    shutil.rmtree(mine.home / FOLDER)
    assert mine.back_up().manifest.tables[PERFORMANCE].rows == 2
