"""Files of others in a home whose names or kinds are odd."""

import os
import threading
from pathlib import Path

import pytest

from churn_assets.backup.restoring import restore
from churn_assets.backup.taking import Backup
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
