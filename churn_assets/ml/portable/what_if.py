"""What if: how a customer's probability changes when an actionable feature takes another value.

The result describes the model and not the customer: features that would change along with it in reality stay as they
are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.transformation import (
    MINIMUM_CATEGORY_ROWS,
    CategoryColumn,
    NumericColumn,
    columns_of,
    known_numbers,
)

if TYPE_CHECKING:
    import pandas as pd

FEW_VALUES = 12
# Values beyond these quantiles belong to single customers: they are personal, and the model extrapolates there.
LOWEST, HIGHEST = 0.01, 0.99

Value = float | str


class WhatIfError(ValueError):
    """The question is not allowed; the message lists what is.

    Attributes:
        without_value: the message without the value that was asked for.
    """

    def __init__(self, message: str, without_value: str = "") -> None:
        super().__init__(message)
        self.without_value = without_value or message


@dataclass(frozen=True)
class Observed:
    """Values that the model has learned from; no value by default.

    Attributes:
        values: categories, or the values of a number with at most FEW_VALUES; empty for other numbers.
        low, high: 1 % and 99 % quantile of other numbers.
    """

    values: tuple[Value, ...] = ()
    low: float = np.inf
    high: float = -np.inf

    def __str__(self) -> str:
        if self.values:
            return ", ".join(value_in_words(value) for value in self.values)
        if self.low > self.high:
            return "no value often enough"
        return f"{value_in_words(self.low)} to {value_in_words(self.high)}"

    def holds(self, value: Value) -> bool:
        """True if the value was observed: one of `values`, or between `low` and `high`."""
        if self.values:
            return value in self.values
        return isinstance(value, float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Change:
    """One feature that takes another value.

    Attributes:
        words: the feature's name for people.
        before, after: its values; None if missing.
        probability: calibrated probability of the customer with this change alone.
    """

    feature: str
    words: str
    before: Value | None
    after: Value
    probability: float


@dataclass(frozen=True)
class WhatIf:
    """The result of a what-if question.

    Attributes:
        before, after: calibrated probability of the customer as is, and with all changes together.
        changes: in the order of the question.
        kept: related features that kept their value, in words; see `_kept`.
    """

    before: float
    after: float
    changes: tuple[Change, ...]
    kept: tuple[str, ...]


def observed_range(model: PortableModel, learned_from: "pd.Series[Any]") -> Observed:
    """Returns the values that a what-if question may use.

    Args:
        learned_from: values of the feature in the train cohorts; the series has the feature's name.
    """
    part = model.transformation.part(str(learned_from.name))
    if isinstance(part, CategoryColumn):
        return Observed(part.known)
    known = known_numbers(learned_from)
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= FEW_VALUES:
        return Observed(tuple(float(v) for v in distinct[counts >= MINIMUM_CATEGORY_ROWS]))
    low, high = np.quantile(known, [LOWEST, HIGHEST])
    # rounded outwards to the two decimals of `value_in_words`, so that a printed bound is itself allowed
    return Observed(low=float(np.floor(low * 100) / 100), high=float(np.ceil(high * 100) / 100))


def actionable(model: PortableModel, features: Sequence[Feature]) -> list[Feature]:
    """Features of the model that we can change, in declared order."""
    known = set(model.transformation.features)
    return [f for f in features if f.actionable and f.name in known]


def what_if(
    model: PortableModel,
    snapshot: "pd.DataFrame",
    features: Sequence[Feature],
    wishes: Mapping[str, str],
    ranges: Mapping[str, Observed],
) -> WhatIf:
    """Returns `what_if_of` a snapshot of one row."""
    present = {name: present_value(model, snapshot, name) for name in model.transformation.features}
    return what_if_of(model, present, features, wishes, ranges)


def what_if_of(
    model: PortableModel,
    present: Mapping[str, Value | None],
    features: Sequence[Feature],
    wishes: Mapping[str, str],
    ranges: Mapping[str, Observed],
) -> WhatIf:
    """Returns the customer's probability with the present values and with the wished ones.

    Args:
        present: feature of the model -> value; None where it is missing.
        features: all declared features.
        wishes: feature -> value, as text.
        ranges: observed values of each wished feature; see `observed_range`.

    Raises:
        WhatIfError: a feature is unknown or not actionable, or a value is not a number or was not observed.
    """
    allowed = {f.name: f for f in actionable(model, features)}
    values = {name: _value(model, allowed, features, name, text, ranges) for name, text in wishes.items()}
    # the customer as is, with all changes, and with each change alone
    rows = [
        dict(present),
        {**present, **values},
        *({**present, name: value} for name, value in values.items()),
    ]
    probability = model.evaluate(columns_of(model.transformation, rows), len(rows)).probability
    changes = tuple(
        Change(name, allowed[name].words, present[name], value, float(probability[position]))
        for position, (name, value) in enumerate(values.items(), start=2)
    )
    return WhatIf(float(probability[0]), float(probability[1]), changes, _kept(model, features, values))


def present_value(model: PortableModel, snapshot: "pd.DataFrame", name: str) -> Value | None:
    """The feature's value in a snapshot of one row; None if missing."""
    import pandas as pd

    value = snapshot[name].iloc[0]
    if pd.isna(value):
        return None
    return float(value) if isinstance(model.transformation.part(name), NumericColumn) else str(value)


def value_in_words(value: Value | None) -> str:
    """A value as text, numbers with at most two decimals; "unknown" for None."""
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else f"{value:,.2f}".rstrip("0").rstrip(".")


def _value(
    model: PortableModel,
    allowed: Mapping[str, Feature],
    features: Sequence[Feature],
    name: str,
    text: str,
    ranges: Mapping[str, Observed],
) -> Value:
    if name not in allowed:
        can = f"choose from {', '.join(allowed)}" if allowed else "none is; mark some in churn.yaml"
        if name in {f.name for f in features}:
            raise WhatIfError(
                f"{name} is not actionable: churn.yaml does not say that we can change it "
                f"(`actionable: true`); {can}."
            )
        raise WhatIfError(f"There is no feature {name}; {can}.")
    value: Value = text
    if isinstance(model.transformation.part(name), NumericColumn):
        try:
            value = float(text)
        except ValueError:
            raise WhatIfError(
                f"{name}={text}: the value must be a number, {ranges[name]}.",
                f"{name}: the value must be a number, {ranges[name]}.",
            ) from None
    if not ranges[name].holds(value):
        outside = f"lies outside of what the model has seen: {ranges[name]}. Beyond that it can only guess."
        raise WhatIfError(f"{name}={text} {outside}", f"The value of {name} {outside}")
    return value


def _kept(model: PortableModel, features: Sequence[Feature], values: Mapping[str, Value]) -> tuple[str, ...]:
    """Returns the other features of the model from the same column or computed from a changed feature, in words."""
    by_name = {f.name: f for f in features}
    columns = {(f.source, f.column or f.measure) for f in map(by_name.__getitem__, values)}
    known = set(model.transformation.features)
    return tuple(
        f.words
        for f in features
        if f.name in known
        and f.name not in values
        and (
            any(re.search(rf"\b{name}\b", f.sql) for name in values)
            if f.sql is not None
            else (f.column or f.measure) is not None and (f.source, f.column or f.measure) in columns
        )
    )
