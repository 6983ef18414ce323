"""What looks like a good backup and would not come back: each such case is held as it is, or told."""

import os
import shutil
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.backup import databases, restic, taking
from churn_assets.backup.former import FOLDER, LAST, PLACE
from churn_assets.backup.manifest import read_manifest
from churn_assets.backup.nightly import Age, age_of, badly_verified
from churn_assets.backup.records import BACKUP, VERIFICATION, recorded
from churn_assets.backup.restic import BackupError, Repository, Snapshot, installed
from churn_assets.backup.restoring import NotProved, restore
from churn_assets.backup.staging import uncovered
from churn_assets.backup.surroundings import settings_file
from churn_assets.cli.main import cli
from churn_assets.lakehouse import tables
from churn_assets.operations.audit.chain import record
from churn_assets.settings import BackupSettings, Settings
from churn_assets_tests.backup.conftest import PASSWORD, SmallHome

pytestmark = pytest.mark.one_python(
    reason="restic does the work; other tests back up and restore on each Python"
)

LANDED = "landing/usage/extract_date=2025-01-31/part-1.csv"


def _with(home: SmallHome, **changes: object) -> SmallHome:
    """The home with other settings of its backup."""
    own = {name: getattr(home.settings, name) for name in Settings.model_fields}
    changed = home.settings.backup.model_copy(update=changes)
    return SmallHome(Settings(**own | {"backup": changed}), home.business)


def test_the_settings_file_holds_no_password_of_a_repository() -> None:
    backup = BackupSettings(repository="rest:https://churn:hunter2@host:8000/", password="x")  # type: ignore[arg-type]
    told = settings_file(Settings(backup=backup))
    assert "hunter2" not in told
    assert "# CHURN_BACKUP_REPOSITORY holds a secret; set it again." in told


def test_what_lies_behind_a_link_is_held(mine: SmallHome, tmp_path: Path) -> None:
    """A link to a file, a link to a folder, and a link to a folder around it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part-2.csv").write_text("customer_id,data_mb\nC0000002,9\n")
    (elsewhere / "around").symlink_to(elsewhere)
    usage = mine.home / "landing/usage"
    (usage / "extract_date=2025-02-28").symlink_to(elsewhere)
    (usage / "extract_date=2025-01-31/part-3.csv").symlink_to(elsewhere / "part-2.csv")
    held = mine.back_up().manifest.files
    linked = {"landing/usage/extract_date=2025-02-28/part-2.csv", f"{LANDED[:-5]}3.csv"}
    assert linked <= set(held)
    for file in elsewhere.glob("*.csv"):
        file.unlink()
    back = restore(mine.settings, tmp_path / "back", part="lake").home
    assert [(back / path).read_text()[-3:] for path in sorted(linked)] == [",9\n"] * 2
    assert not [path for path in back.rglob("*") if path.is_symlink()]


def test_a_link_to_nothing_is_told(mine: SmallHome) -> None:
    (mine.home / "landing/usage/gone.csv").symlink_to("/no/such/file")
    with pytest.raises(BackupError, match=r"gone\.csv is a link to /no/such/file, which is not there"):
        mine.back_up()


def test_a_linked_folder_that_is_in_no_store_is_told(mine: SmallHome, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (mine.home / "notes").symlink_to(tmp_path / "notes")
    held = read_manifest((mine.home / FOLDER / LAST).read_bytes()).files
    assert uncovered(mine.home, mine.business, held) == []  # nothing is in it yet
    (tmp_path / "notes/mine.txt").touch()
    assert mine.back_up().manifest.not_held == {"notes": "it is not in the catalogue of stores"}


def test_a_link_in_a_restored_home_fails(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leads to may be whole today, and is in no backup."""
    fetch = Repository.fetch

    def linked(self: Repository, snapshot: Snapshot, folder: Path, only: object = ()) -> None:
        fetch(self, snapshot, folder, only)  # type: ignore[arg-type]
        (folder / LANDED).unlink()
        (folder / LANDED).symlink_to(mine.home / LANDED)

    monkeypatch.setattr(Repository, "fetch", linked)
    with pytest.raises(NotProved, match=r"part-1\.csv is a link"):
        restore(mine.settings, tmp_path / "back", part="lake")


def test_a_folder_that_cannot_be_read_stops_the_backup(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files would be missing, and nothing would tell."""
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("landing/usage"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(BackupError, match=r"landing/usage: Permission denied\. Nothing was backed up"):
        mine.back_up()


def test_a_record_of_the_audit_after_the_copy_is_not_in_the_manifest(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = taking.golden_file

    def later(place: Path, models: object) -> str:
        record(mine.settings, "promotion", "test", "2")
        return golden(place, models)  # type: ignore[arg-type]

    monkeypatch.setattr(taking, "golden_file", later)
    assert mine.back_up().manifest.audit[1] == "1"
    assert restore(mine.settings, tmp_path / "back").part is None


def test_a_file_that_grows_after_its_checksum_is_stored_again(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody delivers it while the tables are read."""
    champions, grown = taking.champions_in, []

    def grows(place: Path) -> object:
        if not grown:
            with (mine.home / LANDED).open("a") as file:
                grown.append(file.write("C0000002,8\n"))
        return champions(place)

    monkeypatch.setattr(taking, "champions_in", grows)
    mine.back_up()
    back = restore(mine.settings, tmp_path / "back", part="lake").home
    assert (back / LANDED).read_text().endswith("C0000002,8\n")


def test_other_bytes_of_the_same_size_and_date_are_stored(mine: SmallHome, tmp_path: Path) -> None:
    """restic would take them for the former ones, and no restore would be verified any more."""
    file = mine.home / LANDED
    about = file.stat()
    file.write_text(file.read_text().replace("7", "8"))
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    mine.back_up()
    assert "8" in (restore(mine.settings, tmp_path / "back", part="lake").home / LANDED).read_text()


def test_the_next_backup_reads_only_what_is_new(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = Repository(mine.settings).snapshots()
    asked: list[list[str]] = []
    run = Repository._run

    def look(self: Repository, command: list[str], folder: Path | None = None) -> object:
        asked.append(command)
        return run(self, command, folder)

    monkeypatch.setattr(Repository, "_run", look)
    mine.back_up()
    (mine.home / FOLDER / LAST).unlink()
    mine.back_up()
    known, unknown = [command for command in asked if command[0] == "backup"]
    assert known[-2:] == ["--parent", first.id] and unknown[-1] == "--force"


def test_a_backup_after_a_part_was_replaced(mine: SmallHome) -> None:
    """The table goes on from its former version, so its later versions are others than those of the last backup."""
    first = Repository(mine.settings).snapshots()[0]
    mine.add_performance(date(2025, 3, 31))
    mine.back_up()
    restore(mine.settings, mine.home, as_of=first.at, part="lake", replace=True)
    mine.add_performance(date(2025, 4, 30))
    assert mine.back_up().manifest.tables[tables.MODEL_PERFORMANCE.path].rows == 3


def test_a_table_that_was_made_anew_is_backed_up(mine: SmallHome) -> None:
    folder = Path(mine.house.uri(tables.MODEL_PERFORMANCE))
    folder.rename(mine.home / "scratch")
    mine.add_performance(date(2025, 3, 31))
    assert mine.back_up().manifest.tables[tables.MODEL_PERFORMANCE.path].rows == 1


def test_what_is_gone_since_the_last_backup_is_told(mine: SmallHome, tmp_path: Path) -> None:
    Path(mine.house.uri(tables.MODEL_PERFORMANCE)).rename(tmp_path / "table")
    (mine.home / databases.SCHEDULES).unlink()
    assert mine.back_up().manifest.not_held == {
        f"lake/{tables.MODEL_PERFORMANCE.path}": "it was in the last backup, and is gone",
        "dagster/schedules": "it was in the last backup, and is gone",
    }
    assert mine.back_up().manifest.not_held == {}


def test_two_homes_do_not_share_a_repository(mine: SmallHome, tmp_path: Path) -> None:
    """The newest backup would be that of the other one, and each day one of the two would be deleted."""
    from churn_assets_tests.backup.conftest import small_home

    mine.back_up()
    other = _with(small_home(tmp_path / "other"), repository=str(mine.repository))
    with pytest.raises(BackupError, match=r"holds backups of another home.*CHURN_BACKUP_REPOSITORY"):
        other.back_up()
    assert len(Repository(mine.settings).snapshots()) == 2


def test_a_relative_repository_and_password_file_are_those_of_the_caller(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    monkeypatch.chdir(tmp_path)
    home = _with(mine, repository="repository", password=None, password_file=Path("password"))
    home.back_up()
    assert len(Repository(mine.settings).snapshots()) == 2


@pytest.mark.parametrize("place", ["landing/repository", "business/repository"])
def test_a_repository_in_what_it_should_save_is_refused(mine: SmallHome, place: str) -> None:
    root = mine.settings.business_path if place.startswith("business") else mine.home
    with pytest.raises(BackupError, match="lies in"):
        Repository(_with(mine, repository=str(root / Path(place).name)).settings)


def _fake(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """A program named restic that writes its environment down and says something."""
    folder.mkdir()
    program = folder / restic.PROGRAM
    program.write_text(f'#!/bin/sh\nenv > "{folder}/environment"\n{says}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    "place", ["s3:https://host/my bucket", "sftp:user@host:/srv/~x", "rest:http://u:p@h/"]
)
def test_a_place_that_restic_knows_reaches_it_untouched(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    _fake(tmp_path / "bin", monkeypatch, "[ $1 = version ] && echo restic 0.14.0 compiled || echo '[]'")
    assert Repository(_with(mine, repository=place).settings).snapshots() == []
    lines = (tmp_path / "bin/environment").read_text().splitlines()
    assert f"RESTIC_REPOSITORY={place}" in lines


def test_a_restic_that_is_too_old_is_told(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path / "bin", monkeypatch, "echo restic 0.9.6 compiled with go1.13")
    assert installed() == "0.9.6"
    with pytest.raises(BackupError, match=r"restic 0\.9\.6 is too old\. Install 0\.12\.1 or later"):
        Repository(mine.settings)


def test_a_verification_that_reads_nothing_is_refused(mine: SmallHome) -> None:
    with pytest.raises(BackupError, match="--read-data-subset"):
        Repository(mine.settings).check(" ")


def test_a_snapshot_that_may_not_be_deleted_is_told_with_what_went_wrong(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a server that only adds: the next attempt counts, as it is newer."""
    store, stored = Repository.store, []

    def write_meanwhile(self: Repository, folder: Path, *rest: str) -> object:
        if not stored:
            (mine.home / LANDED).write_text("customer_id,data_mb\nC0000001,8\n")
        stored.append(store(self, folder, *rest))
        return stored[-1]

    def refused(*_: object, **__: object) -> None:
        raise BackupError("The storage forbids it.")

    monkeypatch.setattr(Repository, "store", write_meanwhile)
    monkeypatch.setattr(Repository, "drop", refused)
    done = mine.back_up()
    assert len(stored) == 2 and Repository(mine.settings).snapshots()[-1].name == done.name


def test_a_file_is_never_replaced_by_a_home(mine: SmallHome, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for part in (None, "lake"):
        with pytest.raises(BackupError, match=r"file is a file\. Name a folder"):
            restore(mine.settings, tmp_path / "file", part=part, replace=True)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    assert restore(mine.settings, tmp_path / "link", part="config").home == tmp_path / "empty"


def test_records_of_the_future_make_nothing_young(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was ahead for a while."""
    for act in (BACKUP, VERIFICATION):
        with recorded(mine.house, act, "test"):
            pass
    later = datetime.now(UTC)
    earlier = later - timedelta(days=300)
    assert age_of(mine.house, earlier) == Age(None, None, False, "")
    assert age_of(mine.house, later).taken_at is not None


@pytest.mark.parametrize(
    ("days", "passed", "said"),
    [
        (None, False, "no verification was made yet"),
        (1, False, "failed"),
        (1, True, None),
        (9, True, "9 days ago"),
    ],
)
def test_an_old_verification_is_none(days: int | None, passed: bool, said: str | None) -> None:
    now = datetime.now(UTC)
    at = None if days is None else now - timedelta(days=days)
    told = badly_verified(Age(now, at, passed, ""), now)
    assert told == said or (told and said and said in told)


def test_a_home_with_blanks_and_umlauts_comes_back(mine: SmallHome, tmp_path: Path) -> None:
    place = tmp_path / "mein Haus für #1"
    mine.home.rename(place)
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    home = SmallHome(Settings(**own | {"home": str(place)}), mine.business)
    (place / "landing/usage/Größe 1 [a].csv").write_text("x")
    assert not home.back_up().manifest.not_held
    back = restore(home.settings, tmp_path / "zurück ins *Haus*")
    assert (back.home / "landing/usage/Größe 1 [a].csv").read_text() == "x"


def test_a_folder_that_delta_would_take_for_another_is_refused(mine: SmallHome, tmp_path: Path) -> None:
    with pytest.raises(
        BackupError, match=r"a%20b has %20 in its name: .* take it for ' '.* Rename the folder"
    ):
        restore(mine.settings, tmp_path / "a%20b", part="lake")
    assert restore(mine.settings, tmp_path / "50% or 5%", part="lake").proofs


def test_two_replacements_in_one_second_keep_both_former_homes(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn_assets.backup.restoring.SAFETY", "{}.before-{:%Y}")
    [first, second] = [restore(mine.settings, mine.home, part="config", replace=True) for _ in range(2)]
    assert first.safety_copy is not None and second.safety_copy is not None
    assert second.safety_copy.name == f"{first.safety_copy.name}-2"


def test_a_repository_that_is_gone_is_not_made_anew(mine: SmallHome, tmp_path: Path) -> None:
    """Its disk is not mounted: the new one would lie on the disk of the home."""
    mine.back_up()
    mine.repository.rename(tmp_path / "elsewhere")
    with pytest.raises(BackupError, match=r"is gone with its backups\. Mount its disk"):
        mine.back_up()
    assert not mine.repository.exists()
    _with(mine, repository=str(tmp_path / "another")).back_up()  # another place may be new


def test_a_folder_with_something_else_becomes_no_repository(mine: SmallHome) -> None:
    """A second master key beside the data of the first one would make things worse."""
    (mine.home / FOLDER / PLACE).unlink()
    (mine.repository / "config").unlink()
    with pytest.raises(BackupError, match="is not empty, and no repository"):
        mine.back_up()
    assert len(list((mine.repository / "keys").iterdir())) == 1


def test_a_backup_that_cannot_be_read_is_not_passed_over(mine: SmallHome, tmp_path: Path) -> None:
    [first] = Repository(mine.settings).snapshots()
    second = mine.back_up()
    file = mine.repository / "snapshots" / Repository(mine.settings).snapshots()[-1].id
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-3])
    shutil.rmtree(mine.home / FOLDER / "cache")
    with pytest.raises(BackupError, match=rf"{second.name} cannot be read, and may be newer"):
        restore(mine.settings, tmp_path / "back", part="config")
    done = restore(mine.settings, tmp_path / "back", part="config", as_of=first.at)
    assert done.snapshot == first


def test_no_password_of_an_address_is_in_an_error(mine: SmallHome) -> None:
    for address in ("rest:http://churn:hun/ter2@127.0.0.1:9/", "rest:http://churn:hunter2@127.0.0.1:9/"):
        with pytest.raises(BackupError) as told:
            Repository(_with(mine, repository=address).settings).snapshots()
        assert "ter2" not in str(told.value) and ":hun" not in str(told.value)


def test_a_restore_tells_which_settings_still_lead_elsewhere(
    mine: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With them the restored lake would be verified, and not used."""
    for name, value in {**mine.variables(), "CHURN_LAKE": str(tmp_path / "lake")}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["restore", "--to", str(tmp_path / "back"), "--only", "config"])
    assert done.exit_code == 0 and "To use it, unset CHURN_LAKE." in done.output, done.output
