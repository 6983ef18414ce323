"""Describes the method of a study in sentences for its report."""

from churn_assets.reporting.words import spoken
from churn_assets.study.folds import SEED
from churn_assets.study.preparation import MODEL_ROWS
from churn_assets.study.study import EXPLAINED_ROWS, Study
from churn_assets.study.survival import HAZARD_FEATURES, HAZARD_ROWS, SurvivalView


def method(study: Study) -> list[str]:
    """Returns one or more sentences per subject."""
    prepared, evaluation = study.prepared, study.evaluation
    lines = [
        (
            f"{len(prepared.frame):,} rows in the file, {prepared.target.known:,} with a known outcome, "
            f"{len(prepared.used):,} learned from (at most {MODEL_ROWS:,} are drawn, by whole customers), "
            f"{len(evaluation.judged):,} of them judged. Drivers and segments come from at most {EXPLAINED_ROWS:,}."
        ),
        (
            f"Judged {_folds(study)}. Filling, encoding, stacking weights and calibration are fitted on each fold's "
            "learning rows only."
        ),
        (
            "Models: ridge logistic regression; the same with numbers that may bend at eight quantiles (additive "
            "regression); gradient boosting in four shapes, shallow and deep, on all rows (histogram) and on samples "
            "of them (stochastic); an equal mixture of the best (soft voting); a mixture with weights fitted on "
            "out-of-fold predictions (stacking). Three inner folds choose the number of trees inside each fold's "
            "learning rows. No rows were resampled to change the share of churners."
        ),
        (
            "The interval of a mean comes from DeLong's variance within folds. The scored file gives the out-of-fold "
            "probability where a row was judged, and the final model's elsewhere."
        ),
        _moment(study),
    ]
    if isinstance(study.survival, SurvivalView):
        lines.append(
            f"When they leave: Kaplan-Meier curves by {study.survival.tenure.name}, and hazards in discrete time by a "
            f"penalised logistic regression of the {HAZARD_FEATURES} strongest other features at most, on at most "
            f"{HAZARD_ROWS:,} customers. Judged in the same folds by Uno's concordance and the integrated Brier score, "
            "both weighted for customers whose end was not seen."
        )
    if prepared.rows.groups is not None:
        lines.append(
            "Intervals treat the rows of one customer or group together; the choice of the model does not."
        )
    if study.model.weights:
        weights = ", ".join(f"{spoken(name)} {weight:.2f}" for name, weight in study.model.weights.items())
        lines.append(f"Weights of the final mixture: {weights}.")
    return lines


def _folds(study: Study) -> str:
    folds = len(study.evaluation.best.mean.folds)
    if study.prepared.request.time:
        return f"by time: rows are judged by what was learned from earlier rows, cut at {folds} dates"
    return f"in {folds} folds, stratified by outcome, shuffled with seed {SEED}"


def _moment(study: Study) -> str:
    if study.prepared.request.time:
        return "One file does not show whether an outcome was already known when a later row was observed."
    return (
        "Without --time the figures show how well the model ranks customers of one moment. A model achieves less on "
        "next month's customers. A file made after the outcome can contain leaks that no program detects."
    )
