"""One backup with its record, then the clean-up of old ones, then a look whether the repository is sound."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from churn_assets.backup import forgetting
from churn_assets.backup.former import let_go
from churn_assets.backup.records import BACKUP, FORGETTING, VERIFICATION, acts, recorded
from churn_assets.backup.restic import BackupError, Repository, Snapshot
from churn_assets.backup.taking import Backup, back_up
from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.lakehouse.lakehouse import Lakehouse

PARTS_OF_A_WEEK = 7
YOUNG = timedelta(hours=26)  # a night, and two hours for its delay
LONG_AGO = timedelta(days=8)  # a verification: a week and a day


@dataclass(frozen=True)
class Age:
    """How old the newest backup is, and what became of the last verification.

    Attributes:
        taken_at: of the newest backup that was done; None without any.
        verified_at: of the last verification; None without any.
        verified: whether it passed.
        failed: why the last backup failed; empty if it was done.
    """

    taken_at: datetime | None
    verified_at: datetime | None
    verified: bool
    failed: str


def take(lakehouse: Lakehouse, business: Business, by: str, own_run: str = "") -> Backup:
    """Takes a backup and records it.

    Raises:
        BackupError: it was not taken.
    """
    with recorded(lakehouse, BACKUP, by) as told:
        done = back_up(lakehouse.settings, business, own_run)
        told.snapshot, told.files, told.bytes = done.name, len(done.manifest.files), done.manifest.size
        told.added_bytes = done.stored.added
        told.evidence = "; ".join(
            [*filter(None, [done.vanished]), *done.manifest.unsettled, *sorted(done.manifest.not_held)]
        )
        told.evidence = told.evidence or "complete"
    return done


def verify(lakehouse: Lakehouse, subset: str | None, by: str) -> None:
    """Checks the repository, reads a part of its data, and records what came out.

    Raises:
        BackupError: it is damaged, or could not be checked.
    """
    with recorded(lakehouse, VERIFICATION, by) as told:
        repository = Repository(lakehouse.settings)
        found = repository.snapshots()
        if not found:
            raise BackupError(f"There is no backup at {repository.place}. `churn-assets backup` takes one.")
        repository.check(subset)
        told.snapshot = found[-1].name
        told.evidence = (
            f"{counted(len(found), 'backup')}; structure{f' and {subset} of the data' if subset else ''}"
        )


def forget(lakehouse: Lakehouse, by: str, *, clock_is_right: bool = False) -> int:
    """Deletes old backups by the policy of the settings and records it; returns their number.

    Raises:
        BackupError: it was refused; see `forgetting`.
    """
    with recorded(lakehouse, FORGETTING, by) as told:
        backup = lakehouse.settings.backup
        gone = forgetting.forget_old(
            Repository(lakehouse.settings),
            backup.keep_daily,
            backup.keep_weekly,
            clock_is_right=clock_is_right,
        )
        for one in gone:
            let_go(lakehouse.settings.home_path, one)
        told.evidence = ", ".join(one.name for one in gone) or "none was old enough"
    return len(gone)


def forget_one(lakehouse: Lakehouse, name: str, by: str) -> Snapshot:
    """Deletes one backup and records it; see `forgetting`.

    Raises:
        BackupError: it was not deleted.
    """
    with recorded(lakehouse, FORGETTING, by) as told:
        gone = forgetting.forget_one(Repository(lakehouse.settings), name)
        told.snapshot, told.evidence = gone.name, "asked for by its name"
        let_go(lakehouse.settings.home_path, gone)
    return gone


def part_of_the_day(day: date) -> str:
    """Which seventh of the data is read on a day, so that a week reads all."""
    return f"{day.toordinal() % PARTS_OF_A_WEEK + 1}/{PARTS_OF_A_WEEK}"


def age_of(lakehouse: Lakehouse, now: datetime) -> Age:
    """What the records tell of the newest backup and of the last verification.

    Records of the future are left out, as of a clock that was ahead: they would make a backup young for long.
    """
    taken, verified = (
        [row for row in acts(lakehouse, act) if row["at"] <= now + forgetting.SKEW]
        for act in (BACKUP, VERIFICATION)
    )
    done = [row for row in taken if row["passed"]]
    return Age(
        done[-1]["at"].astimezone(UTC) if done else None,
        verified[-1]["at"].astimezone(UTC) if verified else None,
        bool(verified and verified[-1]["passed"]),
        "" if not taken or taken[-1]["passed"] else str(taken[-1]["evidence"]),
    )


def too_old(age: Age, now: datetime) -> str | None:
    """What is wrong with the age of the newest backup, in words; None: nothing."""
    if age.taken_at is None:
        return "no backup was taken yet"
    if now - age.taken_at > YOUNG:
        return f"the newest backup is {(now - age.taken_at).total_seconds() / 3600:.0f} hours old"
    return None


def badly_verified(age: Age, now: datetime) -> str | None:
    """What is wrong with the last verification, in words; None: nothing."""
    if age.verified_at is None:
        return "no verification was made yet"
    if not age.verified:
        return "the last verification failed"
    if now - age.verified_at > LONG_AGO:
        return f"the last verification was {(now - age.verified_at).days} days ago"
    return None
