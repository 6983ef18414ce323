"""A file is replaced as a whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from churn_assets.durable import replace_file
from churn_assets.lakehouse.engine.processes import module_environment

WRITER = """
import sys
from pathlib import Path
from churn_assets.durable import replace_file
print("ready", flush=True)
while True:
    for letter in b"ab":
        replace_file(Path(sys.argv[1]), bytes([letter]) * 200_000)
"""
LIMITED = """
import resource, signal, sys
from pathlib import Path
from churn_assets.durable import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    replace_file(Path(sys.argv[1]), b"n" * 5000)
except OSError as error:
    print(type(error).__name__)
"""


def test_a_new_file_is_for_its_owner_unless_told_otherwise(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        replace_file(tmp_path / "own", b"1")
        replace_file(tmp_path / "read", b"1", 0o666)
        (tmp_path / ".own.draft").write_bytes(b"of a killed process, for all to read")
        replace_file(tmp_path / "own", b"2")
    finally:
        os.umask(before)
    assert (tmp_path / "own").read_bytes() == b"2"
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("own", "read")]
    assert modes == [0o600, 0o644]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["own", "read"]


def test_a_killed_process_leaves_one_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            env=module_environment(),
        )
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        seen = set()
        while len(seen) < 2:
            assert writer.poll() is None
            if file.exists():
                content = file.read_bytes()
                assert len(content) == 200_000 and len(set(content)) == 1
                seen.add(content[0])
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        content = file.read_bytes()
        assert len(content) == 200_000 and len(set(content)) == 1


def test_without_room_the_former_content_stays_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_file(file, b"former")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(file)], capture_output=True, text=True, env=module_environment()
    )
    assert done.stdout == "OSError\n", done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["file"] and file.read_bytes() == b"former"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "no such folder" / "file", b"1")
