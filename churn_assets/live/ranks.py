"""Where a customer stands among all by risk and by value: what deciles and tiers are made of, as of now."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_assets.contracts.segments import Segments
from churn_assets.ml.metrics.array_tiers import rank_deciles, rank_tiers

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "customer_key"


class Ranks:
    """Raw score and value of all customers, in arrays: to rank them in the engine would send all of them each time."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Takes everybody who can have a score; nobody has one yet."""
        self._places = {key: place for place, key in enumerate(sorted({*keys}))}
        self._has = np.zeros(len(self._places), bool)
        self._raw, self._value = np.zeros(len(self._places)), np.zeros(len(self._places))

    def leave_out(self, keys: Iterable[str]) -> None:
        """Takes the scores of these customers away."""
        self._has[self._of(key for key in keys if key in self._places)] = False

    def put(self, rows: "pa.Table") -> None:
        """Replaces scores: customer_key, raw, and value, which may be missing and then ranks lowest."""
        places = self._of(rows[KEY].to_pylist())
        value = rows["value"].cast("double").to_numpy(zero_copy_only=False)
        self._raw[places] = rows["raw"].to_numpy(zero_copy_only=False)
        self._value[places] = np.where(np.isnan(value), -np.inf, value)
        self._has[places] = True

    def beside(self, rows: "pa.Table", rules: Segments) -> "pa.Table":
        """Rows of customers who have a score, with decile, risk_tier and value_tier; the key breaks ties."""
        import pyarrow as pa

        here = np.flatnonzero(self._has)
        mine = np.searchsorted(here, self._of(rows[KEY].to_pylist()))
        raw, value = self._raw[here], self._value[here]
        found: Sequence[tuple[str, Any, pa.DataType]] = (
            ("decile", rank_deciles(raw, here), pa.int32()),
            ("risk_tier", rank_tiers(raw, here, rules.risk.bounds), pa.string()),
            ("value_tier", rank_tiers(value, here, rules.value.bounds), pa.string()),
        )
        for name, ranks, kind in found:
            rows = rows.append_column(name, pa.array(ranks[mine].tolist(), kind))
        return rows

    def _of(self, keys: Iterable[str]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        return np.fromiter((self._places[key] for key in keys), np.int64)
