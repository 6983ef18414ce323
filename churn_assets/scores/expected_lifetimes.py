"""scores/expected_lifetimes: how long each customer of a cohort is expected to stay, by what was known at its date."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.survival.hazard_model import HazardModel, fit_hazards
from churn_assets.ml.survival.lifetimes import HORIZON_MONTHS, Lifetimes, lifetimes
from churn_assets.models.training_frame import KEY_SPACE
from churn_assets.scores.past_snapshots import NoView, Past, clocks_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHOWN_MONTHS = (3, 6, 12)
# Customers of a cohort that are read into memory at once.
BLOCK = 200_000


@dataclass(frozen=True)
class CohortLifetimes:
    """The rows of one cohort, and what they rest on.

    Attributes:
        rows: of scores/expected_lifetimes.
        horizon: months.
        left: customers who left in each step of the rows that the hazards were learned from.
        until: the newest as_of_date that they were learned from.
    """

    rows: "pa.Table"
    horizon: int
    left: tuple[int, ...]
    until: date


def hazards_of(past: Past, business: Business, features: list[str]) -> HazardModel:
    """Returns the hazards learned from the past.

    Raises:
        NoView: too few customers left.
    """
    most = -(-HORIZON_MONTHS // past.step)
    clocks = {name: pace for name, pace in clocks_of(business).items() if name in features}
    seed = business.file.training.seed
    model = fit_hazards(past.landmarks(), features, clocks, past.step, most, seed)
    if model is None:
        raise NoView(f"Too few customers had left by {past.until} to learn from.")
    return model


def cohort_lifetimes(
    lakehouse: Lakehouse, business: Business, past: Past, day: date, features: list[str]
) -> CohortLifetimes:
    """Returns the lifetimes of everybody with a snapshot at `day`, from `past` as known then.

    Raises:
        NoView: too few customers had left.
    """
    import pyarrow as pa

    model = hazards_of(past, business, features)
    parts = [
        _rows(part["customer_key"].to_numpy(dtype=object), lifetimes(model, part[features]), day, past.until)
        for part in _cohort(lakehouse, day, features)
    ]
    horizon = int(parts[0]["horizon_months"][0].as_py())
    return CohortLifetimes(pa.concat_tables(parts), horizon, model.left, past.until)


def _cohort(lakehouse: Lakehouse, day: date, features: list[str]) -> "Iterator[pd.DataFrame]":
    """Yields the snapshots of a cohort in blocks of about BLOCK customers, by ranges of their random keys."""
    import pyarrow.compute as pc

    size = lakehouse.count(tables.CUSTOMER_SNAPSHOTS, pc.field("as_of_date") == day)
    blocks = max(1, -(-size // BLOCK))
    bounds = [f"{KEY_SPACE * at // blocks:08x}" for at in range(1, blocks)]
    for low, high in zip(["", *bounds], [*bounds, None], strict=True):
        chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day), ("customer_key", ">=", low)]
        chosen += [("customer_key", "<", high)] if high else []
        found = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, ["customer_key", *features], chosen)
        if found.num_rows:
            yield found.sort_by("customer_key").to_pandas()


def _rows(keys: "np.ndarray", found: Lifetimes, day: date, until: date) -> "pa.Table":
    import pyarrow as pa

    count = len(keys)
    values = {
        "customer_key": pa.array(keys, pa.string()),
        "as_of_date": pa.array([day] * count, pa.date32()),
        "expected_months": pa.array(found.months),
        "expected_months_low": pa.array(found.low),
        "expected_months_high": pa.array(found.high),
        "horizon_months": pa.array(np.full(count, found.horizon), pa.int32()),
    }
    for months in SHOWN_MONTHS:
        after = found.after(months)
        values[f"survival_{months}m"] = pa.nulls(count, pa.float64()) if after is None else pa.array(after)
    values["learned_until"] = pa.array([until] * count, pa.date32())
    return pa.table(values)
