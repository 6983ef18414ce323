"""The current scores of a release, as the calls tell them."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

from churn_assets.api.columns import find, fixed_width, in_one_piece
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.serving.release.manifest import CurrentDay, ReleaseBroken

# Change that is told -> column with the probability before it.
CHANGES = {
    "day": "probability_day_before",
    "week": "probability_week_before",
    "month_end": "probability_month_end",
}
PROBABILITY = "current_probability"
SORTS = {f"change_{change}": column for change, column in CHANGES.items()}
FILTERS = ("risk_tier", "segment", "driver")
TOLD = "told"
UNKNOWN = -2.0  # below every probability and every change: what is not known comes last


def with_answers(rows: pa.Table) -> pa.Table:
    """The rows with a column TOLD: what is told of each customer, as JSON. Made once, so that no call has to."""
    told = [
        to_json(_answer(row), inf_nan_mode="null") for row in rows.drop_columns("customer_key").to_pylist()
    ]
    return rows.append_column(TOLD, pa.array(told, pa.binary()))


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its reasons as one list, and the changes in place of the probabilities before."""
    reasons = [row.pop(name) for name in REASON_NAMES]
    now = row["probability"]
    before = {change: row.pop(column) for change, column in CHANGES.items()}
    changes = {change: None if was is None else now - was for change, was in before.items()}
    return row | {"reasons": [reason for reason in reasons if reason is not None], "changes": changes}


class CurrentScores:
    """The customers with a current score, sorted by customer_key.

    Attributes:
        about: the day and the model.
        keys: their keys as bytes.
        places: the row of each among all customers of the release.
    """

    def __init__(self, rows: pa.Table, about: CurrentDay, customers: NDArray[np.bytes_]) -> None:
        """Takes the rows of the local copy, and the keys of all customers of the release, sorted.

        Raises:
            ReleaseBroken: one of them is no customer of the release.
        """
        self.about = about
        self.keys = fixed_width(rows["customer_key"])
        self.places: NDArray[np.intp] = np.searchsorted(customers, self.keys)
        if len(self.keys) and not (customers[np.minimum(self.places, len(customers) - 1)] == self.keys).all():
            raise ReleaseBroken("A customer with a current score is not among the customers.")
        self._told = in_one_piece(rows[TOLD])
        self._columns = {
            name: in_one_piece(rows[name]) for name in (*FILTERS, "probability", *CHANGES.values())
        }

    def of(self, customer_key: str) -> dict[str, Any] | None:
        """What is told of a customer; None without a current score."""
        place = find(self.keys, customer_key)
        return None if place is None else from_json(self._told[place].as_py())

    def column(self, name: str) -> pa.Array:
        """One of FILTERS, in the order of the keys."""
        return self._columns[name]

    def values(self, sort: str) -> NDArray[np.float64]:
        """What a sort goes by, in the order of the keys: the probability or its change; UNKNOWN without a value.

        Raises:
            KeyError: there is no such sort.
        """
        now: NDArray[np.float64] = self._columns["probability"].to_numpy(zero_copy_only=False)
        if sort == PROBABILITY:
            return now
        before = self._columns[SORTS[sort]].cast(pa.float64()).to_numpy(zero_copy_only=False)
        found: NDArray[np.float64] = np.nan_to_num(now - before, nan=UNKNOWN)
        return found
