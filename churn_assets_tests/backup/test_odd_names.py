"""Files of others in a home whose names or kinds are odd."""

import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.backup import staging
from churn_assets.backup.proving import Proof
from churn_assets.backup.records import BACKUP, acts
from churn_assets.backup.restoring import restore
from churn_assets.backup.taking import Backup
from churn_assets.cli.main import cli
from churn_assets_tests.backup.conftest import SmallHome


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"two\nlines.csv", b"50% 'off' \"x\" ${HOME} [a].csv", b"-rf"]
)
def test_a_file_of_any_name_comes_back(mine: SmallHome, tmp_path: Path, name: bytes) -> None:
    folder = mine.settings.home_path / "landing" / "events" / "extract_date=2026-01-31"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / os.fsdecode(name)).write_bytes(b"rows")
    mine.back_up()
    restore(mine.settings, tmp_path / "back")
    there = tmp_path / "back" / folder.relative_to(mine.settings.home_path)
    assert (there / os.fsdecode(name)).read_bytes() == b"rows"


def test_a_pipe_does_not_stop_the_backup_and_is_told(mine: SmallHome) -> None:
    folder = mine.settings.home_path / "landing" / "events"
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "pipe")
    done: list[Backup] = []
    thread = threading.Thread(target=lambda: done.append(mine.back_up()), daemon=True)
    thread.start()
    thread.join(30)
    if thread.is_alive():
        os.close(os.open(folder / "pipe", os.O_RDWR | os.O_NONBLOCK))
    assert done and "landing/events/pipe" in done[0].manifest.not_held


def test_a_name_that_is_no_utf_8_is_told_escaped(mine: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the screen and in the records, of a backup that is taken and of one that is not."""
    for name, value in mine.variables().items():
        monkeypatch.setenv(name, value)
    stranger = mine.home / os.fsdecode(b"caf\xe9.txt")
    stranger.touch()
    done = CliRunner().invoke(cli, ["backup"])
    assert done.exit_code == 0, done.output
    assert r"Not in the backup: caf\xe9.txt (it is not in the catalogue of stores)." in done.output
    (mine.home / "landing/usage" / stranger.name).symlink_to("/no/such/file")
    done = CliRunner().invoke(cli, ["backup"])
    assert r"caf\xe9.txt is a link to /no/such/file, which is not there" in str(done.exception)
    taken, refused = acts(mine.house, BACKUP)
    assert taken["evidence"] == r"caf\xe9.txt" and r"caf\xe9.txt is a link" in refused["evidence"]


def test_a_proof_tells_a_name_that_is_no_utf_8_escaped() -> None:
    wrong = os.fsdecode(b"caf\xe9.csv is in no manifest")
    assert Proof("files", (wrong,), "").told == r"files: caf\xe9.csv is in no manifest."


def test_an_extract_that_is_still_being_written_does_not_delay_the_backup(
    mine: SmallHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go away meanwhile, and the copy be made again."""
    folder = mine.home / "landing/usage/extract_date=2025-02-28"
    folder.mkdir()
    growing = [folder / name for name in (".part-1.parquet.part", "part-2.csv.part")]
    for file in growing:
        file.write_text("half")
    copied = []
    stage_file = staging._stage_file

    def vanishes(file: Path, *rest: object) -> None:
        copied.append(file)
        for one in growing:
            one.unlink(missing_ok=True)
        stage_file(file, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(staging, "_stage_file", vanishes)
    manifest = mine.back_up().manifest
    assert len(copied) == len(set(copied))
    assert not manifest.not_held and not [path for path in manifest.files if path.endswith(".part")]
