"""Scores of rows with their reasons: what a batch writes and what a service answers are made by this one function."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.reasons_in_words import REASONS, main_drivers, reasons
from churn_assets.ml.portable.transformation import NumericColumn

if TYPE_CHECKING:
    import pandas as pd

REASON_NAMES = tuple(f"reason_{place + 1}" for place in range(REASONS))


def typical_values(model: PortableModel) -> dict[str, float]:
    """Numeric feature -> median of what the model has learned from."""
    return {p.feature: p.median for p in model.transformation.parts if isinstance(p, NumericColumn)}


def score_frame(frame: "pd.DataFrame", model: PortableModel, features: Sequence[Feature]) -> "pd.DataFrame":
    """Returns raw, probability, reason_1 to reason_3 and driver of some snapshots, with the index of `frame`.

    Reasons and driver use only features that the model reads and that `features` (as declared today) contains.
    """
    return scored_and_explained(frame, model, features)[0]


def scored_and_explained(
    frame: "pd.DataFrame", model: PortableModel, features: Sequence[Feature]
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Returns `score_frame`, and the contributions that it is told from."""
    features = readable(model, features)
    scored, contributions = model.score_and_explain(frame)
    words = reasons(frame, contributions, features, typical_values(model))
    for position, name in enumerate(REASON_NAMES):
        scored[name] = words[:, position]
    return scored.assign(driver=main_drivers(contributions, features)), contributions


def readable(model: PortableModel, features: Sequence[Feature]) -> list[Feature]:
    """Returns those of the features that the model reads."""
    given = set(model.transformation.features)
    return [f for f in features if f.name in given]
