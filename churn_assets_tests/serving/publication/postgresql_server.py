"""A private PostgreSQL server for tests, from the programs that the system has installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPERUSER = "churn"
PASSWORD = "Blaubeere-77"
START_SECONDS = 120


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; None where no server is installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name, reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


def _other_user() -> str | None:
    """The server refuses to run as root, so root starts it as this user; None for everybody else."""
    return ("postgres" if _exists("postgres") else "nobody") if os.geteuid() == 0 else None


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(
        command,
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def server(bin_folder: Path) -> Iterator[str]:
    """A server on a free port that asks for passwords; yields the address of its database without a password."""
    user = _other_user()
    # short, and outside of the folders of the tests and of root, which another user may not enter
    home = Path(tempfile.mkdtemp(prefix="pg_", dir="/tmp"))
    data, secret = home / "data", home / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    if user is not None:
        for path in (home, secret):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    control = [str(bin_folder / "pg_ctl"), "-D", str(data)]
    try:
        init = ["-U", SUPERUSER, "-E", "UTF8", "--no-locale", "-N", "--auth=scram-sha-256"]
        _run([str(bin_folder / "initdb"), "-D", str(data), *init, f"--pwfile={secret}"], user)
        port = _start(control, home, user)
        try:
            yield f"127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(control: list[str], home: Path, user: str | None, tries: int = 3) -> int:
    """Starts the server on a free port. If another program takes the port meanwhile, it tries the next one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    log = home / f"log{tries}"  # pg_ctl leaves its pipes to the server
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    try:
        _run([*control, "-w", "-l", str(log), "-o", options, "start"], user)
    except AssertionError:
        if tries == 1 or "could not bind" not in log.read_text(encoding="utf-8"):
            raise
        return _start(control, home, user, tries - 1)
    return port
