"""Ransomware with the credentials of the pipeline: it encrypts the home and tries to delete the backups.

The backups lie behind a server that only adds, `rclone serve restic --append-only`. So what the pipeline may do is not
enough to delete them.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from churn_assets.backup.drills.site import Practised, Site, noticed, now
from churn_assets.backup.manifest import BUSINESS
from churn_assets.backup.proving import Proof, prove
from churn_assets.backup.restic import BackupError, Repository
from churn_assets.backup.restoring import restore
from churn_assets.backup.taking import back_up
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.engine.processes import tied
from churn_assets.settings import Settings

PROGRAM = "rclone"
INSTALL = "Install it: apt install rclone (Debian, Ubuntu), dnf install rclone (Fedora), brew install rclone (macOS)."
START_SECONDS = 20
REFUSED = (401, 403, 405)  # not 404: what is not there was not protected
NO_PROXY = build_opener(ProxyHandler({}))


def ransomware(site: Site) -> Practised:
    """Encrypts the scratch copy and attacks a repository of its own, with the same credentials that wrote it."""
    stored = site.folder / "repository"
    with append_only(stored) as address:
        backup = site.settings.backup.model_copy(update={"repository": f"rest:{address}"})
        own = Settings(
            **{name: getattr(site.own, name) for name in Settings.model_fields} | {"backup": backup}
        )
        taken = back_up(own, load_business(site.home / BUSINESS))
        attempts = _attacked(own, address, stored)
        shutil.rmtree(site.home / "backup")
        _encrypt(site.home)
        declared = now()
        wrong = [p.told for p in prove(own, site.home, taken.manifest, names=("files",)) if not p.passed]
        back = restore(own, site.folder / "back")
    lost = int((declared - back.manifest.at).total_seconds())
    refused = Proof(
        "deletion", tuple(told for told, held in attempts if not held), f"{len(attempts)} ways were refused"
    )
    proofs = [noticed("the home was encrypted", wrong[0][:200] if wrong else None), refused, *back.proofs]
    return Practised(
        declared,
        back.located_at,
        back.restored_at,
        now(),
        lost,
        proofs,
        "; ".join(told for told, _ in attempts),
    )


@contextmanager
def append_only(folder: Path) -> Iterator[str]:
    """The address of a server on this machine that keeps a restic repository and deletes nothing of it.

    The server ends with this process, even if that is killed.

    Raises:
        BackupError: rclone is not installed, or does not start.
    """
    if shutil.which(PROGRAM) is None:
        raise BackupError(f"This drill needs rclone, which is not installed. {INSTALL}")
    folder.mkdir(mode=0o700)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [
        PROGRAM,
        "--config",
        "/dev/null",
        "serve",
        "restic",
        "--append-only",
        "--addr",
        f"127.0.0.1:{port}",
    ]
    with subprocess.Popen(
        tied([*command, str(folder)]),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            _wait(address, server)
            yield address
        finally:
            server.terminate()


def _wait(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            NO_PROXY.open(address, timeout=1).close()
        except HTTPError:
            return
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise BackupError(
        "rclone does not start its server. Try it by hand: rclone serve restic --append-only FOLDER"
    )


def _attacked(settings: Settings, address: str, stored: Path) -> list[tuple[str, bool]]:
    """Every way to delete a backup that the credentials of the pipeline allow to try: words, whether it held."""
    repository = Repository(settings)
    snapshot, attempts = repository.snapshots()[-1].id, []
    pack = next(path for path in (stored / "data").rglob("*") if path.is_file())
    try:
        repository.drop(snapshot, prune=True)
    except BackupError:
        attempts.append(("restic forget was refused", True))
    else:
        attempts.append(("restic forget deleted a backup", False))
    for what, path, method in (
        ("deleting a snapshot", f"snapshots/{snapshot}", "DELETE"),
        ("deleting data", f"data/{pack.name}", "DELETE"),
        ("overwriting data", f"data/{pack.name}", "POST"),
    ):
        code = _asked(f"{address}{path}", method)
        attempts.append((f"{what} over HTTP gave {code}", code in REFUSED))
    still = any(one.id == snapshot for one in repository.snapshots())
    attempts.append((f"the backup is {'still' if still else 'no longer'} listed", still))
    return attempts


def _asked(address: str, method: str) -> int:
    content = b"encrypted" if method == "POST" else None
    try:
        with NO_PROXY.open(Request(address, data=content, method=method), timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _encrypt(home: Path) -> None:
    """Overwrites every file, as ransomware does."""
    for file in home.rglob("*"):
        if file.is_file():
            file.write_bytes(bytes(byte ^ 0x5A for byte in file.read_bytes()[:4096]))
