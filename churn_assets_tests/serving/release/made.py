"""Small releases for tests, made without a lake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.calibration import Calibration
from churn_assets.ml.portable.model import Linear, PortableModel, Scorer
from churn_assets.ml.portable.transformation import CategoryColumn, NumericColumn, Transformation
from churn_assets.ml.portable.what_if import Observed
from churn_assets.serving.release.manifest import About, CurrentDay, Manifest
from churn_assets.serving.release.words import FeatureWords
from churn_assets.serving.release.writing import Contents, write_release
from churn_assets_tests.serving.release.current import current_day

NOW = datetime(2026, 1, 3, 4, 5, 6, tzinfo=UTC)
FEATURES = [
    Feature(
        "tickets_count_3m",
        "number",
        "service",
        "support tickets",
        says=(("text", "{value} support ticket{s} in the last 3 months"),),
        actionable=True,
    ),
    Feature("tenure_days", "number", "loyalty", "days as a customer"),
    Feature("region", "category", "profile", "region"),
]
KEYS = [f"{number:016x}" for number in range(200)]


def model(shift: float = 0.0) -> PortableModel:
    """A linear model of three features; `shift` moves its scores."""
    parts = (
        NumericColumn("tickets_count_3m", 1.0, indicator=True, log=False),
        NumericColumn("tenure_days", 400.0, indicator=False, log=True),
        CategoryColumn("region", ("north", "south")),
    )
    transformation = Transformation(parts)
    coefficients = np.linspace(0.9, -0.4, len(transformation.columns))
    linear = Linear(coefficients, -1.0 + shift, np.full(len(coefficients), 0.2))
    return PortableModel("logistic_regression", transformation, Scorer(linear, "log_odds"), Calibration())


def words() -> list[FeatureWords]:
    """The features with what was observed of the tickets."""
    seen = {"tickets_count_3m": Observed((0.0, 1.0, 2.0, 3.0))}
    return [
        FeatureWords(f, True, 1.0 if f.kind == "number" else None, seen.get(f.name), "days", f"{f.words}.")
        for f in FEATURES
    ]


def contents(shift: float = 0.0, **tables: pa.Table) -> Contents:
    """A release of 200 customers; with the table `current_scores` it tells of this morning."""
    customers = pa.table({"customer_key": KEYS, "probability": np.linspace(0.01, 0.9, len(KEYS))})
    about = About(
        "telecom", "3", "2025-12-31", "2025-12-31", ["2025-12-31"], "2025-12-31", None, {"customers": 200}
    )
    if "current_scores" in tables:
        about = replace(about, current=_current(tables["current_scores"]))
    card = {"model_card.md": "# Model card\n"}
    absent = {"churn_rates": "gold/churn_rates was never materialised"}
    held = {"customers": customers, **tables}
    return Contents(about, held, absent, model(shift), words(), {"name": "telecom"}, {"customers": {}}, card)


def _current(scores: pa.Table) -> CurrentDay:
    return current_day(scores.num_rows, model_version=scores["model_version"][0].as_py())


def publish(root: Path | str, number: int = 0, keep: int = 3, **edits: Any) -> Manifest:
    """Writes the release of a minute; later ones have greater numbers."""
    now = NOW + timedelta(minutes=number)
    return write_release(
        str(root), contents(**edits), now=now, run_id=f"run{number}".replace("-", "m"), keep=keep
    )
