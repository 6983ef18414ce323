"""The proof of a release: every file is what the manifest says, and the model answers the golden rows as it did."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.serving.release.golden import ROWS, differing
from churn_assets.serving.release.manifest import MANIFEST, FileProof, ReleaseBroken, sha256_of_file
from churn_assets.serving.release.reading import Release
from churn_assets.serving.release.root import Pointer


def verify(release: Release, pointer: Pointer | None = None) -> None:
    """Proves a release: manifest, sizes, SHA-256, number of rows, golden rows.

    Args:
        release: as opened.
        pointer: what names it, if something does; its manifest must then be the one that the pointer names.

    Raises:
        ReleaseBroken: it is not whole; names the first file that differs.
    """
    manifest = release.folder / MANIFEST
    if pointer is not None and (pointer.name, pointer.manifest_sha256) != (
        release.name,
        sha256_of_file(manifest),
    ):
        raise ReleaseBroken(f"The manifest of {release.name} is not the one that was published.")
    lying = {f.relative_to(release.folder).as_posix() for f in release.folder.rglob("*") if f.is_file()} - {
        MANIFEST
    }
    declared = release.manifest.files
    for path in sorted(lying ^ declared.keys()):
        told = "is missing" if path in declared else "is not in its manifest"
        raise ReleaseBroken(f"{path} of {release.name} {told}.")
    for path, proof in declared.items():
        _require_same(release, path, proof)
    golden = release.golden
    if len(golden) != ROWS:
        raise ReleaseBroken(f"{release.name} has {len(golden)} golden rows, not {ROWS}.")
    if others := differing(golden, release.model, release.features):
        raise ReleaseBroken(
            f"The model of {release.name} answers {len(others)} of {ROWS} golden rows otherwise, first row "
            f"{others[0] + 1}."
        )


def _require_same(release: Release, path: str, proof: FileProof) -> None:
    file = release.folder / path
    if file.stat().st_size != proof.bytes or sha256_of_file(file) != proof.sha256:
        raise ReleaseBroken(f"{path} of {release.name} was changed after it was published.")
    if proof.rows is not None and (found := rows_of(file)) != proof.rows:
        raise ReleaseBroken(f"{path} of {release.name} has {found} rows; its manifest says {proof.rows}.")


def rows_of(file: Path) -> int:
    """Number of rows of a Parquet file, from its footer.

    Raises:
        ReleaseBroken: it is no Parquet file.
    """
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowInvalid):
        raise ReleaseBroken(f"{file.name} is no Parquet file.") from None
