"""What a what-if question may change for a customer, and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import floor, log10

from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.units import is_measured
from churn_assets.ml.portable.what_if import Observed, Value, WhatIf, present_value, what_if_of
from churn_assets.serving.release.words import FeatureWords

STEPS = 100  # of a slider, about


@dataclass(frozen=True)
class Lever:
    """A feature that we can change, with its value now and the values that the model has seen.

    Attributes:
        present: None where it is missing.
        whole: the values are whole numbers.
    """

    feature: Feature
    meaning: str
    observed: Observed
    present: Value | None
    whole: bool

    @property
    def is_present_observed(self) -> bool:
        """Whether the value now is one of those that the model has seen."""
        return self.present is not None and self.observed.holds(self.present)

    @property
    def step(self) -> float:
        """The step of a slider from `observed.low` to `observed.high`: 1, 2 or 5 times a power of ten."""
        width = (self.observed.high - self.observed.low) / STEPS
        power = 10.0 ** floor(log10(width)) if width > 0 else 1.0
        step = next(n * power for n in (1, 2, 5, 10) if n * power >= width)
        return max(1.0, step) if self.whole else step


@dataclass(frozen=True)
class Present:
    """The newest snapshot of a customer: its day, and feature of the model -> value."""

    day: date
    values: dict[str, Value | None]


def present_values(store: ReleaseStore, customer_key: str) -> Present | None:
    """This morning's values, else those of the month end; None if the release holds no snapshot with all features."""
    model = store.release.model
    names = model.transformation.features
    newest = [("current_snapshots", store.morning)] if store.has("current_snapshots") else []
    for table, day in (*newest, ("snapshots", store.as_of)):
        snapshot = store.frame(f"SELECT * FROM {table} WHERE customer_key = ?", [customer_key])
        if day is not None and not snapshot.empty and set(names) <= set(snapshot.columns):
            return Present(day, {name: present_value(model, snapshot, name) for name in names})
    return None


def levers(store: ReleaseStore, present: Mapping[str, Value | None]) -> list[Lever]:
    """The features that we can change and of which the model has seen at least two values, in declared order."""
    return [
        Lever(w.feature, w.meaning, w.observed, present[w.feature.name], _is_whole(w))
        for w in store.release.words
        if w.observed is not None and w.feature.name in present and _has_choice(w.observed)
    ]


def ask(store: ReleaseStore, present: Mapping[str, Value | None], wishes: Mapping[str, Value]) -> WhatIf:
    """The model's probability with the present values and with the wished ones.

    Raises:
        WhatIfError: a value was not observed.
    """
    known = set(store.release.model.transformation.features)
    features = [f for f in store.release.features if f.name in known]
    texts = {name: str(value) for name, value in wishes.items()}
    return what_if_of(store.release.model, present, features, texts, store.release.ranges)


def _has_choice(observed: Observed) -> bool:
    return len(observed.values) > 1 or observed.low < observed.high


def _is_whole(words: FeatureWords) -> bool:
    return words.unit in ("days", "months") or not is_measured(words.unit)
