"""A PostgreSQL server on this machine."""

import os
import time
from pathlib import Path

import pytest

from churn_assets.local_servers.postgresql import INSTALL, programs
from churn_assets_tests.killed import SECONDS, ended, killed_after_its_first_line

STARTS_AND_WAITS = """
import time
from churn_assets.local_servers.postgresql import PostgresqlServer

server = PostgresqlServer()
server.start()
pid = (server._home / "data" / "postmaster.pid").read_text().split()[0]
print(pid, server._home, flush=True)
time.sleep(600)
"""


def test_a_server_and_its_data_do_not_outlive_the_process_that_started_it() -> None:
    if programs() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"No PostgreSQL server is here. {INSTALL}")
    with killed_after_its_first_line(STARTS_AND_WAITS) as line:
        pid, home = line.split()
        assert ended(int(pid))
        end = time.monotonic() + SECONDS
        while Path(home).exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not Path(home).exists()


def test_the_programs_of_a_server_are_found_where_links_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, links = tmp_path / "real", tmp_path / "links"
    for folder in (real, links):
        folder.mkdir()
    for name in ("initdb", "pg_ctl"):
        (real / name).touch(mode=0o755)
        (links / name).symlink_to(real / name)
    monkeypatch.setenv("PATH", str(links))
    assert programs() == real.resolve()
