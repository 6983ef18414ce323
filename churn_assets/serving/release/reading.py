"""Reads a release: its tables, its model and its words. Nothing is loaded before it is asked for."""

import atexit
import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zipfile import BadZipFile

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.what_if import Observed
from churn_assets.serving.release.manifest import (
    BUSINESS,
    CARD,
    CATALOGUE,
    GOLDEN,
    MANIFEST,
    MODEL,
    WORDS,
    Manifest,
    ReleaseBroken,
    table_path,
)
from churn_assets.serving.release.root import STATUS, Pointer, Root
from churn_assets.serving.release.words import FeatureWords, ranges

# Columns of `rows` in STATUS.json: a line per source and month.
STATUS_ROWS = (
    "source",
    "extract_month",
    "delivered",
    "accepted",
    "duplicate",
    "quarantined",
    "whole",
    "balances",
)


class Release:
    """An opened release. It is not proved; see `verifying.verify`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def name(self) -> str:
        """Name of the release."""
        return self.manifest.name

    @property
    def tables(self) -> list[str]:
        """Names of its tables."""
        return self.manifest.tables

    def has(self, name: str) -> bool:
        """Whether it holds a table."""
        return table_path(name) in self.manifest.files

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some of its columns.

        Raises:
            ReleaseBroken: the release does not hold it; the message says why.
        """
        if not self.has(name):
            why = self.manifest.absent.get(name, "it is no table of a release")
            raise ReleaseBroken(f"The release {self.name} holds no table {name}: {why}.")
        try:
            return pq.read_table(self.folder / table_path(name), columns=list(columns) if columns else None)
        except (OSError, pa.ArrowInvalid) as error:
            raise ReleaseBroken(
                f"{table_path(name)} of {self.name} cannot be read ({type(error).__name__})."
            ) from None

    @cached_property
    def model(self) -> PortableModel:
        """The model that gave the current scores."""
        try:
            return PortableModel.load(self.folder / MODEL)
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise ReleaseBroken(
                f"The model of {self.name} cannot be read ({type(error).__name__})."
            ) from None

    @cached_property
    def words(self) -> tuple[FeatureWords, ...]:
        """The features with their words, in declared order."""
        return tuple(FeatureWords.from_dict(entry) for entry in self._json(WORDS))

    @property
    def features(self) -> list[Feature]:
        """The declared features."""
        return [w.feature for w in self.words]

    @property
    def ranges(self) -> dict[str, Observed]:
        """Actionable feature -> values that a what-if question may use."""
        return ranges(self.words)

    @property
    def golden(self) -> list[dict[str, Any]]:
        """The golden rows."""
        found: list[dict[str, Any]] = self._json(GOLDEN)
        return found

    @property
    def business(self) -> dict[str, Any]:
        """Name, windows, label, eligibility and segments of the business."""
        found: dict[str, Any] = self._json(BUSINESS)
        return found

    @property
    def catalogue(self) -> dict[str, Any]:
        """Table -> its grain and the meaning of its columns."""
        found: dict[str, Any] = self._json(CATALOGUE)
        return found

    @property
    def card(self) -> str:
        """The model card as Markdown; empty when the training left none."""
        return (self.folder / CARD).read_text(encoding="utf-8") if CARD in self.manifest.files else ""

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError) as error:
            raise ReleaseBroken(f"{name} of {self.name} cannot be read ({type(error).__name__}).") from None


def open_release(folder: Path) -> Release:
    """Opens a release by its manifest.

    Raises:
        ReleaseBroken: there is no manifest that can be read.
    """
    try:
        manifest = Manifest.parse((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise ReleaseBroken(f"{MANIFEST} of {folder.name} cannot be read ({type(error).__name__}).") from None
    return Release(folder, manifest)


def open_kept(place: Root, name: str) -> Release:
    """Opens a release of this machine where it lies, and one of an object store in a copy that ends with the process.

    Raises:
        ReleaseBroken: see `open_release`.
    """
    if place.local is not None:
        return open_release(place.folder(name, place.local))
    cache = Path(mkdtemp(prefix="release_"))
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    return open_release(place.folder(name, cache))


def current_release(root: str) -> Pointer | None:
    """Names the release in force; reads nothing else. None before the first release."""
    return Root(root).pointer()


def local_copy(root: str, pointer: Pointer, cache: Path) -> Path:
    """The folder of a release on this machine; see `Root.folder`."""
    return Root(root).folder(pointer.name, cache)


def read_status(root: str) -> dict[str, Any] | None:
    """What serving/status said last; None before its first run."""
    content = Root(root).read(STATUS)
    if content is None:
        return None
    found: dict[str, Any] = json.loads(content)
    return found
