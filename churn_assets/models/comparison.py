"""Compares a new model with the champion on the same customers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from churn_assets.lakehouse import tables
from churn_assets.models.champions import learned_up_to
from churn_assets.models.decisions import last_good, way_out
from churn_assets.models.request import Sample, TrainingRequest

if TYPE_CHECKING:
    from churn_assets.ml.training.result import TrainingResult
    from churn_assets.models.promotion_rule import Verdict


def compare(training: TrainingRequest, sample: Sample, result: "TrainingResult") -> "Verdict":
    """Compares the new model with the champion at trained_as_of and returns the verdict."""
    from churn_assets.models.promotion_rule import (
        first_champion,
        judge_challenger,
        no_champion_left,
        nothing_matured,
        speechless_champion,
    )
    from churn_assets.models.undeclared_features import undeclared, with_undeclared, without_values

    lakehouse, before = training.lakehouse, sample.before
    if before is None:
        return first_champion()
    good = last_good(lakehouse, training.tracking, training.trained_as_of)
    if good is None:
        return no_champion_left(before.model_version)
    if good != before:
        verdict = compare(training, replace(sample, before=good), result)
        against = f"version {before.model_version} was deleted in MLflow, compared with version {good.model_version}"
        stays = "" if verdict.promoted else f". {way_out(lakehouse, training.tracking, before)}"
        return replace(verdict, why=f"{against}: {verdict.why}{stays}")
    tested, day = sample.frame[result.tested_in(sample.frame)], result.split.test
    rival = training.tracking.load_version(before.model_version)
    if lost := undeclared(rival.transformation.features, training.business.features):
        if gone := without_values(lakehouse, lost, [day]):
            return speechless_champion(gone)
        tested = with_undeclared(lakehouse, tested, lost, day)
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    if learned_up_to(trainings, before.model_version, day):
        return nothing_matured(day)
    champion = rival.score(tested)["raw"].to_numpy()
    rule = training.business.file.retraining.promotion
    return judge_challenger(
        result.tested.labels, result.tested.raw, champion, result.test, sample.weakness, rule
    )
