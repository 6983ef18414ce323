"""Reference distribution of features and scores in training, and the drift of a later month against it.

Only deciles, frequent categories and missing rates are stored: no rows and no extreme values of single customers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from churn_assets.ml.portable.transformation import (
    MINIMUM_CATEGORY_ROWS,
    OTHER,
    categories,
    is_numeric,
    numbers,
)

BINS = 10
# Lower bound of a share, so that an empty bin does not make the index infinite.
SHARE_FLOOR = 1e-4
Reference = dict[str, dict[str, Any]]


def reference_statistics(frame: pd.DataFrame, columns: Sequence[str]) -> Reference:
    """Bins of each column and the share of rows in each bin; plain JSON.

    Numeric: inner edges at the deciles (fewer if values repeat). Categorical: categories with at least
    MINIMUM_CATEGORY_ROWS rows, and "(other)". `missing` is the share of missing values. Bin shares are of all rows; the
    last bin contains the missing values.

    Raises:
        KeyError: a column is absent.
        ValueError: no rows.
    """
    if frame.empty:
        raise ValueError("no rows to take reference statistics from")
    result: Reference = {}
    for name in columns:
        series = frame[name]
        if is_numeric(series):
            values = numbers(series)
            present = values[~np.isnan(values)]
            edges = (
                np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if present.size else np.array([])
            )
            entry: dict[str, Any] = {"kind": "numeric", "edges": [float(edge) for edge in edges]}
        else:
            counts = pd.Series(categories(series[series.notna()])).value_counts()
            frequent = sorted(str(value) for value, count in counts.items() if count >= MINIMUM_CATEGORY_ROWS)
            entry = {"kind": "categorical", "categories": frequent}
        shares = _shares(series, entry)
        result[name] = {**entry, "shares": shares, "missing": shares[-1]}
    return result


def drift(reference: Reference, frame: pd.DataFrame, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Population stability index and Jensen-Shannon distance of each column against the reference.

    PSI = sum over bins of (now - then) * ln(now / then); missing values are a bin of their own. By convention a PSI
    below 0.1 is stable and above 0.25 a shift. The distance (Endres and Schindelin 2003, doi 10.1109/TIT.2003.813506;
    base 2) ranges from 0 (equal shares) to 1 (no bin in common); unlike the PSI it is bounded.

    Returns:
        One row per column: feature, psi, js_distance, missing_rate, reference_missing_rate.

    Raises:
        KeyError: a column of the reference is absent.
        ValueError: no rows.
    """
    if frame.empty:
        raise ValueError("no rows to compare with the reference statistics")
    from scipy.spatial.distance import jensenshannon

    rows = []
    for name in reference if columns is None else columns:
        shares = _shares(frame[name], reference[name])
        distance = float(jensenshannon(shares, reference[name]["shares"], base=2))
        now, then = (np.maximum(s, SHARE_FLOOR) for s in (shares, reference[name]["shares"]))
        missing = float(pd.isna(frame[name]).mean())
        psi = float(((now - then) * np.log(now / then)).sum())
        rows.append((name, psi, distance, missing, reference[name]["missing"]))
    names = ["feature", "psi", "js_distance", "missing_rate", "reference_missing_rate"]
    return pd.DataFrame(rows, columns=names)


def _shares(series: pd.Series, entry: dict[str, Any]) -> list[float]:
    """Share of rows per bin; the last bin contains the missing values."""
    if entry["kind"] == "numeric":
        values = numbers(series)
        # Left-open, right-closed bins, like every window of the project.
        bins = np.searchsorted(entry["edges"], values, side="left")
        size = len(entry["edges"]) + 1
        bins[np.isnan(values)] = size
    else:
        known = pd.Index([*entry["categories"], OTHER])
        bins = known.get_indexer(pd.Index(categories(series)))
        bins[bins < 0] = len(known) - 1
        size = len(known)
        bins[series.isna().to_numpy()] = size
    return [float(share) for share in np.bincount(bins, minlength=size + 1) / len(series)]
