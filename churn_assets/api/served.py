"""A release as the service holds it: large tables memory-mapped, shared by all workers, small ones in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.api.local_copy import SMALL
from churn_assets.api.whole_rows import WholeRows
from churn_assets.ml.portable.reasons_in_words import Wording
from churn_assets.ml.portable.scored import REASON_NAMES, typical_values
from churn_assets.ml.portable.transformation import CategoryColumn, columns_of
from churn_assets.serving.release.golden import is_same
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import open_release

SCORED = "scored"


class Served:
    """One release, ready to answer. It never changes; a new release is another object.

    Attributes:
        customers: one row per customer who did not object, sorted by customer_key.
        keys: their keys as bytes.
        scores: of all cohorts, sorted by customer_key and as_of_date.
        small: the small tables as rows; a table that the release does not hold has none.
        card: the model card as Markdown.
    """

    def __init__(self, folder: Path) -> None:
        """Opens a local copy.

        Raises:
            ReleaseBroken: it is not whole.
        """
        self.release = open_release(folder)
        self.manifest, self.name = self.release.manifest, self.release.name
        self.customers = _mapped(folder, "customers")
        self.keys = fixed_width(self.customers["customer_key"])
        self.scores = _mapped(folder, "scores")
        self._score_keys = fixed_width(self.scores["customer_key"])
        self.snapshots = _mapped(folder, "snapshots")
        self._snapshot_keys = fixed_width(self.snapshots["customer_key"])
        self._objections = fixed_width(_mapped(folder, "objections")["customer_key"])
        self.model = self.release.model
        self.names = self.model.transformation.features
        self.words = {w.feature.name: w for w in self.release.words}
        known = set(self.names)
        self.features = [w.feature for w in self.release.words if w.feature.name in known]
        self._wording = Wording(self.names, self.features, typical_values(self.model))
        self.categories = {
            p.feature for p in self.model.transformation.parts if isinstance(p, CategoryColumn)
        }
        self.whole_rows = WholeRows(self.names, self.categories)
        self.ranges = self.release.ranges
        self.version = self.manifest.about.model_version
        self.as_of_date = self.manifest.about.as_of_date
        self._columns = {name: _whole(self.customers[name]) for name in self.customers.column_names}
        self._codes: dict[str, tuple[NDArray[np.int32], dict[str, int]]] = {}
        self._history = {
            name: _whole(self.scores[name])
            for name in ("as_of_date", "probability", "decile", "model_version")
        }
        has = {name for name in SMALL if self.release.has(name)}
        self.small = {name: self.release.table(name).to_pylist() if name in has else [] for name in SMALL}
        self.card = self.release.card

    def stale(self, today: date | None = None) -> bool:
        """Whether newer scores are overdue."""
        until = self.manifest.about.stale_from
        return until is not None and (today or datetime.now(UTC).date()) >= date.fromisoformat(until)

    def place(self, customer_key: str) -> int | None:
        """Row of a customer in `customers`; None if there is no such customer."""
        return find(self.keys, customer_key)

    def objected(self, customer_key: str) -> bool:
        """Whether the customer objected to profiling."""
        return find(self._objections, customer_key) is not None

    def row(self, place: int) -> dict[str, Any]:
        """One row of `customers`."""
        return {name: column[place].as_py() for name, column in self._columns.items()}

    def history(self, customer_key: str) -> list[dict[str, Any]]:
        """The scores of a customer at each as_of_date, the oldest first."""
        key = customer_key.encode()
        first = int(np.searchsorted(self._score_keys, key, "left"))
        end = int(np.searchsorted(self._score_keys, key, "right"))
        parts = {name: column.slice(first, end - first).to_pylist() for name, column in self._history.items()}
        return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]

    def snapshot(self, customer_key: str) -> dict[str, Any] | None:
        """The values of the model's features for a customer; None if there is no snapshot."""
        place = find(self._snapshot_keys, customer_key)
        return None if place is None else {name: self.snapshots[name][place].as_py() for name in self.names}

    def explained(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Raw score, probability, reasons and driver of rows of feature values."""
        return self.explained_columns(columns_of(self.model.transformation, rows), len(rows))

    def explained_columns(self, columns: Mapping[str, NDArray[Any]], rows: int) -> list[dict[str, Any]]:
        """The same of columns, see `Transformation.matrix`."""
        found = self.model.evaluate(columns, rows)
        said = self._wording.reasons(columns, found.contributions)
        drivers = self._wording.drivers(found.contributions)
        parts = zip(
            found.raw.tolist(), found.probability.tolist(), said.tolist(), drivers.tolist(), strict=True
        )
        return [
            {
                "probability": probability,
                "raw": raw,
                "reasons": [r for r in words if r is not None],
                "driver": driver,
            }
            for raw, probability, words, driver in parts
        ]

    def require_golden(self) -> None:
        """Answers the golden rows.

        Raises:
            ReleaseBroken: an answer differs from that of the writer.
        """
        golden = self.release.golden
        answers = self.explained([row["features"] for row in golden])
        for number, (row, answer) in enumerate(zip(golden, answers, strict=True), start=1):
            if not is_same(row, answer | dict(zip_longest(REASON_NAMES, answer["reasons"]))):
                raise ReleaseBroken(f"The model of {self.name} answers golden row {number} otherwise.")

    @cached_property
    def raw(self) -> NDArray[np.float64]:
        """Raw score of each customer; NaN without one."""
        found: NDArray[np.float64] = self._columns["raw"].to_numpy(zero_copy_only=False)
        return found

    @cached_property
    def by_key(self) -> NDArray[np.intp]:
        """Rows of the scored customers by key."""
        return np.flatnonzero(pc.equal(self._columns["status"], SCORED).to_numpy(zero_copy_only=False))

    @cached_property
    def by_risk(self) -> NDArray[np.intp]:
        """Rows of the scored customers, the riskiest first, of equal ones the smaller key."""
        found: NDArray[np.intp] = self.by_key[np.argsort(-self.raw[self.by_key], kind="stable")]
        return found

    def codes(self, name: str) -> tuple[NDArray[np.int32], dict[str, int]]:
        """A column of texts as numbers, with the number of each text; -1 where there is none."""
        if name not in self._codes:
            encoded = self._columns[name].dictionary_encode()
            numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
            self._codes[name] = numbers, {text: at for at, text in enumerate(encoded.dictionary.to_pylist())}
        return self._codes[name]


def find(keys: NDArray[np.bytes_], wanted: str) -> int | None:
    """Position of a key among sorted keys; None if it is not there."""
    try:
        key = wanted.encode("ascii")
    except UnicodeEncodeError:
        return None
    place = int(np.searchsorted(keys, key))
    return place if place < len(keys) and keys[place] == key else None


def fixed_width(column: pa.ChunkedArray) -> NDArray[np.bytes_]:
    """Texts as bytes; keys of one length are not copied out of the mapped file."""
    array = _whole(column)
    if len(array) and pa.types.is_string(array.type) and not array.null_count:
        _, offsets_buffer, data = array.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
        widths = np.diff(offsets)
        if (widths == widths[0]).all() and widths[0]:
            whole = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
            return whole.view(f"S{widths[0]}")
    return np.array(array.to_pylist(), dtype="S" if len(array) else "S1")


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece. One chunk stays in the mapped file; `combine_chunks` would copy it."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _mapped(folder: Path, table: str) -> pa.Table:
    try:
        return pa.ipc.open_file(pa.memory_map(str(folder / f"{table}.arrow"))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise ReleaseBroken(
            f"{table}.arrow of {folder.name} cannot be read ({type(error).__name__})."
        ) from None
