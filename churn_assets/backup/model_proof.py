"""Golden rows of every registered model: synthetic inputs, and the scores that the model gives them, to the bit."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from churn_assets.backup.manifest import HeldModel
from churn_assets.ml.portable.model import PortableModel
from churn_assets.serving.release.golden import frame_of, golden_inputs

SCORES = ("raw", "probability")


def golden_file(home: Path, models: Sequence[HeldModel]) -> str:
    """The golden rows of all models as JSON: name -> version -> inputs and scores. Floats are exact in JSON."""
    found: dict[str, dict[str, Any]] = {}
    for one in models:
        model = PortableModel.load(home / "mlartifacts" / one.folder)
        inputs = golden_inputs(model, {})
        found.setdefault(one.name, {})[one.version] = {"inputs": inputs, "scores": scores_of(model, inputs)}
    return json.dumps(found, indent=1, sort_keys=True)


def scores_of(model: PortableModel, inputs: Sequence[dict[str, Any]]) -> list[list[float]]:
    """raw and probability of each row."""
    scored = model.score(frame_of(inputs, model))
    return [[float(raw), float(probability)] for raw, probability in scored[list(SCORES)].to_numpy()]
