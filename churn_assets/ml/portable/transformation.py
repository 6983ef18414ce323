"""One fitted transformation from declared features to a numeric matrix, the same for every candidate model.

All its parameters are learned from the training part only and stored as plain JSON, so that a score can be recomputed
years later, in a Spark worker or a web process, with numpy and pandas alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

OTHER = "(other)"
MISSING = "(missing)"
# A category with fewer training rows than this goes to the "other" column: too few rows to learn from, and so few that
# they could identify a person.
MINIMUM_CATEGORY_ROWS = 50
MAXIMUM_CATEGORIES = 20
# With long right tails (data volumes, amounts) a few rows dominate a linear model. Above this moment skewness a
# logarithm is tried, and kept if it is less skewed.
SKEW_FOR_LOG = 2.0
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class NumericColumn:
    """A numeric or boolean feature: median for missing values, optional signed logarithm.

    Attributes:
        median: fills missing values (unit of the feature).
        indicator: add a 0/1 column that is 1 where the value was missing; only if training had missing values.
        log: apply sign(x) * log(1 + |x|).
    """

    feature: str
    median: float
    indicator: bool
    log: bool


@dataclass(frozen=True)
class CategoryColumn:
    """A categorical feature: one 0/1 column per frequent category and one for all others, including unseen ones.

    Attributes:
        categories: frequent categories by descending frequency; `(missing)` may be one of them.
    """

    feature: str
    categories: tuple[str, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """Frequent categories without `(missing)`."""
        return tuple(category for category in self.categories if category != MISSING)


class _Numbers:
    """Writes all numeric features into a matrix at once: a row of a request would need some hundred calls of numpy."""

    def __init__(self, placed: Sequence[tuple[int, NumericColumn]]) -> None:
        parts = [part for _, part in placed]
        self.features = [part.feature for part in parts]
        self._at = np.array([at for at, _ in placed], dtype=np.intp)
        self._medians = np.array([[part.median] for part in parts])
        self._logged = np.flatnonzero([part.log for part in parts])
        self._indicated = np.flatnonzero([part.indicator for part in parts])

    def write(self, matrix: NDArray[np.float64], values: Sequence[NDArray[np.float64]]) -> None:
        """Fills in the columns of the features for some rows."""
        if values:
            known = np.array(values, dtype=np.float64)
            missing = ~np.isfinite(known)
            filled = np.where(missing, self._medians, known)
            filled[self._logged] = _signed_log(filled[self._logged])
            matrix[:, self._at] = filled.T
            matrix[:, self._at[self._indicated] + 1] = missing[self._indicated].T


@dataclass(frozen=True)
class Transformation:
    """Fitted mapping from a frame of declared features to a float64 matrix without missing values.

    Columns are neither centred nor scaled: linear models standardise by themselves, trees do not depend on scale,
    thresholds keep their familiar units, and zeros stay zeros, which makes Spark's vectors sparse (see
    spark_matrix.py).

    Attributes:
        parts: one entry per declared feature, in declared order.
    """

    parts: tuple[NumericColumn | CategoryColumn, ...]

    @classmethod
    def fit(cls, frame: "pd.DataFrame", features: Sequence[str]) -> "Transformation":
        """Learn medians and categories from `frame`, which must be the training part only.

        Numbers, booleans and decimals are numeric (booleans as 0/1); strings and categoricals are categories;
        infinite values count as missing.

        Raises:
            KeyError: a declared feature is not a column of the frame.
            TypeError: a feature has values that are neither numbers nor strings (dates, lists).
            ValueError: no rows or no features.
        """
        if frame.empty or not features:
            raise ValueError(f"cannot fit a transformation on {len(frame)} rows and {len(features)} features")
        _require(frame, features)
        return cls(
            tuple(
                _fit_numeric(name, numbers(frame[name]))
                if is_numeric(frame[name])
                else _fit_categories(name, categories(frame[name]))
                for name in features
            )
        )

    @cached_property
    def features(self) -> list[str]:
        """Declared features, in order."""
        return [part.feature for part in self.parts]

    @property
    def numeric_features(self) -> list[str]:
        """Declared features that are numbers, in order."""
        return self._numbers.features

    def part(self, feature: str) -> NumericColumn | CategoryColumn:
        """The fitted part of a feature."""
        return self.parts[self.features.index(feature)]

    @cached_property
    def columns(self) -> list[str]:
        """Names of the matrix columns."""
        return [name for part in self.parts for name in _column_names(part)]

    @cached_property
    def column_feature(self) -> NDArray[np.intp]:
        """For each matrix column, the position of its declared feature; contributions are summed by it."""
        widths = [len(_column_names(part)) for part in self.parts]
        return np.repeat(np.arange(len(self.parts)), widths)

    def transform(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        """Matrix of shape (rows, len(columns)): float64, Fortran order, no missing values.

        Raises:
            KeyError: a declared feature is not a column of the frame.
            TypeError: a numeric feature has a value that is not a number.
        """
        _require(frame, self.features)
        return self.matrix(
            {
                part.feature: numbers(frame[part.feature])
                if isinstance(part, NumericColumn)
                else categories(frame[part.feature])
                for part in self.parts
            },
            len(frame),
        )

    def matrix(self, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float64]:
        """The same from arrays, without pandas.

        Args:
            columns: feature -> one value per row: of a number float64 with NaN where it is missing, of a category an
                array of objects with strings, and None where it is missing.
            rows: their number.
        """
        matrix = np.zeros((rows, len(self.columns)), dtype=np.float64, order="F")
        for start in range(0, rows, ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            self._numbers.write(matrix[block], [columns[name][block] for name in self.numeric_features])
        ones = [
            [codes.get(value, other) for value in columns[feature].tolist()]
            for feature, codes, other in self._ones
        ]
        if ones:
            matrix[np.arange(rows), np.array(ones, dtype=np.intp)] = 1.0
        return matrix

    @cached_property
    def _starts(self) -> list[int]:
        """For each part, its first matrix column."""
        widths = [len(_column_names(part)) for part in self.parts]
        starts: list[int] = np.cumsum([0, *widths[:-1]]).tolist()
        return starts

    @cached_property
    def _ones(self) -> list[tuple[str, dict[str | None, int], int]]:
        """For each categorical feature: its name, category -> matrix column that is 1, and that column of others."""
        found = []
        for start, part in zip(self._starts, self.parts, strict=True):
            if isinstance(part, CategoryColumn):
                other = start + len(part.categories)
                columns: dict[str | None, int] = {
                    name: column for column, name in enumerate(part.categories, start=start)
                }
                found.append((part.feature, columns | {None: columns.get(MISSING, other)}, other))
        return found

    @cached_property
    def _numbers(self) -> "_Numbers":
        placed = zip(self._starts, self.parts, strict=True)
        return _Numbers([(at, part) for at, part in placed if isinstance(part, NumericColumn)])

    def example(self) -> "pd.DataFrame":
        """One synthetic customer of medians and most frequent categories; it is not copied from an existing row."""
        import pandas as pd

        return pd.DataFrame(
            {
                part.feature: [part.median]
                if isinstance(part, NumericColumn)
                else [next(iter(part.known), OTHER)]
                for part in self.parts
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` returns an equal object."""
        return {
            "numeric": [asdict(part) for part in self.parts if isinstance(part, NumericColumn)],
            "categorical": [asdict(part) for part in self.parts if isinstance(part, CategoryColumn)],
            "order": self.features,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Transformation":
        """Inverse of `as_dict`.

        Raises:
            KeyError: the stored form lacks a part.
        """
        parts: dict[str, NumericColumn | CategoryColumn] = {
            entry["feature"]: NumericColumn(**entry) for entry in stored["numeric"]
        }
        for entry in stored["categorical"]:
            parts[entry["feature"]] = CategoryColumn(entry["feature"], tuple(entry["categories"]))
        return cls(tuple(parts[name] for name in stored["order"]))


def is_numeric(series: "pd.Series[Any]") -> bool:
    """True if a feature is numeric; if it has no values, the column type decides.

    Raises:
        TypeError: dates, lists and other values that are neither a number nor a string.
    """
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    if pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        return True
    values = series.dropna()
    if values.empty:  # strings, first delivered later; an empty number has a numeric type
        return False
    kinds = set(map(type, values))
    if all(issubclass(kind, (bool, int, float, Decimal, np.number, np.bool_)) for kind in kinds):
        return True
    if all(issubclass(kind, str) for kind in kinds):
        return False
    raise TypeError(
        f"feature {series.name!r} holds {', '.join(sorted(kind.__name__ for kind in kinds))}: a feature must be all "
        "numbers, all booleans or all strings; derive a number from it in churn.yaml or leave it out"
    )


def known_numbers(series: "pd.Series[Any]") -> NDArray[np.float64]:
    """`numbers` without missing values."""
    values = numbers(series)
    return values[~np.isnan(values)]


def numbers(series: "pd.Series[Any]") -> NDArray[np.float64]:
    """Values of a numeric feature as float64; missing and infinite ones as NaN.

    Raises:
        TypeError: a value is not a number.
    """
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    try:
        if series.dtype == object:
            values = np.array(
                [np.nan if pd.isna(value) else float(value) for value in series], dtype=np.float64
            )
        else:
            values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"feature {series.name!r} was numeric in training but holds other values now"
        ) from error
    values[np.isinf(values)] = np.nan
    return values


def categories(series: "pd.Series[Any]") -> NDArray[np.object_]:
    """Values of a categorical feature as strings; missing ones as `(missing)`."""
    import pandas as pd

    values = series.astype(object).to_numpy(copy=True)
    missing = pd.isna(values)
    values[~missing] = [str(value) for value in values[~missing]]
    values[missing] = MISSING
    return np.asarray(values, dtype=object)


def columns_of(
    transformation: Transformation, rows: Sequence[Mapping[str, float | str | None]]
) -> dict[str, NDArray[Any]]:
    """Rows of feature -> value as the columns that `Transformation.matrix` reads; an absent feature is missing.

    Raises:
        ValueError, TypeError: a number is not one.
    """
    numeric = transformation.numeric_features
    table = np.array([[row.get(name) for name in numeric] for row in rows], dtype=np.float64)
    found: dict[str, NDArray[Any]] = dict(zip(numeric, table.reshape(len(rows), len(numeric)).T, strict=True))
    for part in transformation.parts:
        if isinstance(part, CategoryColumn):
            found[part.feature] = np.array([row.get(part.feature) for row in rows], dtype=object)
    return found


def _require(frame: "pd.DataFrame", features: Sequence[str]) -> None:
    absent = [name for name in features if name not in frame.columns]
    if absent:
        raise KeyError(
            f"the frame lacks the features {absent}; rebuild the snapshots with the declared features, "
            "or use the model version that was trained on these"
        )


def _column_names(part: NumericColumn | CategoryColumn) -> list[str]:
    if isinstance(part, NumericColumn):
        return [part.feature, f"{part.feature} is missing"] if part.indicator else [part.feature]
    return [f"{part.feature} = {category}" for category in (*part.categories, OTHER)]


def _signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    logged: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return logged


def _skewness(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    spread = centred.std()
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def _fit_numeric(name: str, values: NDArray[np.float64]) -> NumericColumn:
    missing = np.isnan(values)
    median = 0.0 if missing.all() else float(np.median(values[~missing]))
    filled = np.where(missing, median, values)
    skew = abs(_skewness(filled))
    log = skew > SKEW_FOR_LOG and len(np.unique(filled)) > 10 and abs(_skewness(_signed_log(filled))) < skew
    return NumericColumn(name, median, bool(missing.any()), bool(log))


def _fit_categories(name: str, values: NDArray[np.object_]) -> CategoryColumn:
    import pandas as pd

    counts = pd.Series(values).value_counts()
    # Ties are ordered by name, so that the same training rows in another order give the same columns.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    kept = [str(value) for value, count in ranked if count >= MINIMUM_CATEGORY_ROWS][:MAXIMUM_CATEGORIES]
    return CategoryColumn(name, tuple(kept))
