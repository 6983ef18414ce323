"""The parts of a training frame: cut by the split, checked, and searched for leaks before anything is fitted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from churn_assets.ml.training.leak_guards import auc_alone, known_too_late, overlapping_outcomes, too_good
from churn_assets.ml.training.learner import fold_of
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split

ENOUGH_FOR_HALF = 2  # a halved test part must have this many times the minimum of churners


class TrainingError(ValueError):
    """The frame is not fit for training; the message names the part and the problem."""


class LeakFound(TrainingError):
    """Features or split reveal the outcome; the message contains every finding with its remedy."""


def usable_parts(
    frame: pd.DataFrame, split: Split, settings: TrainingSettings
) -> tuple[Split, dict[str, pd.DataFrame]]:
    """Returns the split, not halved where that would leave too few churners, and its parts, after checking them."""
    parts = parts_of(frame, split)
    if split.halved and _rarer(parts["test"]) < ENOUGH_FOR_HALF * settings.minimum_positives:
        split = split.unhalved()
        parts = parts_of(frame, split)
    check_parts(parts, settings)
    return split, parts


def parts_of(frame: pd.DataFrame, split: Split) -> dict[str, pd.DataFrame]:
    """Returns part name -> frame; `validation` is selection and calibration together. See `Split.halved`.

    The train part, and the train part that the candidates were compared on, also have the days between cohorts that
    were learned from (`Split.learned`).
    """
    absent = [name for name in ("customer_key", "as_of_date", "label") if name not in frame.columns]
    if absent:
        raise KeyError(f"the training frame lacks the columns {absent}")
    days = pd.to_datetime(frame["as_of_date"])
    dates = split.parts | {"validation": split.validation, "train": split.learned}
    if split.compared:
        dates |= {"compared": replace(split, train=split.compared).learned}
    at = {name: days.isin(pd.to_datetime(list(of))) for name, of in dates.items()}
    if split.halved:
        tests = at["test"] & (fold_of(frame["customer_key"]) % 2 == 1)
        at |= {name: rows & ~tests for name, rows in at.items() if name != "train"} | {"test": tests}
    return {name: frame[rows].reset_index(drop=True) for name, rows in at.items()}


def _rarer(part: pd.DataFrame) -> int:
    """Number of churners, or of stayers if they are fewer."""
    positives = int(part["label"].sum())
    return min(positives, len(part) - positives)


def check_parts(parts: dict[str, pd.DataFrame], settings: TrainingSettings) -> None:
    for name, part in parts.items():
        if part.empty:
            raise TrainingError(f"the {name} part has no rows; check labels and eligibility of its cohorts")
        if not part["label"].isin([0, 1]).all():
            raise TrainingError(
                f"the {name} part has labels other than 0 and 1; train on settled labels only"
            )
        if part.duplicated(["customer_key", "as_of_date"]).any():
            raise TrainingError(f"the {name} part has a customer twice in one cohort")
    if _rarer(parts["train"]) < settings.minimum_positives:
        positives = int(parts["train"]["label"].sum())
        raise TrainingError(
            f"the train part has {positives} churners among {len(parts['train'])} snapshots, and needs at least "
            f"{settings.minimum_positives} of each kind; wait for more cohorts, or review the label policy."
        )


def counts(part: pd.DataFrame) -> dict[str, int]:
    return {
        "rows": len(part),
        "customers": part["customer_key"].nunique(),
        "positives": int(part["label"].sum()),
    }


def refuse_leaks(
    frame: pd.DataFrame,
    parts: dict[str, pd.DataFrame],
    split: Split,
    features: Sequence[str],
    settings: TrainingSettings,
) -> dict[str, float]:
    """Returns the AUC of each feature alone; raises LeakFound if features or split reveal the outcome."""
    labels = parts["train"]["label"].to_numpy(np.float64)
    alone = {name: auc_alone(parts["train"][name], labels) for name in features}
    findings = [*too_good(alone, settings.single_feature_auc_limit), *known_too_late(frame)]
    # parts that share cohorts are scored crosswise, so a model never scores customers whose outcomes it learned
    if split.out_of_time:
        findings += overlapping_outcomes(parts, ["train", "validation"], "test", split.horizon)
        if not split.short_history:
            findings += overlapping_outcomes(parts, ["train"], "validation", split.horizon)
    if findings:
        raise LeakFound(" ".join(findings))
    return alone
