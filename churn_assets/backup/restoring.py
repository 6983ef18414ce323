"""Brings a home back from a backup: into a folder beside the target, proved there, and only then into its place."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from secrets import token_hex

from churn_assets.backup import databases
from churn_assets.backup.forgetting import of_the_future
from churn_assets.backup.former import DRILL_LOCK, FOLDER, LOCK, alone_in, let_go
from churn_assets.backup.manifest import (
    BUSINESS,
    MANIFEST,
    PARTS,
    BackupManifest,
    NotAManifest,
    Part,
    read_manifest,
)
from churn_assets.backup.postgresql import NotDumped
from churn_assets.backup.proving import Proof, prove
from churn_assets.backup.records import PASSED, DrillRecord, record_drill
from churn_assets.backup.restic import BackupError, Repository, Snapshot
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.backup.tombstones import replay
from churn_assets.counts import counted
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import record
from churn_assets.progress import note
from churn_assets.settings import Settings, require_unescaped
from churn_assets.tracking.moved_home import follow

WORK, DOUBTFUL, SAFETY = ".{}.restoring-", "{}.not-verified-{:%Y%m%dT%H%M%S}", "{}.before-{:%Y%m%dT%H%M%S}"


class NotProved(BackupError):
    """What was restored is not what was backed up, or could not be checked.

    Attributes:
        proofs: all checks.
    """

    def __init__(self, proofs: list[Proof], kept: Path) -> None:
        self.proofs = proofs
        wrong = " ".join(proof.told for proof in proofs if not proof.passed)
        super().__init__(
            f"The restore is not verified, so nothing was put in place. {wrong} What was restored lies in {kept}; an "
            "earlier backup may be whole: --as-of."
        )


@dataclass(frozen=True)
class Restored:
    """A restore that was proved.

    Attributes:
        home: where it lies.
        snapshot, manifest: of the backup.
        part: what was restored of it; None: all.
        proofs: the checks, all passed.
        safety_copy: where the former content of the place lies; None without any.
        erased: tombstones that were replayed.
        located_at, restored_at, verified_at: when the backup was found, its files were back, and all was proved.
        seconds: from the call to the end.
    """

    home: Path
    snapshot: Snapshot
    manifest: BackupManifest
    part: Part | None
    proofs: list[Proof]
    safety_copy: Path | None
    erased: int
    located_at: datetime
    restored_at: datetime
    verified_at: datetime
    seconds: float


def newest(repository: Repository, as_of: datetime | None = None) -> Snapshot:
    """The newest backup, or the newest one that was taken at or before a time.

    Raises:
        BackupError: there is none.
    """
    found = repository.snapshots()
    if repository.unreadable and as_of is None:
        raise BackupError(
            f"{', '.join(repository.unreadable)} cannot be read, and may be newer than the others. Name a time for the "
            "newest one before it that can: --as-of; `churn-assets backup list` shows them."
        )
    if as_of is None and (later := of_the_future(found, now := datetime.now(UTC))):
        raise BackupError(
            f"{later[-1].name} is of {later[-1].at:%Y-%m-%d %H:%M} UTC, after the time of this machine, "
            f"{now:%Y-%m-%d %H:%M}: its clock is wrong, or was when that backup was taken. Name a time: --as-of."
        )
    fitting = [one for one in found if as_of is None or one.at <= as_of]
    if fitting:
        return fitting[-1]
    if found:
        raise BackupError(
            f"No backup is as old as {as_of:%Y-%m-%d %H:%M}; the first one is of {found[0].at:%Y-%m-%d %H:%M}."
        )
    raise BackupError(f"There is no backup at {repository.place}. `churn-assets backup` takes one.")


def restore(
    settings: Settings,
    target: Path,
    *,
    as_of: datetime | None = None,
    part: Part | None = None,
    replace: bool = False,
) -> Restored:
    """Restores the newest backup, or that of a time, and proves it before it comes to its place.

    Args:
        settings: name the repository and hold the secrets.
        target: a new or empty folder; with `replace` a home, whose former content is kept beside it.
        as_of: no later backup than of this time.
        part: only this part.
        replace: whether what is there now may be put aside.

    Raises:
        NotProved: it differs from what was backed up, or could not be checked; the target is as before.
        BackupError: it could not be restored; the target is as before.
    """
    started = time.monotonic()
    target = target.expanduser().resolve()
    occupied = _occupied(target, replace)
    snapshot = newest(repository := Repository(settings), as_of)
    located = datetime.now(UTC)
    with _untouched(target), _work(target) as work:
        note(f"restoring {snapshot.name} of {snapshot.at:%Y-%m-%d %H:%M}")
        repository.fetch(snapshot, work, [*PARTS[part], MANIFEST] if part else ())
        restored_at = datetime.now(UTC)
        manifest = _manifest(work, snapshot)
        note("proving what was restored")
        proofs = prove(settings, work, manifest, part)
        if not all(proof.passed for proof in proofs):
            kept = _beside(target, DOUBTFUL)
            work.rename(kept)
            raise NotProved(proofs, kept)
        verified_at = datetime.now(UTC)
        erased = replay(settings, work)
        safety = _put(work, target, part) if occupied else None
        if not occupied:
            work.rename(target)  # replaces an empty folder
    settle(target, part)
    seconds = time.monotonic() - started
    return Restored(
        target, snapshot, manifest, part, proofs, safety, erased, located, restored_at, verified_at, seconds
    )


def restore_recorded(
    settings: Settings,
    target: Path,
    by: str,
    *,
    as_of: datetime | None = None,
    part: Part | None = None,
    replace: bool = False,
) -> Restored:
    """`restore`, which the restored home then tells itself: in its audit, and in operations/drills.

    Args:
        by: who restores.
    """
    declared = datetime.now(UTC)
    done = restore(settings, target, as_of=as_of, part=part, replace=replace)
    if part is None:
        inside = settings_of_home(settings, done.home, done.home / BUSINESS)
        record(inside, "restoration", by, done.snapshot.name, taken_at=done.manifest.made_at)
        evidence = " ".join(proof.told for proof in done.proofs)
        drill = DrillRecord(
            "restore",
            by,
            declared,
            done.located_at,
            done.restored_at,
            done.verified_at,
            int((declared - done.manifest.at).total_seconds()),
            PASSED,
            evidence,
        )
        record_drill(Lakehouse(inside), drill)
    return done


def settle(home: Path, part: Part | None = None) -> None:
    """Lets a restored home know its place; ends the runs that were in flight when it was backed up.

    Runs in PostgreSQL are left alone: its dagster.yaml may name the server of a living installation.
    """
    if (home / databases.MLFLOW).is_file():
        follow(f"sqlite:///{home / databases.MLFLOW}", str(home / "mlartifacts"))
    if part is None and (home / databases.RUNS).is_file() and databases.in_flight(home):
        from dagster import DagsterInstance, RunsFilter

        before = os.environ.get("DAGSTER_HOME")
        os.environ["DAGSTER_HOME"] = str(home / "dagster")
        try:
            with DagsterInstance.get() as instance:
                for run in instance.get_runs(RunsFilter(run_ids=list(databases.in_flight(home)))):
                    instance.report_run_failed(
                        run, "It had not ended when the backup was taken. Run it again."
                    )
        finally:
            os.environ.pop("DAGSTER_HOME") if before is None else os.environ.update(DAGSTER_HOME=before)


def _occupied(target: Path, replace: bool) -> bool:
    """Whether something is at the target.

    Raises:
        BackupError: it must not be put aside, or no table could be read there.
    """
    try:
        require_unescaped(str(target))
    except ValueError as error:
        raise BackupError(str(error)) from None
    if target.is_mount():
        raise BackupError(f"{target} is a mounted disk, which cannot be replaced. Name a new folder on it.")
    if target.is_file():
        raise BackupError(f"{target} is a file. Name a folder.")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    if not replace:
        raise BackupError(
            f"{target} is not empty. Name a new folder, or put what is there aside with --replace; it is kept."
        )
    try:
        running = databases.running(target)
    except NotDumped as error:
        raise BackupError(
            f"Whether a run is in flight in {target} is not known: {error}. Restore into a new folder."
        ) from error
    if running:
        jobs = ", ".join(sorted(set(running.values())))
        raise BackupError(
            f"{jobs} has not ended in {target}. Stop the daemon and its runs before you replace the home."
        )
    return True


@contextmanager
def _untouched(target: Path) -> Iterator[None]:
    """Keeps backups and drills away from a home that is replaced.

    Raises:
        BackupError: one is running there.
    """
    if not (target / FOLDER).is_dir():
        yield
        return
    with alone_in(target, LOCK, DRILL_LOCK, what="A backup or a drill"):
        yield


@contextmanager
def _work(target: Path) -> Iterator[Path]:
    """A folder beside the target that one process at a time writes; what a killed one left is removed.

    Raises:
        BackupError: another restore writes there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    begins = WORK.format(target.name)
    work = target.with_name(f"{begins}{token_hex(4)}")
    descriptor = os.open(target.parent, os.O_RDONLY)  # the lock of the folder that both have their names in
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(
                f"Another restore writes into {target.parent}. Wait until it has ended."
            ) from None
        for left in target.parent.iterdir():
            if left.name.startswith(begins):
                shutil.rmtree(left)
        work.mkdir(mode=0o700)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)


def _manifest(work: Path, snapshot: Snapshot) -> BackupManifest:
    try:
        content = (work / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise BackupError(
            f"The backup {snapshot.name} has no manifest; take an earlier one: --as-of."
        ) from None
    if sha256(content).hexdigest() != snapshot.manifest:
        raise BackupError(f"The manifest of {snapshot.name} was changed; take an earlier backup: --as-of.")
    try:
        return read_manifest(content)
    except NotAManifest as error:
        raise BackupError(f"{snapshot.name}: {error}.") from error


def _beside(target: Path, form: str) -> Path:
    """A new name beside the target, with the present time; the second one of a second has a number, too."""
    name = form.format(target.name, datetime.now(UTC))
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(place for place in map(target.with_name, names) if not place.exists())


def _put(work: Path, target: Path, part: Part | None) -> Path:
    """Moves what was restored into a home; returns where what was there lies now.

    Of a part each place is put aside and replaced in turn. If the process dies meanwhile, the same restore again brings
    what is missing.
    """
    safety = _beside(target, SAFETY)
    if part is None:
        target.rename(safety)
        work.rename(target)
        return safety
    # which describes later versions of the tables than those that come now
    let_go(target)
    for place in (*PARTS[part], MANIFEST):
        if (target / place).exists():
            (safety / place).parent.mkdir(parents=True, exist_ok=True)
            (target / place).rename(safety / place)
        if (work / place).exists():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            (work / place).rename(target / place)
    return safety


def told_of(done: Restored) -> list[str]:
    """What a restore did, in sentences."""
    what = "All" if done.part is None else done.part
    hours = (done.verified_at - done.manifest.at).total_seconds() / 3600
    taken = f"{done.manifest.at:%Y-%m-%d %H:%M} UTC, {hours:.1f} hours old,"
    lines = [f"{what} of backup {done.snapshot.name} of {taken} is restored to {done.home} and verified:"]
    lines += [f"  {proof.told}" for proof in done.proofs]
    lines += [f"When it was taken, {told}; run it again." for told in done.manifest.unsettled]
    lines += [f"Not in the backup: {place} ({why})." for place, why in sorted(done.manifest.not_held.items())]
    lines += [f"{counted(done.erased, 'erased person')} stayed erased."] if done.erased else []
    lines += [f"The former content lies in {done.safety_copy}."] if done.safety_copy else []
    return lines
