"""A PostgreSQL server on this machine, from the programs that the system has installed; it listens on loopback only."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from churn_assets.local_servers.ports import free_port

SUPERUSER = "churn"
START_SECONDS = 120
# Stops the server and removes its data as soon as stdin is closed, and so at the latest with the process that holds it.
AT_THE_END = 'cat >/dev/null; "$1" -D "$2/data" -m immediate -s stop; code=$?; rm -rf "$2"; exit $code'
INSTALL = "Install the server: `apt-get install postgresql`, or `brew install postgresql`."


class PostgresqlError(RuntimeError):
    """The server cannot be started; the message has the remedy."""


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; None where no server is installed."""
    found = shutil.which("initdb")
    # where a link leads to, since another user, who runs them, may not enter the folder of the link
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name, reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


class PostgresqlServer:
    """A server with an empty database that asks for a password; its data goes when it stops.

    It never outlives this process, even if that is killed.

    Attributes:
        password: of SUPERUSER.
        place: host, port and database, as they stand in an address.
    """

    def __init__(self, password: str | None = None) -> None:
        self.password = password or secrets.token_urlsafe(16)
        self.place = ""
        # short, and outside of the folders of root, which another user may not enter
        self._home: Path | None = None
        self._end: subprocess.Popen[str] | None = None
        self._user = _other_user()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address with user and password."""
        return f"postgresql://{SUPERUSER}:{self.password}@{self.place}"

    def start(self) -> None:
        """Makes a database and starts its server on a free port.

        Raises:
            PostgresqlError: no server is installed, or it does not start.
        """
        folder = programs()
        if folder is None:
            raise PostgresqlError(f"No PostgreSQL server is installed here (initdb and pg_ctl). {INSTALL}")
        self._home = Path(tempfile.mkdtemp(prefix="pg_"))
        secret = self._home / "password"
        secret.touch(0o600)
        secret.write_text(self.password, encoding="utf-8")
        if self._user is not None:
            for path in (self._home, secret):
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        control = str(folder / "pg_ctl")
        self._end = self._ends_with_us(control)
        init = ["-U", SUPERUSER, "-E", "UTF8", "--no-locale", "-N", "--auth=scram-sha-256"]
        try:
            self._run([str(folder / "initdb"), "-D", str(self._home / "data"), *init, f"--pwfile={secret}"])
            self._control = [control, "-D", str(self._home / "data")]
            self.place = f"127.0.0.1:{self._listen()}/postgres"
        except BaseException:
            self._ended()
            raise
        finally:
            secret.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stops the server at once, and removes its data.

        Raises:
            PostgresqlError: it does not stop, or had ended before.
        """
        told, running = self._ended(), bool(self.place)
        self.place = ""
        if told and running:
            raise PostgresqlError(f"pg_ctl failed: {told}")

    def _ends_with_us(self, control: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["/bin/sh", "-c", AT_THE_END, "at_the_end", control, str(self._home)],
            user=self._user,
            cwd="/",
            env={"PATH": os.defpath},  # the other user may not enter the folders of ours
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )

    def _ended(self) -> str:
        """What pg_ctl said against it; empty if the server has stopped, or none was started."""
        if self._end is None:
            return ""
        _, said = self._end.communicate(timeout=START_SECONDS)
        failed, self._end = self._end.returncode != 0, None
        return said.strip() or "it said nothing" if failed else ""

    def _listen(self, tries: int = 3) -> int:
        """Starts it on a free port. If another program takes the port meanwhile, it tries the next one."""
        port = free_port()
        log = Path(str(self._home)) / f"log{tries}"  # pg_ctl leaves its pipes to the server
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        try:
            self._run([*self._control, "-w", "-l", str(log), "-o", options, "start"])
        except PostgresqlError:
            if tries == 1 or not log.exists() or "could not bind" not in log.read_text(encoding="utf-8"):
                raise
            return self._listen(tries - 1)
        return port

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            user=self._user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if done.returncode != 0:
            told = (done.stderr or done.stdout).strip()
            raise PostgresqlError(f"{Path(command[0]).name} failed: {told}")


def _other_user() -> str | None:
    """The server refuses to run as root, so root starts it as this user; None for everybody else."""
    return ("postgres" if _exists("postgres") else "nobody") if os.geteuid() == 0 else None


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
