"""The manifest of a backup: what it holds, file by file and table by table, and what it does not hold."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, Literal

FORMAT = 1
# Beside the stores of the home: what belongs to the backup and lies elsewhere in a living installation.
BESIDE = "restored"
MANIFEST, GOLDEN = f"{BESIDE}/manifest.json", f"{BESIDE}/golden.json"
BUSINESS, SETTINGS, PACKAGES = f"{BESIDE}/business", f"{BESIDE}/settings.env", f"{BESIDE}/packages.txt"
MLFLOW_DUMP, DAGSTER_DUMP = f"{BESIDE}/mlflow.dump", f"{BESIDE}/dagster.dump"
Part = Literal["models", "lake", "config"]
PARTS: Mapping[Part, tuple[str, ...]] = {
    "models": ("mlflow.db", "mlartifacts", MLFLOW_DUMP, GOLDEN),
    "lake": ("lake", "landing"),
    "config": ("dagster/dagster.yaml", "api/keys.json", BUSINESS, SETTINGS, PACKAGES),
}


class NotAManifest(ValueError):
    """A file is no manifest that this release can read."""


@dataclass(frozen=True)
class HeldFile:
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class HeldTable:
    """A table at the version that was pinned.

    Attributes:
        version: of Delta.
        rows: their number.
        checksum: of all values, whatever the order of the rows; see `contents.Digest`.
        types: column -> Delta type.
        log: SHA-256 over the log up to that version: equal log, equal content.
    """

    version: int
    rows: int
    checksum: str
    types: dict[str, str]
    log: str


@dataclass(frozen=True)
class HeldModel:
    """A registered model version; `folder` is that of the portable model, below the artifacts."""

    name: str
    version: str
    folder: str


@dataclass(frozen=True)
class BackupManifest:
    """What one backup holds.

    Attributes:
        made_at: when the copy was made, UTC, ISO 8601: what came later is not in it.
        home: the folder that was copied.
        business: its name.
        software: version of this software.
        git_revision: of its checkout; empty if it was installed otherwise.
        files: path below the home -> file.
        tables: path of a table -> table.
        models: the registered versions.
        aliases: model -> alias -> version.
        champions: the timeline: from which date on which version.
        runs: Dagster run -> status.
        schedules: schedule or sensor -> its status and cursor, as SHA-256.
        mlflow_runs: number of runs in MLflow.
        audit: chain, sequence and hash of the last record of the audit; empty without any.
        unsettled: what ran or changed while the copy was made, in words.
        dumps: dump of a PostgreSQL -> table -> number of rows.
        not_held: place -> why the backup does not hold it, although it is worth it.
    """

    made_at: str
    home: str
    business: str
    software: str
    git_revision: str
    files: dict[str, HeldFile]
    tables: dict[str, HeldTable]
    models: list[HeldModel]
    aliases: dict[str, dict[str, str]]
    champions: list[tuple[str, str]]
    runs: dict[str, str]
    schedules: dict[str, str]
    mlflow_runs: int
    audit: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    dumps: dict[str, dict[str, int]] = field(default_factory=dict)
    not_held: dict[str, str] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When the copy was made."""
        return datetime.fromisoformat(self.made_at)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    def files_of(self, part: Part | None) -> dict[str, HeldFile]:
        """The files of a part; None: all."""
        return {
            path: file for path, file in self.files.items() if part is None or is_below(path, PARTS[part])
        }

    def to_json(self) -> bytes:
        """The manifest as it is written."""
        return json.dumps({"format": FORMAT} | vars(self), default=vars, indent=1, sort_keys=True).encode()


def is_below(path: str, places: Iterable[str]) -> bool:
    """Whether a path is one of these places or lies below one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def read_manifest(content: bytes) -> BackupManifest:
    """The manifest of a file's content.

    Raises:
        NotAManifest: it is none, or of a later release.
    """
    try:
        stored: dict[str, Any] = json.loads(content)
        if stored.pop("format") != FORMAT:
            raise NotAManifest("the manifest is of another release; restore with the release that wrote it")
        files = {path: HeldFile(**one) for path, one in stored.pop("files").items()}
        tables = {path: HeldTable(**one) for path, one in stored.pop("tables").items()}
        models = [HeldModel(**one) for one in stored.pop("models")]
        champions = [(str(start), str(version)) for start, version in stored.pop("champions")]
        return BackupManifest(files=files, tables=tables, models=models, champions=champions, **stored)
    except NotAManifest:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAManifest(f"the manifest cannot be read ({type(error).__name__})") from error


def digest(file: Path) -> HeldFile:
    """Size and SHA-256 of a file on this machine."""
    with file.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest()
        return HeldFile(content.tell(), found)
