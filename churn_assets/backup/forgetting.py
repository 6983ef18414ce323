"""Which backups are deleted, and when none is: a clock that is wrong must not delete them all."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from churn_assets.backup.restic import BackupError, Repository, Snapshot

OLDEST = timedelta(days=35)
SKEW = timedelta(hours=1)  # of clocks
DAYS = 3  # with a younger backup each, before old ones go by their age


def forget_old(
    repository: Repository, keep_daily: int, keep_weekly: int, *, clock_is_right: bool = False
) -> list[Snapshot]:
    """Deletes backups by the policy, and their data; returns them. The newest one always stays.

    Args:
        repository: that has them.
        keep_daily: days of which the newest backup is kept.
        keep_weekly: weeks of which the newest backup is kept; none older than `OLDEST` is.
        clock_is_right: whether a person vouches for the clock.

    Raises:
        BackupError: the clock may be wrong, or it was refused, as by storage that is append-only.
    """
    repository.unlock()
    before = repository.snapshots()
    # by age first: a policy by number would keep old ones where no new ones come
    if old := _old(before, datetime.now(UTC), clock_is_right):
        repository.drop(*(one.id for one in old))
    repository.keep(keep_daily, keep_weekly)
    kept = {one.id for one in repository.snapshots()}
    return [one for one in before if one.id not in kept]


def forget_one(repository: Repository, name: str) -> Snapshot:
    """Deletes one backup, by its id or the beginning of it, and its data; returns it.

    Raises:
        BackupError: none or several begin so, it is the only one, or it was refused.
    """
    repository.unlock()
    found = repository.snapshots()
    named = [one for one in found if name and one.id.startswith(name)]
    if len(named) != 1:
        several = "Several backups begin" if named else "No backup begins"
        raise BackupError(f"{several} with {name!r}. `churn-assets backup list` shows them.")
    if len(found) == 1:
        raise BackupError(
            f"{named[0].name} is the only backup. Take another one first: `churn-assets backup`."
        )
    repository.drop(named[0].id, prune=True)
    return named[0]


def of_the_future(found: Sequence[Snapshot], now: datetime) -> list[Snapshot]:
    """The backups that were taken after `now`: the clock is behind, or was ahead when they were taken."""
    return [one for one in found if one.at - now > SKEW]


def _old(found: Sequence[Snapshot], now: datetime, clock_is_right: bool) -> list[Snapshot]:
    """The backups older than `OLDEST`, without the newest one.

    Raises:
        BackupError: a clock that is wrong would explain their age, or a backup is of the future.
    """
    if later := of_the_future(found, now):
        raise BackupError(
            f"{_listed(later)} later than the time of this machine, {now:%Y-%m-%d %H:%M} UTC. Correct its clock; if it "
            f"was ahead when that backup was taken, `churn-assets backup forget {later[-1].name}` deletes it."
        )
    old = [one for one in found[:-1] if now - one.at > OLDEST]
    days = {one.at.date() for one in found if now - one.at <= OLDEST}
    if old and len(days) < DAYS and not clock_is_right:
        raise BackupError(
            f"{_listed(old)} older than {OLDEST.days} days, and of only {len(days)} days there are younger ones: a "
            f"clock that is ahead would look the same. After backups on {DAYS} days they go by themselves; if the "
            "clock is right, `churn-assets backup forget --clock-is-right` deletes them now."
        )
    return old


def _listed(found: Sequence[Snapshot]) -> str:
    """The names of backups, with the verb."""
    return f"{', '.join(one.name for one in found)} {'is' if len(found) == 1 else 'are'}"
