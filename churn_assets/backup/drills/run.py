"""Runs a drill: makes the scratch copy, lets a scenario damage and mend it, and records what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from churn_assets.backup.drills import scenarios
from churn_assets.backup.drills.ransomware import ransomware
from churn_assets.backup.drills.site import Practised, Site, now, scratch, site
from churn_assets.backup.records import FAILED, NOT_VERIFIED, PASSED, DrillRecord, record_drill
from churn_assets.backup.restic import BackupError
from churn_assets.lakehouse.lakehouse import Lakehouse


@dataclass(frozen=True)
class Scenario:
    """What is lost, and the function that practises it."""

    lost: str
    practise: Callable[[Site], Practised]


SCENARIOS = {
    "lost-table": Scenario("the folder of a table is deleted", scenarios.lost_table),
    "corrupted-log": Scenario("an entry of a table's log is overwritten", scenarios.corrupted_log),
    "registry-deleted": Scenario("MLflow's database and models are gone", scenarios.registry_deleted),
    "dagster-database-lost": Scenario("runs, events and schedules are gone", scenarios.dagster_database_lost),
    "whole-site": Scenario(
        "the machine is gone; everything comes back on a clean folder", scenarios.whole_site
    ),
    "wrong-promotion": Scenario("a wrong model is in charge", scenarios.wrong_promotion),
    "ransomware": Scenario(
        "the home is encrypted, and the backups are attacked with its credentials", ransomware
    ),
}


@dataclass(frozen=True)
class Drilled:
    """A drill with its record.

    Attributes:
        id: of the record.
        record: as it was written.
        proofs: what was checked, in sentences.
    """

    id: str
    record: DrillRecord
    proofs: list[str]

    @property
    def passed(self) -> bool:
        """Whether everything came back and was proved."""
        return self.record.verdict == PASSED

    @property
    def told(self) -> str:
        """The drill in words."""
        record = self.record
        lines = [f"{self.id} {record.scenario}: {record.verdict}."]
        if record.verified_at is not None:
            seconds = (record.verified_at - record.declared_at).total_seconds()
            lines.append(f"  back and verified {seconds:.1f} s after the loss; {_lost(record.data_lost)}")
        return "\n".join([*lines, *(f"  {proof}" for proof in self.proofs)])


def run_drill(lakehouse: Lakehouse, name: str, by: str) -> Drilled:
    """Practises a scenario with the newest backup and records it in operations/drills.

    A drill that cannot be carried through is recorded as not verified, which is never passed.

    Args:
        lakehouse: of the living home, which is only read but for the record.
        name: of the scenario.
        by: who leads it.
    """
    began = now()
    try:
        with scratch(lakehouse.settings) as folder:
            done = SCENARIOS[name].practise(site(lakehouse.settings, folder))
    except (BackupError, OSError) as error:
        return _recorded(lakehouse, _not_verified(name, by, began, error), [str(error)])
    proofs = [proof.told for proof in done.proofs] + ([f"attempts: {done.note}."] if done.note else [])
    verdict = PASSED if all(proof.passed for proof in done.proofs) else FAILED
    record = DrillRecord(
        name,
        by,
        done.declared_at,
        done.located_at,
        done.restored_at,
        done.verified_at if verdict == PASSED else None,
        done.data_lost,
        verdict,
        " ".join(proofs),
    )
    return _recorded(lakehouse, record, proofs)


def _not_verified(name: str, by: str, began: datetime, error: Exception) -> DrillRecord:
    return DrillRecord(
        name, by, began, None, None, None, None, NOT_VERIFIED, f"{type(error).__name__}: {error}"
    )


def _recorded(lakehouse: Lakehouse, record: DrillRecord, proofs: list[str]) -> Drilled:
    return Drilled(record_drill(lakehouse, record), record, proofs)


def _lost(seconds: int | None) -> str:
    if not seconds:
        return "nothing was lost"
    return f"what came in the {seconds / 3600:.1f} hours after the backup was lost"
