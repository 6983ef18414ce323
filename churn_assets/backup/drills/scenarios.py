"""What may be lost, one function each: it loses it in the scratch copy, brings it back and proves that."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from churn_assets.backup import databases
from churn_assets.backup.drills.site import Practised, Site, noticed, now
from churn_assets.backup.manifest import BUSINESS, DAGSTER_DUMP, MLFLOW_DUMP
from churn_assets.backup.proving import Proof, prove, table_differs
from churn_assets.backup.restic import BackupError
from churn_assets.backup.restoring import restore
from churn_assets.lakehouse import pinned, tables
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.decisions import decided, promote, rollback
from churn_assets.tracking.tracking import Tracking

REGISTRY = (databases.MLFLOW, "mlartifacts")
DAGSTER = ("dagster/history", "dagster/schedules")
SHOWN = 300


def lost_table(site: Site) -> Practised:
    """Somebody deletes the folder of a table."""
    path = _table(site)
    shutil.rmtree(site.home / "lake" / path)
    return _table_back(site, path, f"{path} was deleted")


def corrupted_log(site: Site) -> Practised:
    """The newest entry of a table's log is half overwritten."""
    path = _table(site)
    folder = site.home / "lake" / path
    file = folder / pinned.LOG / f"{pinned.newest(folder):020d}.json"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + b"\x00" * 100)
    return _table_back(site, path, f"the log of {path} was corrupted")


def registry_deleted(site: Site) -> Practised:
    """MLflow's database and all its files are gone."""
    _require_here(site, MLFLOW_DUMP)
    for place in REGISTRY:
        _remove(site.home / place)
    declared, manifest = now(), site.copy.manifest
    checks = ("databases", "models", "aliases", "paths")
    wrong = _wrong(prove(site.settings, site.home, manifest, names=("models",)))
    back = restore(site.settings, site.home, as_of=site.copy.snapshot.at, part="models", replace=True)
    restored_at = now()
    proofs = [
        noticed("the registry was deleted", wrong),
        *prove(site.settings, site.home, manifest, names=checks),
    ]
    return Practised(declared, back.located_at, restored_at, now(), _lost(site, declared), proofs)


def dagster_database_lost(site: Site) -> Practised:
    """Dagster's runs, events and the states of its schedules are gone."""
    _require_here(site, DAGSTER_DUMP)
    for place in DAGSTER:
        _remove(site.home / place)
    declared, manifest = now(), site.copy.manifest
    checks = ("runs", "schedules", "databases")
    wrong = _wrong(prove(site.settings, site.home, manifest, names=("runs",)))
    located = now()
    back = site.fetch(*DAGSTER)
    for place in DAGSTER:
        if (back / place).exists():
            _remove(site.home / place)
            (back / place).rename(site.home / place)
    restored_at = now()
    proofs = [
        noticed("Dagster's databases were deleted", wrong),
        *prove(site.settings, site.home, manifest, names=checks),
    ]
    return Practised(declared, located, restored_at, now(), _lost(site, declared), proofs)


def whole_site(site: Site) -> Practised:
    """The machine burns; everything comes back on an empty folder, and Dagster's page loads its definitions there."""
    shutil.rmtree(site.home)
    declared = now()
    back = restore(site.settings, site.folder / "clean", as_of=site.copy.snapshot.at)
    proofs = [*back.proofs, _definitions(back.home)]
    return Practised(declared, back.located_at, back.restored_at, now(), _lost(site, declared), proofs)


def wrong_promotion(site: Site) -> Practised:
    """A model that should not be in charge is promoted; the champion before takes over again. No backup is needed."""
    _require_here(site, MLFLOW_DUMP)
    house, manifest = Lakehouse(site.own), site.copy.manifest
    line = decided(house)
    if not line or not manifest.models:
        raise BackupError(
            "No model is in charge yet, so no wrong one can be. Train first: `churn-assets run train --from YYYY-MM`."
        )
    present, name = line[-1], manifest.models[-1].name
    tracking = Tracking(
        f"sqlite:///{site.home / databases.MLFLOW}", str(site.home / "mlartifacts"), name, name
    )
    wrong_one = _another(site, house, tracking, present.model_version)
    promote(house, tracking, wrong_one, present.in_charge_from, "drill: a wrong promotion", "drill")
    declared = now()
    named = tracking.champion()
    shows = f"version {wrong_one} has the alias" if named and named.version == wrong_one else None
    rollback(house, tracking, present.in_charge_from, "drill: the way back", "drill")
    restored_at = now()
    back, after = tracking.champion(), decided(house)[-1]
    same = back is not None and back.version == after.model_version == present.model_version
    right = f"version {present.model_version} is in charge, in the timeline and by its alias"
    proofs = [
        noticed(f"version {wrong_one} was promoted", shows),
        Proof("champion", () if same else (f"{back and back.version} has the alias",), right),
        *prove(site.settings, site.home, manifest, names=("models",)),
    ]
    return Practised(declared, None, restored_at, now(), 0, proofs)


def _require_here(site: Site, dump: str) -> None:
    """Checks that the scratch copy has these records itself.

    Raises:
        BackupError: they lie in PostgreSQL, so that losing them here would practise nothing.
    """
    if dump in site.copy.manifest.dumps:
        raise BackupError(
            f"These records lie in PostgreSQL. Practise there that {dump} comes back: see docs/backup.md, Databases in "
            "PostgreSQL."
        )


def _another(site: Site, house: Lakehouse, tracking: Tracking, present: str) -> str:
    """Another version than the present one; a copy of it is registered where it is the only one."""
    name, held = tracking.model_name, site.copy.manifest.models
    versions = [one.version for one in held if one.name == name and one.version != present]
    trained = house.arrow(tables.TRAINING_RUNS).to_pylist()
    known = {row["model_version"] for row in trained}
    if fitting := [version for version in versions if version in known]:
        return fitting[-1]
    made = tracking.copy_version(present)
    row = next(row for row in trained if row["model_version"] == present)
    rows = tables.TRAINING_RUNS.rows([row | {"model_version": made}])
    house.append_rows(tables.TRAINING_RUNS, rows, run_id="drill")
    return made


def _table(site: Site) -> str:
    """The table of scores, else the one with most rows."""
    found = site.copy.manifest.tables
    if not found:
        raise BackupError("The backup holds no table. Run the pipeline first: churn-assets demo.")
    if tables.CHURN_SCORES.path in found:
        return tables.CHURN_SCORES.path
    return max(found, key=lambda path: found[path].rows)


def _table_back(site: Site, path: str, what: str) -> Practised:
    declared, place = now(), site.home / "lake" / path
    wrong = table_differs(place, path, site.copy.manifest)
    located = now()
    back = site.fetch(f"lake/{path}") / "lake" / path
    _remove(place)
    back.rename(place)
    restored_at = now()
    differs = table_differs(place, path, site.copy.manifest)
    held = site.copy.manifest.tables[path]
    same = f"{path} has its {held.rows:,} rows with the checksum {held.checksum}"
    proofs = [noticed(what, wrong), Proof("table", (f"{path} {differs}",) if differs else (), same)]
    return Practised(declared, located, restored_at, now(), _lost(site, declared), proofs)


def _definitions(home: Path) -> Proof:
    """Whether Dagster loads the definitions on a home, as its page does."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "churn_assets.definitions"]
    places = {
        "CHURN_HOME": str(home),
        "CHURN_BUSINESS": str(home / BUSINESS),
        "DAGSTER_HOME": str(home / "dagster"),
    }
    moved = {name for name in os.environ if name.startswith("CHURN_")} - {"CHURN_ENGINE", "CHURN_JARS"}
    environment = {n: v for n, v in module_environment(**places).items() if n not in moved or n in places}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wrong = () if done.returncode == 0 else (f"they do not load: {done.stderr.strip()[-SHOWN:]}",)
    return Proof("definitions", wrong, "Dagster loads them on the restored home")


def _wrong(proofs: list[Proof]) -> str | None:
    failed = [proof.told for proof in proofs if not proof.passed]
    return " ".join(failed)[:SHOWN] or None


def _lost(site: Site, declared: datetime) -> int:
    return int((declared - site.copy.manifest.at).total_seconds())


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
