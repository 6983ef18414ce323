"""Finds the column that says how long each customer was there, and its unit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.inference.names_in_words import in_words
from churn_assets.study.columns import FileColumn
from churn_assets.study.errors import StudyError

# unit -> how many of them are a year
UNITS = {"days": 365, "weeks": 52, "months": 12, "years": 1}
_UNIT = "days|weeks|months|years"
_TENURE = re.compile(
    rf"((customer|account|client) )?tenure( in)?( ({_UNIT}))?|({_UNIT}) (of tenure|tenure|on book)"
)
# A feature runs with the tenure if the tenure explains this share of the variance of its ranks, or it that of the
# tenure. Such a total or date tells how long a customer stayed, not why.
RUNNING_SHARE = 0.6


@dataclass(frozen=True)
class Tenure:
    """How long each customer was there: until they left, or until the file was made.

    Attributes:
        name: of its column.
        values: per row of the file; missing values are NaN.
        unit: of UNITS.
        is_unit_assumed: neither the name of the column nor the user tells the unit.
    """

    name: str
    values: NDArray[np.float64]
    unit: str
    is_unit_assumed: bool

    @property
    def year(self) -> int:
        """A year in this unit."""
        return UNITS[self.unit]


def tenure_of(name: str | None, unit: str | None, columns: Sequence[FileColumn]) -> Tenure | None:
    """Returns the tenure: the column named by the user, else the first whose name says that it is one.

    Raises:
        StudyError: the named column does not hold numbers of at least 0.
    """
    found = next(
        (column for column in columns if (_is_tenure(column) if name is None else column.name == name)), None
    )
    if found is None:
        return None
    values = None if found.values is None or found.kind != "number" else found.values.to_numpy(np.float64)
    if values is None or (values < 0).any():
        if name is None:
            return None
        wrong = f"numbers, for example {found.example}" if values is None else "numbers of at least 0"
        raise StudyError(
            f"--tenure {name} does not hold {wrong}. Name a column that says for how many days, weeks, months or years "
            "each customer was there."
        )
    said = re.search(_UNIT, in_words(found.name).lower())
    return Tenure(found.name, values, unit or (said[0] if said else "months"), unit is None and said is None)


def runs_with(values: pd.Series, tenure: NDArray[np.float64]) -> bool:
    """Returns whether a feature and the tenure tell each other, by rank; missing values are left out."""
    known = values.notna().to_numpy() & ~np.isnan(tenure)
    if not known.any():
        return False
    rank, values = pd.Series(tenure[known]).rank(), values[known].reset_index(drop=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        between = rank.groupby(values, observed=True).transform("mean")
        return bool(between.var(ddof=0) >= RUNNING_SHARE * max(rank.var(ddof=0), 1e-12))
    other = values.rank()
    if not other.var() or not rank.var():
        return False
    return bool(other.corr(rank) ** 2 >= RUNNING_SHARE)


def _is_tenure(column: FileColumn) -> bool:
    return column.kind == "number" and bool(_TENURE.fullmatch(in_words(column.name).lower()))
