"""The manifest of a release: what it holds, with the size and the SHA-256 of each file."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT_VERSION = 2  # 1: a feature has one text
MANIFEST = "manifest.json"
TABLES, MODEL = "tables", "model"
WORDS, BUSINESS, CATALOGUE, GOLDEN = "words.json", "business.json", "catalogue.json", "golden.json"
CARD = "model_card.md"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-z]{1,36}")


class ReleaseBroken(RuntimeError):
    """A release is not whole, or not what its manifest says; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class FileProof:
    """One file of a release: its SHA-256, its size, and of a table its number of rows."""

    sha256: str
    bytes: int
    rows: int | None = None


@dataclass(frozen=True)
class CurrentDay:
    """The current scores of a release: those of the newest whole day that is known.

    Attributes:
        as_of_date: of these scores; ISO, like all days here.
        model_version: that gave them. It may be a later one than that of the newest cohort.
        known_until: the day up to which every source is known; None if one is not known at all.
        stale_from: from this day on newer current scores are overdue; None when none are expected any more.
        customers: how many have a current score.
    """

    as_of_date: str
    model_version: str
    known_until: str | None
    stale_from: str | None
    customers: int


@dataclass(frozen=True)
class About:
    """What a release is about.

    Attributes:
        business: name of the business.
        model_version, trained_as_of: the model that gave the current scores, and the day that it was trained as of.
        as_of_date: of the current scores; ISO, like all days here.
        as_of_dates: of all scores, ascending.
        known_until: the day up to which the lake knows every source; None if a source lacks its first month.
        stale_from: from this day on newer scores are overdue; None when none are expected any more.
        counts: customers by status, and how many objected to profiling.
        current: the current scores; None where `Manifest.absent` says why there are none.
    """

    business: str
    model_version: str
    trained_as_of: str
    as_of_date: str
    as_of_dates: Sequence[str]
    known_until: str | None
    stale_from: str | None
    counts: Mapping[str, int]
    current: CurrentDay | None = None


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        format_version: of the layout.
        name: of the release, which is also the name of its folder.
        created_at: ISO, UTC.
        run_id: the Dagster run that wrote it.
        package_version: of the software that wrote it.
        previous: the release that was in force before; None for the first.
        about: what the release is about.
        absent: table -> why the release does not hold it.
        files: path inside the release -> its proof; the manifest itself is not among them.
    """

    format_version: int
    name: str
    created_at: str
    run_id: str
    package_version: str
    previous: str | None
    about: About
    absent: Mapping[str, str]
    files: Mapping[str, FileProof]

    @property
    def tables(self) -> list[str]:
        """Names of the tables that the release holds."""
        return sorted(Path(path).stem for path in self.files if path.startswith(f"{TABLES}/"))

    def text(self) -> str:
        """The manifest as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False)

    @classmethod
    def parse(cls, content: bytes) -> "Manifest":
        """Inverse of `text`.

        Raises:
            ReleaseBroken: it is no manifest, or one of another format.
        """
        try:
            stored: dict[str, Any] = json.loads(content)
            found = stored["format_version"]
            if found != FORMAT_VERSION:
                raise ReleaseBroken(
                    f"{MANIFEST} has the format {found}; this software reads {FORMAT_VERSION}. Publish the release "
                    "again."
                )
            files = {path: FileProof(**entry) for path, entry in stored["files"].items()}
            manifest = cls(**{**stored, "about": _about(stored["about"]), "files": files})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReleaseBroken(f"{MANIFEST} cannot be read ({type(error).__name__}).") from None
        outside = [path for path in files if not _lies_inside(path)]
        if outside or not NAME.fullmatch(manifest.name):
            raise ReleaseBroken(f"{MANIFEST} names a file outside of the release.")
        return manifest


def _about(stored: Mapping[str, Any]) -> About:
    """A release that an earlier version of this software wrote does not name its current scores: it has none."""
    current = stored.get("current")
    return About(**{**stored, "current": None if current is None else CurrentDay(**current)})


def _lies_inside(path: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*\.[a-z]+", path))


def table_path(name: str) -> str:
    """Path of a table inside a release."""
    return f"{TABLES}/{name}.parquet"


def sha256_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(file: Path) -> str:
    """SHA-256 of a file in hexadecimal digits; read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
