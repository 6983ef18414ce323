"""Calls restic, the program that keeps the backups: encrypted, deduplicated, and each one only what is new.

The password and the credentials of the storage reach it by its environment, never by its command line.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn_assets.backup.names import shown
from churn_assets.settings import RESTIC_KIND, Settings, is_uri

PROGRAM = "restic"
INSTALL = "Install it: apt install restic (Debian, Ubuntu), dnf install restic (Fedora), brew install restic (macOS)."
TAG, OF_MANIFEST, OF_CHAIN = "churn-assets", "manifest=", "chain="
HOST = "churn-assets"  # one name for all machines: a home may move
CACHE = "cache"
LEAST = (0, 12, 1)  # the first one that tells each file which it could not restore
UNREADABLE = re.compile(r"could not load snapshot (\w{8})")
NO_REPOSITORY = ("Is there a repository at the following location", "unable to open config file")
FORBIDDEN = "403 Forbidden"
LOCKED = "repository is already locked"
# What restic says -> what is wrong, and what to do.
KNOWN = (
    (
        "wrong password or no key found",
        "The password does not open the repository. Set the one it was made with.",
    ),
    ("no space left on device", "The disk is full. Free some space, then run the same command again."),
    (
        "disk quota exceeded",
        "The quota of the disk is used up. Free some space, then run the same command again.",
    ),
    (
        "file too large",
        "The disk or a limit of this user (`ulimit -f`) allows no file so large. Raise it, then run this again.",
    ),
    (
        LOCKED,
        "Another restic works on the repository. Wait for it, then run this again.",
    ),
    (
        "permission denied",
        "The repository refuses access. Look at its rights and at the credentials of the storage.",
    ),
    (
        "unable to create lock",
        "The repository cannot be written. Look at its rights and whether it can be reached.",
    ),
    (FORBIDDEN, "The storage forbids it."),
    (
        "parsing repository location failed",
        "restic cannot read CHURN_BACKUP_REPOSITORY. Encode special characters of a password in it: / is %2F.",
    ),
    (
        "repository contains errors",
        (
            "Some of it is not as it was written. Find a backup that is whole by `churn-assets restore --to FOLDER "
            "--as-of TIME`, then begin a new repository."
        ),
    ),
    ("connection refused", "The storage does not answer. Start it, or correct CHURN_BACKUP_REPOSITORY."),
    ("no such host", "The storage does not answer. Correct CHURN_BACKUP_REPOSITORY."),
)
SHOWN = 300  # characters of restic's own words


class BackupError(RuntimeError):
    """A backup or a restore cannot go on; the message says why and what to do. Nothing half is left."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


class NoRepository(BackupError):
    """There is no repository yet."""


@dataclass(frozen=True)
class Snapshot:
    """A backup in the repository.

    Attributes:
        id: restic's, 64 hexadecimal digits.
        at: when it was taken, UTC.
        manifest: SHA-256 of its manifest.
        chain: of the audit of its home, which tells homes apart; empty where that had none.
    """

    id: str
    at: datetime
    manifest: str
    chain: str

    @property
    def name(self) -> str:
        """The short id."""
        return self.id[:8]


@dataclass(frozen=True)
class Stored:
    """What restic did for one backup: the snapshot, its files and bytes, and the bytes that were new."""

    snapshot: str
    files: int
    bytes: int
    added: int


def installed() -> str | None:
    """The version of restic; None where it is not installed.

    Raises:
        BackupError: it does not run.
    """
    if shutil.which(PROGRAM) is None:
        return None
    done = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"restic does not run: {done.stderr.strip()[:SHOWN]}")
    return done.stdout.split()[1]


class Repository:
    """The repository of the settings.

    Args:
        settings: of the home; its `backup` names the repository and the password.

    Raises:
        BackupError: no repository or no password is set, the repository lies in the home, or restic is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        backup = settings.backup
        if not backup.repository:
            raise BackupError(
                "CHURN_BACKUP_REPOSITORY is not set. Name a folder on another disk, or a place that restic knows, such "
                "as s3:host/bucket."
            )
        if backup.password is None and backup.password_file is None:
            raise BackupError("Set CHURN_BACKUP_PASSWORD_FILE to a file with the password of the repository.")
        _require_outside(settings, backup.repository)
        if (there := installed()) is None:
            raise BackupError(f"restic is not installed. {INSTALL}")
        if _numbers(there) < LEAST:
            raise BackupError(f"restic {there} is too old. Install {'.'.join(map(str, LEAST))} or later.")
        self.place = backup.place
        self._cache = settings.home_path / "backup" / CACHE
        self._environment = _environment(settings)
        self._folder = _folder_of(backup.repository)
        self.unreadable: list[str] = []  # names of backups that `snapshots` could not read

    def make(self) -> None:
        """Makes the repository.

        Raises:
            BackupError: it cannot be made, or something else is there.
        """
        if self._folder and self._folder.is_dir() and any(self._folder.iterdir()):
            raise BackupError(
                f"{self.place} is not empty, and no repository: it has no file `config`. Name an empty folder; if a "
                "repository was there, bring its files back."
            )
        self._checked(["init"])

    def store(self, folder: Path, manifest: str, parent: str | None, chain: str) -> Stored:
        """Stores everything below a folder as a new snapshot.

        Args:
            folder: it becomes the root of the snapshot.
            manifest: SHA-256 of the manifest.
            parent: id of an earlier snapshot: files of its size and time are not read again; None: all are read.
            chain: of the audit of the home; empty without any.

        Raises:
            BackupError: it was not stored as a whole; then there is no new snapshot that counts.
        """
        asked = ["backup", ".", "--json", "--host", HOST, "--tag", TAG, "--tag", f"{OF_MANIFEST}{manifest}"]
        asked += ["--tag", f"{OF_CHAIN}{chain}"] if chain else []
        asked += ["--ignore-inode", "--ignore-ctime", *(["--parent", parent] if parent else ["--force"])]
        done = self._run(asked, folder)
        if LOCKED in done.stderr:  # perhaps by a killed one, whose lock stays
            self.unlock()
            done = self._run(asked, folder)
        found = [told for told in _told(done.stdout) if told.get("message_type") == "summary"]
        if done.returncode or not found:
            # restic keeps a snapshot of what it could read
            left = "".join(self.undo(str(told["snapshot_id"])) for told in found)
            raise BackupError(f"{self._failed(done.stderr)}{left}")
        [one] = found
        return Stored(
            str(one["snapshot_id"]),
            one["total_files_processed"],
            one["total_bytes_processed"],
            one["data_added"],
        )

    def snapshots(self) -> list[Snapshot]:
        """All backups that can be read, the oldest first; `unreadable` then names the others.

        Raises:
            NoRepository: there is none.
            BackupError: the repository cannot be read.
        """
        done = self._run(["snapshots", "--json", "--tag", TAG, "--no-lock"])
        if done.returncode:
            raise self._failed(done.stderr)
        self.unreadable = UNREADABLE.findall(done.stderr)
        listed = json.loads(done.stdout or "null")
        found = [
            Snapshot(
                str(one["id"]),
                _time(one["time"]),
                _tagged(one["tags"], OF_MANIFEST),
                _tagged(one["tags"], OF_CHAIN),
            )
            for one in listed or []
        ]
        return sorted(found, key=lambda snapshot: snapshot.at)

    def fetch(self, snapshot: Snapshot, folder: Path, only: Sequence[str] = ()) -> None:
        """Writes a snapshot, or only some paths of it, below a folder.

        Raises:
            BackupError: a file could not be read or written.
        """
        chosen = [word for path in only for word in ("--include", f"/{path}")]
        self._checked(["restore", snapshot.id, "--target", str(folder), "--no-lock", *chosen])

    def check(self, subset: str | None) -> None:
        """Checks the structure of the repository and reads a part of its data.

        Args:
            subset: how much: `5%`, `1/7`, `500M`; None: only the structure.

        Raises:
            BackupError: something is damaged or missing.
        """
        if subset is not None and not subset.strip():
            raise BackupError("--read-data-subset names no part of the data. Write 5%, 1/7 or 500M.")
        self.unlock()
        asked = [f"--read-data-subset={subset}"] if subset else []
        done = self._run(["check", *asked])
        if done.returncode:
            told = self._failed(done.stderr)
            raise BackupError(f"The repository is damaged, or could not be checked. {told}")

    def unlock(self) -> None:
        """Removes the locks that a killed restic left, and no others.

        Raises:
            BackupError: it was refused.
        """
        self._checked(["unlock"])

    def keep(self, keep_daily: int, keep_weekly: int) -> None:
        """Deletes all backups but the newest one of so many days and weeks, and their data.

        Raises:
            BackupError: it was refused, as by storage that is append-only.
        """
        weekly = ["--keep-weekly", str(keep_weekly)] if keep_weekly else []
        policy = ["--group-by", "host", "--keep-daily", str(keep_daily), *weekly]
        self._deleted(["forget", "--tag", TAG, *policy, "--prune"])

    def drop(self, *snapshots: str, prune: bool = False) -> None:
        """Deletes backups, by their ids; with `prune` their data, too.

        Raises:
            BackupError: it was refused.
        """
        self._deleted(["forget", *snapshots, *(["--prune"] if prune else [])])

    def undo(self, snapshot: str) -> str:
        """Deletes a snapshot that must not count; returns what to tell where that is refused, else an empty text."""
        try:
            self.drop(snapshot)
        except BackupError as error:
            return f" The snapshot {snapshot[:8]} is not whole, and could not be deleted: {error}"
        return ""

    def _checked(self, asked: Sequence[str]) -> str:
        done = self._run(asked)
        if done.returncode:
            raise self._failed(done.stderr)
        return done.stdout

    def _deleted(self, asked: Sequence[str]) -> None:
        """Runs a command that deletes, until the storage forbids it: restic would ask again for most of a minute.

        Raises:
            BackupError: it was refused.
        """
        said = list[str]()
        with subprocess.Popen(
            self._command(asked),
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stderr or ():
                said.append(line)
                if FORBIDDEN in line:
                    process.send_signal(signal.SIGINT)  # after which it removes its lock
        if process.returncode:
            raise self._failed("".join(said))

    def _run(self, asked: Sequence[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        command = self._command(asked)
        return subprocess.run(
            command, cwd=folder, env=self._environment, capture_output=True, text=True, check=False
        )

    def _command(self, asked: Sequence[str]) -> list[str]:
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [PROGRAM, "--cache-dir", str(self._cache), *asked]

    def _failed(self, stderr: str) -> BackupError:
        for words, told in KNOWN:
            if words in stderr:
                return BackupError(f"Repository {self.place}: {told}")
        if any(words in stderr for words in NO_REPOSITORY):
            return NoRepository(f"There is no repository at {self.place}. `churn-assets backup` makes it.")
        lines = [line for line in stderr.splitlines() if line.strip()] or ["it said nothing"]
        shown = re.sub(r"://[^/@\s]*@", "://***@", lines[-1])[:SHOWN]
        return BackupError(f"restic failed at {self.place}: {shown}")


def _folder_of(repository: str) -> Path | None:
    """The folder of a repository on this machine; None where restic reaches it otherwise."""
    kind, location = RESTIC_KIND.findall(repository)[0]
    if kind or is_uri(repository):
        return None
    return Path(location.removeprefix("local:")).expanduser().resolve()


def _require_outside(settings: Settings, repository: str) -> None:
    if (place := _folder_of(repository)) is None:
        return
    saved = {"home": str(settings.home_path)}
    with suppress(FileNotFoundError):  # on a clean machine the restore brings it back
        saved["business folder"] = str(settings.business_path)
    saved |= {"landing zone": settings.landing_uri, "folder of models": settings.mlflow_artifacts}
    for what, folder in saved.items():
        if not is_uri(folder) and place.is_relative_to(folder):
            raise BackupError(
                f"The repository {place} lies in the {what} that it should save. Set CHURN_BACKUP_REPOSITORY to "
                "another disk."
            )


def _environment(settings: Settings) -> Mapping[str, str]:
    backup = settings.backup
    ours = ("RESTIC_PASSWORD", "RESTIC_REPOSITORY")
    found = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    found["RESTIC_REPOSITORY"] = str(_folder_of(str(backup.repository)) or backup.repository)
    if backup.password is not None:
        return found | {"RESTIC_PASSWORD": backup.password.get_secret_value()}
    file = Path(str(backup.password_file)).expanduser().resolve()
    if not file.is_file():
        raise BackupError(f"CHURN_BACKUP_PASSWORD_FILE names {file}, which is not there.")
    return found | {"RESTIC_PASSWORD_FILE": str(file)}


def _told(stdout: str) -> list[dict[str, Any]]:
    """The JSON lines of an answer."""
    return [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]


def _time(text: str) -> datetime:
    """A time as restic writes it, with nine digits of a second."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).astimezone(UTC)


def _tagged(tags: Sequence[str], name: str) -> str:
    return next((tag.removeprefix(name) for tag in tags if tag.startswith(name)), "")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
