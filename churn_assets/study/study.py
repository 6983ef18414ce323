"""Runs a study of one file: prepares, judges, explains and scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.profit import MaximumProfit, expected_maximum_profit
from churn_assets.ml.portable.reasons_in_words import REASONS, main_drivers, reasons
from churn_assets.ml.portable.transformation import NumericColumn
from churn_assets.study.drivers import Driver, Segment, features_of, global_drivers, risk_tiers, segments
from churn_assets.study.effects import Effect, effects
from churn_assets.study.evaluation import Evaluation, FinalModel, few_threads, fit_final, judge
from churn_assets.study.excess import excess_findings
from churn_assets.study.folds import SEED
from churn_assets.study.leak_finding import LeakFinding
from churn_assets.study.leaks import figure_findings
from churn_assets.study.preparation import Prepared, Request, prepare
from churn_assets.study.survival import NoCurve, SurvivalView, survival_view

# At most this many rows are explained to find global drivers and segments.
EXPLAINED_ROWS = 20_000
SCORED_AT_ONCE = 100_000

Progress = Callable[[str], Any]


@dataclass(frozen=True)
class Study:
    """Result of a study.

    Attributes:
        prepared: request, file, columns and rows.
        findings: leaks and warnings.
        evaluation, model: figures out of fold; the model fitted on all used rows.
        drivers, segments: strongest first; riskiest first.
        effects: curves of the strongest drivers.
        money: EMPC of the chosen contender out of fold.
        survival: when customers leave; None if no column is a tenure.
        scored: id (or row), outcome, probability, scored_by, risk, reason_1..3; one row per row of the file, in its
            order. Rows that cannot be judged have no probability, see `Prepared.unlike`. With a survival view better
            than the curve of all, also expected_<unit> with _low and _high, see `Hazards.stay`.
    """

    prepared: Prepared
    findings: tuple[LeakFinding, ...]
    evaluation: Evaluation
    model: FinalModel
    drivers: tuple[Driver, ...]
    segments: tuple[Segment, ...]
    effects: tuple[Effect, ...]
    money: MaximumProfit
    survival: SurvivalView | NoCurve | None
    scored: pd.DataFrame

    def judged(self) -> str:
        """Returns the judged rows in words, see `Prepared.people`."""
        return self.prepared.people(self.prepared.used[self.evaluation.judged])

    def figures(self) -> dict[str, float]:
        """Returns the metrics of the study by name, for MLflow."""
        best = self.evaluation.best
        found = {
            "auc": best.mean.auc,
            "auc_low": best.mean.low,
            "auc_high": best.mean.high,
            "auc_chosen_inside_folds": self.evaluation.chosen_inside.auc,
            "auc_shuffled_labels": self.evaluation.shuffled.auc,
            "empc": self.money.profit,
            "empc_fraction": self.money.fraction,
            "rows": float(len(self.prepared.frame)),
            "modelled": float(len(self.prepared.used)),
            "leaks": float(sum(finding.kind == "leak" for finding in self.findings)),
        }
        metrics = (
            "pr_auc",
            "brier",
            "log_loss",
            "calibration_slope",
            "calibration_intercept",
            "lift_top_decile",
        )
        found |= {name: float(getattr(best.metrics, name)) for name in metrics}
        found |= self._survival_figures()
        return found | {
            f"auc.{contender.name}": contender.mean.auc for contender in self.evaluation.contenders
        }

    def _survival_figures(self) -> dict[str, float]:
        if not isinstance(self.survival, SurvivalView) or isinstance(self.survival.hazards, NoCurve):
            return {}
        judged = self.survival.hazards.judgement
        return {
            "survival_concordance": judged.concordance,
            "survival_brier": judged.brier,
            "survival_brier_kaplan_meier": judged.baseline,
        }


def run_study(request: Request, progress: Progress = lambda message: None) -> Study:
    """Runs a study; writes nothing.

    Args:
        progress: receives a line at the start of each step.

    Raises:
        StudyError: the file or the request cannot be studied; see its message.
    """
    prepared = prepare(request, progress)
    rows, labels = prepared.modelled, prepared.rows.labels
    with few_threads(len(rows)):
        evaluation = judge(rows, prepared.rows, prepared.modelled_keys, progress)
        progress("fitting the final model")
        model = fit_final(rows, prepared.rows, evaluation)
        progress("scoring every row, with reasons")
        scored = _scored(prepared, model, evaluation)
    best, shuffled = evaluation.best, evaluation.shuffled
    explained, positions = _explained(rows, model, evaluation)
    told = features_of(prepared.features)
    drivers = global_drivers(rows, labels, explained, told)
    at = np.searchsorted(evaluation.judged, positions)
    tiers = risk_tiers(best.probability, float(evaluation.labels.mean()))
    judged = rows.iloc[evaluation.judged].reset_index(drop=True)
    with few_threads(len(rows)):
        survival = survival_view(prepared, evaluation, drivers)
    return Study(
        prepared=prepared,
        findings=(
            *prepared.findings,
            *figure_findings(best.mean.auc, shuffled.low, shuffled.high),
            *excess_findings(judged, evaluation.labels, best.mean.auc, [driver.name for driver in drivers]),
        ),
        evaluation=evaluation,
        model=model,
        drivers=tuple(drivers),
        segments=tuple(
            segments(
                tiers[at],
                main_drivers(explained, told).tolist(),
                best.probability[at],
                evaluation.labels[at],
            )
        ),
        effects=effects(model, rows, drivers),
        money=expected_maximum_profit(evaluation.labels, best.log_odds, prepared.economics),
        survival=survival,
        scored=_with_stay(scored, survival),
    )


def _scored(prepared: Prepared, model: FinalModel, evaluation: Evaluation) -> pd.DataFrame:
    """Returns probability and reasons per row; out-of-fold probability if judged, else the final model's."""
    frame, told = prepared.frame, features_of(prepared.features)
    medians = {
        part.feature: part.median for part in model.transformation.parts if isinstance(part, NumericColumn)
    }
    columns = [f"reason_{at + 1}" for at in range(REASONS)]
    probability, why = [], []
    for start in range(0, len(frame), SCORED_AT_ONCE):
        part = frame.iloc[start : start + SCORED_AT_ONCE].reset_index(drop=True)
        matrix = model.transformation.transform(part)
        probability.append(model.probability(matrix))
        said = reasons(part, model.contributions(matrix), told, medians)
        why.append(pd.DataFrame(said, columns=columns, dtype="string[pyarrow]"))
    p, scored_by = np.concatenate(probability), np.full(len(frame), "final model", dtype=object)
    judged = prepared.used[evaluation.judged]
    p[judged], scored_by[judged] = evaluation.best.probability, "out of fold"
    # the final model has learned from the row that a copy equals
    p, scored_by = p[prepared.twin], scored_by[prepared.twin]
    known = ~prepared.unlike
    risk = np.full(len(frame), None, dtype=object)
    if known.any():
        risk[known] = risk_tiers(p[known], float(evaluation.labels.mean()))
    scored_by[~known] = "not scored: unlike the judged rows"
    labels = prepared.target.labels
    table = pd.DataFrame(
        {
            prepared.request.id or "row": prepared.keys,
            "outcome": np.select([labels == 1, labels == 0], ["left", "stayed"], default="unknown"),
            "probability": np.where(known, p.round(6), np.nan),
            "scored_by": scored_by,
            "risk": risk,
        }
    )
    named = pd.concat(why, ignore_index=True)
    named[~known] = pd.NA
    return pd.concat([table, named], axis=1)


def _with_stay(scored: pd.DataFrame, survival: SurvivalView | NoCurve | None) -> pd.DataFrame:
    """Returns the scored rows with the expected stay, if it is better than the curve of all."""
    if not isinstance(survival, SurvivalView) or isinstance(survival.hazards, NoCurve):
        return scored
    if not survival.hazards.judgement.is_better:
        return scored
    names = [f"expected_{survival.tenure.unit}{bound}" for bound in ("", "_low", "_high")]
    return scored.assign(**dict(zip(names, survival.hazards.stay.round(2).T, strict=True)))


def _explained(
    modelled: pd.DataFrame, model: FinalModel, evaluation: Evaluation
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Returns the contributions of a sample of the judged rows, and their positions among the used rows."""
    rows = evaluation.judged
    if len(rows) > EXPLAINED_ROWS:
        rows = np.sort(np.random.default_rng(SEED).choice(rows, EXPLAINED_ROWS, replace=False))
    return model.contributions(model.transformation.transform(modelled.iloc[rows])), rows
