"""operations/backups: the nightly backup as an asset, and whether one is recent as a check of its own."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.backup.nightly import age_of, badly_verified, forget, part_of_the_day, take, too_old, verify
from churn_assets.backup.records import BACKUP, acts
from churn_assets.backup.restic import BackupError
from churn_assets.backup.taking import Backup
from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, failed, not_judged, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import BACKUP_IS_RECENT
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

TAKEN, VERIFIES, STAY = "backup_is_taken", "repository_verifies", "earlier_backups_are_there"
COMPLETE, FORGOTTEN = "backup_is_complete", "old_backups_are_forgotten"
MIB = 2**20
NO_BACKUP = "A restore would bring back an older state."
NOT_SET_UP = (
    "no backup is set up: set CHURN_BACKUP_REPOSITORY and CHURN_BACKUP_PASSWORD_FILE, see docs/backup.md."
)


def backup_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The asset of the nightly backup."""
    table = tables.BACKUPS

    @table_asset(
        table,
        business,
        description="Takes a backup of the whole home, forgets old ones, and verifies a seventh of the repository.",
        checks={
            TAKEN: "The repository has a backup of this run, and its copy could be read.",
            VERIFIES: "The repository is sound, and a seventh of its data can be read; a week reads all.",
        },
        reports={
            STAY: "No earlier backup of this home is gone but those that were forgotten.",
            COMPLETE: "Everything that is worth a backup is in it, and no run was in flight.",
            FORGOTTEN: "Backups are kept as long as the policy says, and no longer.",
        },
        kinds=("restic",),
        spark=False,
    )
    def backups(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        run, today = context.run.run_id, datetime.now(UTC).date()
        done = _checked(TAKEN, lambda: take(lakehouse, business, run, own_run=run))
        forgotten = _forgotten(lakehouse, run)
        _checked(VERIFIES, lambda: verify(lakehouse, part_of_the_day(today), run))
        return dg.MaterializeResult(
            metadata=_metadata(done),
            check_results=[
                passed(TAKEN, {"backup": done.name, "seconds": round(done.seconds, 1)}),
                passed(VERIFIES, {"read": part_of_the_day(today)}),
                _earlier(done),
                _complete(done),
                forgotten,
            ],
            data_version=dg.DataVersion(done.name),
        )

    return [backups]


def _checked(check: str, work: Any) -> Any:
    try:
        return work()
    except BackupError as error:
        found, _, remedy = str(error).rpartition(". ")
        raise CheckFailed(
            check, f"{found or error}.", remedy or "See docs/backup.md.", {}, NO_BACKUP
        ) from None


def _forgotten(lakehouse: Lakehouse, run: str) -> dg.AssetCheckResult:
    try:
        return passed(FORGOTTEN, {"forgotten": forget(lakehouse, run)})
    except BackupError as error:
        return warned(FORGOTTEN, f"Nothing was forgotten: {error}", {"told": str(error)})


def _earlier(done: Backup) -> dg.AssetCheckResult:
    if not done.vanished:
        return passed(STAY, {"last backup": "is there"})
    found = f"{done.vanished[0].upper()}{done.vanished[1:]}."
    remedy = "Nobody forgot them: look who can delete there, and keep them behind a server that only adds."
    return failed(STAY, f"{found} {remedy}", {"gone": done.vanished, "remedy": remedy})


def _complete(done: Backup) -> dg.AssetCheckResult:
    missing, unsettled = done.manifest.not_held, done.manifest.unsettled
    evidence: dict[str, Any] = {"files": len(done.manifest.files), "tables": len(done.manifest.tables)}
    if not (missing or unsettled):
        return passed(COMPLETE, evidence)
    evidence |= {"not held": table_metadata(["place", "why"], sorted(missing.items()))} if missing else {}
    evidence |= {"unsettled": "\n".join(unsettled)} if unsettled else {}
    told = [f"{len(missing)} places are not in the backup"] if missing else []
    told += [f"{len(unsettled)} runs or tables moved on meanwhile"] if unsettled else []
    return (failed if missing else warned)(COMPLETE, f"{'; '.join(told)}.", evidence)


def _metadata(done: Backup) -> dict[str, Any]:
    manifest = done.manifest
    return {
        "backup": done.name,
        "seconds": round(done.seconds, 1),
        "files": len(manifest.files),
        "MiB": round(manifest.size / MIB, 1),
        "new MiB": round(done.stored.added / MIB, 2),
        "models": len(manifest.models),
        "tables": table_metadata(
            ["table", "version", "rows"],
            [(path, held.version, held.rows) for path, held in sorted(manifest.tables.items())],
        ),
    }


def backup_checks(business: Business, set_up: bool) -> list[dg.AssetChecksDefinition]:
    """The check that a backup is recent; it runs whether the nightly backup did or not.

    Args:
        business: the business.
        set_up: whether a repository is set.
    """

    @dg.asset_check(
        asset=tables.BACKUPS.key,
        name=BACKUP_IS_RECENT,
        description="The newest backup is of the last night, and the last verification passed.",
    )
    def recent(lakehouse: dg.ResourceParam[Lakehouse]) -> dg.AssetCheckResult:
        if not set_up and not acts(lakehouse, BACKUP):
            return not_judged(BACKUP_IS_RECENT, NOT_SET_UP)
        age = age_of(lakehouse, now := datetime.now(UTC))
        evidence = {"backup": str(age.taken_at), "verification": str(age.verified_at)}
        wrong = [told for told in (too_old(age, now), age.failed, badly_verified(age, now)) if told]
        return (
            warned(BACKUP_IS_RECENT, f"{'; '.join(wrong)}.", evidence)
            if wrong
            else passed(BACKUP_IS_RECENT, evidence)
        )

    return [recent]
