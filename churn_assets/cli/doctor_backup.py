"""The check of the doctor on the backup: restic, the repository, and the age of the newest backup by its record."""

from datetime import UTC, datetime

from churn_assets.cli.doctor_finding import Finding
from churn_assets.settings import Settings, is_uri

NAME = "backup"


def check_backup(settings: Settings) -> Finding:
    """Checks that backups are set up and taken; asks the records of the lake, not the repository."""
    from churn_assets.backup.nightly import age_of, badly_verified, too_old
    from churn_assets.backup.restic import INSTALL, BackupError, Repository, installed
    from churn_assets.lakehouse.lakehouse import Lakehouse

    version = installed()
    if not settings.backup.repository:
        how = "Set CHURN_BACKUP_REPOSITORY and CHURN_BACKUP_PASSWORD_FILE: see docs/backup.md."
        missing = "" if version else f" {INSTALL}"
        return Finding(NAME, "warn", "none is set up: what is lost stays lost", how + missing)
    try:
        place = Repository(settings).place
    except BackupError as error:
        what, _, remedy = str(error).partition(". ")
        return Finding(NAME, "warn", what, remedy)
    if is_uri(settings.lake_uri):
        what = (
            f"the lake is elsewhere, so no backup holds it; restic {version}, {place}; its age was not read"
        )
        return Finding(
            NAME, "warn", what, "Turn on versioning and replication of its bucket: see docs/backup.md."
        )
    age = age_of(Lakehouse(settings), now := datetime.now(UTC))
    wrong = [
        told
        for told in (too_old(age, now), f"the last one failed: {age.failed}" if age.failed else "")
        if told
    ]
    if age.verified_at is not None and (told := badly_verified(age, now)):
        wrong.append(told)
    if wrong:
        return Finding(
            NAME, "warn", "; ".join(wrong), "Take one: `churn-assets backup`; then `backup verify`."
        )
    verified = f"verified {age.verified_at:%Y-%m-%d %H:%M} UTC" if age.verified_at else "never verified"
    return Finding(NAME, "ok", f"{age.taken_at:%Y-%m-%d %H:%M} UTC at {place}, {verified}; restic {version}")
