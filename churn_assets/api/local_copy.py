"""The local copy of a release: large tables as Arrow files to map, the rest as it is, and a proof of all files."""

import json
import shutil
from pathlib import Path

import pyarrow as pa

from churn_assets.api import campaign
from churn_assets.api.current import with_answers
from churn_assets.durable import sync_file, sync_folder, write_synced
from churn_assets.serving.release.manifest import MANIFEST, TABLES, sha256_of_file
from churn_assets.serving.release.reading import Release

CURRENT, CURRENT_SNAPSHOTS, ALERTS = "current_scores", "current_snapshots", "risk_alerts"
MAPPED = ("customers", "scores", "snapshots", "objections", CURRENT, CURRENT_SNAPSHOTS, ALERTS, campaign.PLAN)
SMALL = ("segment_sizes", "champions", "model_performance", "drift", "training_runs")
ORDER_OF_ALERTS = [("as_of_date", "descending"), ("importance", "descending"), ("alert_id", "ascending")]
PROOF = "COPY.json"
FORMAT = 3  # of the copy; a copy of another format is made again


def prepare(release: Release, target: Path) -> None:
    """Writes the local copy of a verified release into an empty folder, and waits until it is on the disk."""
    for path in release.manifest.files:
        table = Path(path).stem if path.startswith(f"{TABLES}/") else None
        if table in MAPPED:
            _write_arrow(_ready(table, release), target / f"{table}.arrow")
        elif table is None or table in SMALL:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(release.folder / path, target / path)
    shutil.copyfile(release.folder / MANIFEST, target / MANIFEST)
    files = sorted(f for f in target.rglob("*") if f.is_file())
    proof = {f.relative_to(target).as_posix(): sha256_of_file(f) for f in files}
    for file in files:
        sync_file(file)
    write_synced(target / PROOF, json.dumps({"format": FORMAT, "files": proof}).encode())
    for folder in {target, *(f.parent for f in files)}:
        sync_folder(folder)


def is_whole(copy: Path) -> bool:
    """Whether every file of a copy is as it was written."""
    try:
        stored = json.loads((copy / PROOF).read_bytes())
        if stored["format"] != FORMAT:
            return False
        return all(sha256_of_file(copy / path) == proof for path, proof in stored["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _ready(table: str, release: Release) -> pa.Table:
    """The rows as the calls need them, so that none of them has to compute or to sort."""
    if table == campaign.PLAN:
        return campaign.with_answers(release)
    rows = release.table(table)
    if table == CURRENT:
        return with_answers(rows)
    return rows.sort_by(ORDER_OF_ALERTS) if table == ALERTS else rows


def _write_arrow(table: pa.Table, file: Path) -> None:
    whole = table.combine_chunks()
    with pa.ipc.new_file(str(file), whole.schema) as writer:
        writer.write_table(whole)
