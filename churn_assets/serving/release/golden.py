"""Golden rows: synthetic inputs with the answers of the model that wrote them.

A reader that computes other answers has another model, or computes in another way, and must not serve the release.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.scored import REASON_NAMES, score_frame
from churn_assets.ml.portable.transformation import CategoryColumn
from churn_assets.ml.portable.what_if import Observed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROWS, SEED = 50, 7
TOLERANCE = 1e-12
UNSEEN = "(never seen)"
NUMBERS = ("raw", "probability")
TEXTS = (*REASON_NAMES, "driver")


def golden_rows(
    model: PortableModel, features: Sequence[Feature], observed: Mapping[str, Observed]
) -> list[dict[str, Any]]:
    """ROWS synthetic inputs (`features`) with their answers."""
    inputs = golden_inputs(model, observed)
    answers = answered(inputs, model, features)
    return [{"features": row, **answer} for row, answer in zip(inputs, answers, strict=True)]


def golden_inputs(model: PortableModel, observed: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """ROWS synthetic rows of feature values, the same for each call; none is copied from a customer.

    Numbers are drawn from what was observed, or around the median; a tenth is missing, and a few lie far outside.
    Categories are drawn from those that the model knows, with missing ones and one that it has never seen.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    drawn: dict[str, Sequence[float | str | None]] = {}
    for part in model.transformation.parts:
        if isinstance(part, CategoryColumn):
            choices: list[str | None] = [*part.known, UNSEEN, None]
            drawn[part.feature] = [choices[at] for at in rng.integers(0, len(choices), ROWS)]
        else:
            drawn[part.feature] = _numbers(rng, part.median, observed.get(part.feature, Observed()))
    inputs = pd.DataFrame(drawn).to_dict("records")
    return [{str(name): None if _missing(value) else value for name, value in row.items()} for row in inputs]


def answered(
    inputs: Sequence[Mapping[str, Any]], model: PortableModel, features: Sequence[Feature]
) -> list[dict[str, Any]]:
    """raw, probability, reason_1 to reason_3 and driver of rows of feature values."""
    scored = score_frame(frame_of(inputs, model), model, features)
    return [
        {name: float(row[name]) for name in NUMBERS}
        | {name: None if _missing(row[name]) else str(row[name]) for name in TEXTS}
        for row in scored.to_dict("records")
    ]


def frame_of(rows: Sequence[Mapping[str, Any]], model: PortableModel) -> "pd.DataFrame":
    """Rows of feature values as a frame of the model's features, typed as in snapshots; others are missing."""
    import pandas as pd

    columns = {}
    for part in model.transformation.parts:
        kind = "object" if isinstance(part, CategoryColumn) else "float64"
        columns[part.feature] = pd.Series([row.get(part.feature) for row in rows], dtype=kind)
    return pd.DataFrame(columns)


def differing(
    golden: Sequence[Mapping[str, Any]], model: PortableModel, features: Sequence[Feature]
) -> list[int]:
    """Positions of the golden rows that the model answers otherwise."""
    found = answered([row["features"] for row in golden], model, features)
    return [
        at for at, (row, answer) in enumerate(zip(golden, found, strict=True)) if not is_same(row, answer)
    ]


def is_same(row: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether an answer is that of a golden row; numbers may be rounded otherwise."""
    near = all(abs(row[name] - answer[name]) <= TOLERANCE for name in NUMBERS)
    return near and all(row[name] == answer[name] for name in TEXTS)


def _numbers(rng: "np.random.Generator", median: float, seen: Observed) -> list[float | None]:
    if seen.values:
        found = rng.choice([float(v) for v in seen.values], ROWS)
    elif seen.low <= seen.high:
        found = rng.uniform(seen.low, seen.high, ROWS)
    else:
        found = median + (abs(median) + 1) * rng.normal(size=ROWS)
    found = found + (rng.random(ROWS) < 0.04) * 10 * (abs(median) + 1)
    return [None if missing else float(v) for v, missing in zip(found, rng.random(ROWS) < 0.1, strict=True)]


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
