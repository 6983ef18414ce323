"""Writes a release: a folder that is finished and proved before the pointer names it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.durable import sync_file, sync_folder, write_synced
from churn_assets.ml.portable.model import PortableModel
from churn_assets.serving.release.golden import golden_rows
from churn_assets.serving.release.manifest import (
    BUSINESS,
    CATALOGUE,
    FORMAT_VERSION,
    GOLDEN,
    MANIFEST,
    MODEL,
    TABLES,
    WORDS,
    About,
    FileProof,
    Manifest,
    ReleaseBroken,
    sha256_of,
    sha256_of_file,
    table_path,
)
from churn_assets.serving.release.reading import open_release
from churn_assets.serving.release.root import Pointer, Root
from churn_assets.serving.release.verifying import verify
from churn_assets.serving.release.words import FeatureWords, ranges

COMPRESSION = "lz4"  # readers load whole tables: quick to decompress counts more than small


@dataclass(frozen=True)
class Contents:
    """What a release holds.

    Attributes:
        about: what it is about.
        tables: name -> rows, each sorted by its key.
        absent: name -> why the table is not there.
        model: the model that gave the current scores.
        words: the features.
        business: see `Release.business`.
        catalogue: see `Release.catalogue`.
        card: file name -> text of the model card; empty when the training left none.
    """

    about: About
    tables: Mapping[str, pa.Table]
    absent: Mapping[str, str]
    model: PortableModel
    words: Sequence[FeatureWords]
    business: Mapping[str, Any]
    catalogue: Mapping[str, Any]
    card: Mapping[str, str]


def release_name(now: datetime, run_id: str) -> str:
    """Name of a release; names sort by time."""
    return f"{now:%Y%m%dT%H%M%SZ}-{run_id[:8]}"


def write_release(root: str, contents: Contents, *, now: datetime, run_id: str, keep: int) -> Manifest:
    """Writes a release, proves it, puts it in force, and removes all but the newest.

    One writer at a time: the caller holds a lock. A writer that is killed leaves the former release in force.

    Args:
        root: path or URI of the releases.
        contents: what it holds.
        now: UTC.
        run_id: the Dagster run.
        keep: how many releases are kept, the new one included; at least 2, since readers may still open the former.

    Raises:
        ReleaseBroken: what was written is not what was to be written; the former release stays in force.
    """
    place = Root(root)
    name, former = release_name(now, run_id), _former(place)
    with place.draft(name) as folder:
        _write(folder, contents)
        manifest = Manifest(
            FORMAT_VERSION,
            name,
            now.isoformat(timespec="seconds"),
            run_id,
            version("churn-assets"),
            former,
            contents.about,
            contents.absent,
            _proofs(folder),
        )
        text = manifest.text().encode()
        write_synced(folder / MANIFEST, text)
        pointer = Pointer(name, sha256_of(text))
        verify(open_release(folder), pointer)
        place.take_in(folder, name)
    place.point_to(pointer)
    others = [old for old in place.names() if old != name]  # the clock may have been set back
    for old in others[: max(len(others) - keep + 1, 0)]:
        place.remove(old)
    return manifest


def _former(place: Root) -> str | None:
    """Name of the release in force; None if there is none, or if nobody can read which."""
    try:
        pointer = place.pointer()
    except ReleaseBroken:
        return None
    return pointer.name if pointer else None


def _write(folder: Path, contents: Contents) -> None:
    """Writes all files but the manifest."""
    (folder / TABLES).mkdir()
    for table, rows in contents.tables.items():
        pq.write_table(rows, folder / table_path(table), compression=COMPRESSION)
    contents.model.save(folder / MODEL)
    observed = ranges(contents.words)
    golden = golden_rows(contents.model, [w.feature for w in contents.words], observed)
    documents: dict[str, Any] = {
        WORDS: [w.as_dict() for w in contents.words],
        BUSINESS: contents.business,
        CATALOGUE: contents.catalogue,
        GOLDEN: golden,
    }
    texts = {name: json.dumps(value, indent=1, allow_nan=False) for name, value in documents.items()}
    for name, text in (texts | dict(contents.card)).items():
        (folder / name).write_text(text, encoding="utf-8")


def _proofs(folder: Path) -> dict[str, FileProof]:
    """Path -> proof of every file below a folder, all of them on the disk."""
    found = {}
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        sync_file(file)
        rows = int(pq.read_metadata(file).num_rows) if file.suffix == ".parquet" else None
        path = file.relative_to(folder).as_posix()
        found[path] = FileProof(sha256_of_file(file), file.stat().st_size, rows)
    for inner in (folder / TABLES, folder / MODEL):
        sync_folder(inner)
    return found
