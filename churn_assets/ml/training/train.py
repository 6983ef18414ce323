"""One training: fit candidates on the past, choose and calibrate on later cohorts, test once on the last cohort."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import Metrics, by_tenure
from churn_assets.ml.metrics.drift import reference_statistics
from churn_assets.ml.portable.calibration import Calibration
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.training.checked_parts import check_parts, counts, parts_of, refuse_leaks, usable_parts
from churn_assets.ml.training.comparison import Selection, auc_text, evaluate_part, select
from churn_assets.ml.training.learner import FittedCandidates, Learner
from churn_assets.ml.training.result import TestedSample, TrainingResult
from churn_assets.ml.training.search import Found, Search, tuned
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IMPORTANCE_ROWS = 2000


def train(
    frame: pd.DataFrame,
    features: Sequence[str],
    split: Split,
    settings: TrainingSettings,
    spark: "Callable[[], SparkSession]",
    progress: Callable[[str], None] = lambda message: None,
    search: Search | None = None,
) -> TrainingResult:
    """Train on snapshots with settled labels.

    Transformation and candidates are fitted on the train part only. On the selection cohorts the training chooses the
    candidate (`choose`) and the number of train cohorts to learn from (`remembered`), and judges ensembles (`weigh`).
    The calibration is fitted on the calibration cohorts. The chosen model is then refitted on all cohorts whose
    outcomes were known at the test cohort (`Split.refitted`); it keeps the calibration and scores the test cohort once.
    If parts share cohorts, rows are scored crosswise (learner.py). If the test cohort also validates and has too few
    churners for both, the cohort before it validates instead (`Split.unhalved`).

    Args:
        frame: customer_key, as_of_date, label (0/1, none missing), the features, and optionally tenure_days and
            known_at. Cohorts outside the split are not trained on.
        features: declared features, in order.
        split: see `temporal_split`.
        spark: returns a Spark session; called only if a candidate needs it.
        progress: receives one line per step, without personal data.
        search: settings of a hyper-parameter search before the training; None: no search.

    Raises:
        KeyError: a column is missing.
        TrainingError: a part is empty, a label is missing, a customer appears twice in a cohort, or the train part has
            too few churners.
        LeakFound: features or split reveal the outcome (see leak_guards.py).
    """
    split, parts = usable_parts(frame, split, settings)
    alone = refuse_leaks(frame, parts, split, features, settings)
    learner = Learner(features, settings.seed, spark, settings.scratch, settings.engine)
    searched = tuned(parts["train"], split, settings.candidates, learner, search, progress) if search else ()
    learner = _with_settings(learner, searched)
    selection = select(frame, parts, split, learner, settings, progress)
    chosen, learning, parts = selection.chosen, selection.learning, selection.parts
    calibrated_on = chosen.scores(learning, parts["calibration"])
    calibration = Calibration.fit(calibrated_on, parts["calibration"]["label"].to_numpy(np.float64))
    # of a halved cohort only the test half is judged: the other half chose the model
    earlier = parts["validation"].iloc[:0] if selection.split.halved else parts["validation"]
    earlier_raw = chosen.scores(learning, earlier)
    split, parts, fitted = _refit(frame, selection, learner, settings, progress)
    model = PortableModel(chosen.name, *chosen.fitted(fitted), calibration)
    contributions = _contributions(model, parts["validation"], settings.seed)
    importance = _importance(contributions)
    rows = {name: counts(part) for name, part in parts.items()}
    made_of = {
        "members": chosen.members,
        "hyper_parameters": {name: dict(vars(learner.candidates[name])) for name in chosen.members},
    }
    cohorts = parts["train"][
        pd.to_datetime(parts["train"]["as_of_date"]).isin(pd.to_datetime(list(split.train)))
    ]
    model = _with_about(model, split, rows, importance, made_of, cohorts, calibrated_on)
    raw = chosen.scores(fitted, parts["test"])
    probability = calibration.apply(raw)
    test = evaluate_part(parts["test"], raw, probability, settings)
    progress(f"{chosen.name} chosen; test {split.test} AUC {auc_text(test)}")
    judged = [(earlier, earlier_raw, calibration.apply(earlier_raw)), (parts["test"], raw, probability)]
    return TrainingResult(
        model=model,
        chosen=chosen.name,
        candidates=selection.results(),
        ensemble=selection.why,
        searched=searched,
        test=test,
        test_by_tenure=_by_tenure(parts["test"], raw, probability, settings),
        split=split,
        rows=rows,
        importance=importance,
        contributions=contributions,
        alone=alone,
        judged=pd.concat([_judged(*part) for part in judged if len(part[0])], ignore_index=True),
        tested=TestedSample(parts["test"]["label"].to_numpy(np.float64), raw, probability),
    )


def _refit(
    frame: pd.DataFrame,
    selection: Selection,
    learner: Learner,
    settings: TrainingSettings,
    progress: Callable[[str], None],
) -> tuple[Split, dict[str, pd.DataFrame], FittedCandidates]:
    """Fits what was chosen on all cohorts whose outcomes were known at the test cohort; see `Split.refitted`."""
    split = selection.split.refitted()
    if split == selection.split:
        return split, selection.parts, selection.learning
    parts = parts_of(frame, split)
    check_parts(parts, settings)
    progress(
        f"fitting {selection.chosen.name} once more, on the {len(parts['train']):,} snapshots known on {split.test}"
    )
    return split, parts, FittedCandidates(parts["train"], learner)


def _by_tenure(
    part: pd.DataFrame,
    raw: NDArray[np.float64],
    probability: NDArray[np.float64],
    settings: TrainingSettings,
) -> dict[str, Metrics]:
    """Returns the metrics by tenure band; none without the column."""
    if "tenure_days" not in part:
        return {}
    scored = part.assign(raw=raw, probability=probability)
    return by_tenure(scored, settings.capacity, settings.minimum_positives)


def _judged(part: pd.DataFrame, raw: NDArray[np.float64], probability: NDArray[np.float64]) -> pd.DataFrame:
    return part[["customer_key", "as_of_date", "label"]].assign(raw=raw, probability=probability)


def _with_settings(learner: Learner, searched: Sequence[Found]) -> Learner:
    """Returns the learner with the hyper-parameters that the search found."""
    changed: dict[str, Any] = {found.candidate: learner.candidates[found.candidate] for found in searched}
    better = {found.candidate: replace(changed[found.candidate], **found.settings) for found in searched}
    return replace(learner, candidates={**learner.candidates, **better})


def _contributions(model: PortableModel, part: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Contributions of a sample of rows, by feature, with the rows' customer_key as index."""
    sample = part.sample(min(IMPORTANCE_ROWS, len(part)), random_state=seed)
    return model.contributions(sample).set_axis(pd.Index(sample["customer_key"], name="customer_key"))


def _importance(contributions: pd.DataFrame) -> dict[str, float]:
    """Mean absolute contribution per feature, largest first."""
    means = contributions.abs().mean().sort_values(ascending=False, kind="stable")
    return {str(name): float(value) for name, value in means.items()}


def _with_about(
    model: PortableModel,
    split: Split,
    rows: dict[str, dict[str, int]],
    importance: dict[str, float],
    made_of: dict[str, Any],
    cohorts: pd.DataFrame,
    calibrated_on: NDArray[np.float64],
) -> PortableModel:
    """Returns the model with the figures that monitoring needs.

    The reference of the features is the train cohorts, without days between cohorts, because later cohorts are compared
    with it. The reference of the scores is the calibration part, because scores of rows that a model was fitted on are
    too extreme.
    """
    scores = pd.DataFrame({"raw": calibrated_on, "probability": model.calibration.apply(calibrated_on)})
    about = {
        "split": split.as_dict(),
        "out_of_time": split.out_of_time,
        "rows": rows,
        "importance": importance,
        **made_of,
        "reference_features": reference_statistics(cohorts, model.transformation.features),
        "reference_scores": reference_statistics(scores, ["raw", "probability"]),
    }
    return PortableModel(model.candidate, model.transformation, model.scorer, model.calibration, about)
