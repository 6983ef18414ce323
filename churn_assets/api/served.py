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

from churn_assets.api.campaign import PLAN, PlannedOffers
from churn_assets.api.columns import coded, find, fixed_width, in_one_piece
from churn_assets.api.current import UNKNOWN, CurrentScores
from churn_assets.api.local_copy import ALERTS, CURRENT, CURRENT_SNAPSHOTS, SMALL
from churn_assets.api.whole_rows import WholeRows
from churn_assets.ml.portable.reasons_in_words import Wording
from churn_assets.ml.portable.scored import REASON_NAMES, typical_values
from churn_assets.ml.portable.transformation import CategoryColumn, columns_of
from churn_assets.serving.release.golden import is_same
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import open_release
from churn_assets.serving.release.words import not_scored_now

SCORED = "scored"


class Served:
    """One release, ready to answer. It never changes; a new release is another object.

    Attributes:
        customers: one row per customer who did not object, sorted by customer_key.
        keys: their keys as bytes.
        current: the current scores; None where the release holds none.
        plan: the plan of the newest campaign; None where the release holds none.
        alerts: one row per alert; None where the release holds none.
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
        self.current = self._current(folder)
        self.plan = PlannedOffers(_mapped(folder, PLAN)) if self.release.has(PLAN) else None
        self.alerts = _mapped(folder, ALERTS) if self.release.has(ALERTS) else None
        self.scores = _mapped(folder, "scores")
        self._score_keys = fixed_width(self.scores["customer_key"])
        self._objections = fixed_width(_mapped(folder, "objections")["customer_key"])
        self.model = self.release.model
        self.names = self.model.transformation.features
        self._snapshots = self._newest_first(folder)
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
        self._columns = {name: in_one_piece(self.customers[name]) for name in self.customers.column_names}
        self._codes: dict[tuple[str, bool], tuple[NDArray[np.int32], dict[str, int]]] = {}
        self._values: dict[str, NDArray[np.float64]] = {}
        self._ranked: dict[str, NDArray[np.intp]] = {}
        self._history = {
            name: in_one_piece(self.scores[name])
            for name in ("as_of_date", "probability", "decile", "model_version")
        }
        has = {name for name in SMALL if self.release.has(name)}
        self.small = {name: self.release.table(name).to_pylist() if name in has else [] for name in SMALL}
        self.card = self.release.card

    def _newest_first(self, folder: Path) -> list[tuple[str, pa.Table, NDArray[np.bytes_]]]:
        """Day, table and keys of the snapshots that hold the model's features: those of this morning come first."""
        found = []
        if self.current is not None and self.release.has(CURRENT_SNAPSHOTS):
            found.append((self.current.about.as_of_date, _mapped(folder, CURRENT_SNAPSHOTS)))
        found.append((self.manifest.about.as_of_date, _mapped(folder, "snapshots")))
        whole = [(day, table) for day, table in found if set(self.names) <= set(table.column_names)]
        return [(day, table, fixed_width(table["customer_key"])) for day, table in whole]

    def _current(self, folder: Path) -> CurrentScores | None:
        about = self.manifest.about.current
        return None if about is None else CurrentScores(_mapped(folder, CURRENT), about, self.keys)

    def why_not_current(self) -> str:
        """Why somebody has no current score, as a sentence."""
        if self.current is None:
            why = self.manifest.absent.get(CURRENT, "this release was made before they were")
            return f"The release holds no current scores: {why}."
        return not_scored_now(self.current.about.as_of_date)

    def stale(self, today: date | None = None) -> bool:
        """Whether newer scores are overdue."""
        return _is_over(self.manifest.about.stale_from, today)

    @property
    def current_as_of(self) -> str | None:
        """The day of the current scores; None without any."""
        return self.current.about.as_of_date if self.current is not None else None

    def current_stale(self, today: date | None = None) -> bool | None:
        """Whether newer current scores are overdue; None without any."""
        return None if self.current is None else _is_over(self.current.about.stale_from, today)

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

    def snapshot(self, customer_key: str) -> tuple[date, dict[str, Any]] | None:
        """The day and the values of the model's features in the newest snapshot of a customer; None without one."""
        for day, table, keys in self._snapshots:
            if (place := find(keys, customer_key)) is not None:
                return date.fromisoformat(day), {name: table[name][place].as_py() for name in self.names}
        return None

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
    def by_key(self) -> NDArray[np.intp]:
        """Rows of the scored customers by key."""
        return np.flatnonzero(pc.equal(self._columns["status"], SCORED).to_numpy(zero_copy_only=False))

    def values(self, sort: str) -> NDArray[np.float64]:
        """What a sort goes by, for each row of `customers`; NaN or UNKNOWN where there is no value.

        Raises:
            KeyError: there are no current scores, or no such sort.
        """
        if sort not in self._values:
            found: NDArray[np.float64]
            if sort == "probability":
                found = self._columns["raw"].to_numpy(zero_copy_only=False)
            elif self.current is not None:
                found = np.full(len(self.keys), UNKNOWN)
                found[self.current.places] = self.current.values(sort)
            else:
                raise KeyError(sort)
            self._values[sort] = found
        return self._values[sort]

    def ranked(self, sort: str) -> NDArray[np.intp]:
        """Rows of the customers with a score, or with a current one, the greatest value first, of equal ones the
        smaller key.
        """
        if sort not in self._ranked:
            values = self.values(sort)
            rows = self.by_key if sort == "probability" or self.current is None else self.current.places
            self._ranked[sort] = rows[np.argsort(-values[rows], kind="stable")]
        return self._ranked[sort]

    def codes(self, name: str, of_current: bool = False) -> tuple[NDArray[np.int32], dict[str, int]]:
        """A column of texts as numbers, with the number of each text; -1 where there is none.

        Args:
            name: of the column.
            of_current: of the current scores, in the rows of `customers`; else of `customers` itself.
        """
        key = (name, of_current)
        if key not in self._codes:
            if of_current and self.current is not None:
                numbers, known = coded(self.current.column(name))
                whole = np.full(len(self.keys), -1, np.int32)
                whole[self.current.places] = numbers
                self._codes[key] = whole, known
            else:
                self._codes[key] = coded(self._columns[name])
        return self._codes[key]


def _is_over(until: str | None, today: date | None) -> bool:
    return until is not None and (today or datetime.now(UTC).date()) >= date.fromisoformat(until)


def _mapped(folder: Path, table: str) -> pa.Table:
    try:
        return pa.ipc.open_file(pa.memory_map(str(folder / f"{table}.arrow"))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise ReleaseBroken(
            f"{table}.arrow of {folder.name} cannot be read ({type(error).__name__})."
        ) from None
