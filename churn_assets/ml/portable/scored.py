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
    given = set(model.transformation.features)
    features = [f for f in features if f.name in given]
    scored, contributions = model.score_and_explain(frame)
    words = reasons(frame, contributions, features, typical_values(model))
    for position, name in enumerate(REASON_NAMES):
        scored[name] = words[:, position]
    return scored.assign(driver=main_drivers(contributions, features))
