"""When customers leave: retention curves by tenure, and how long each active customer is expected to stay.

Each row counts from the day on which its customer came to its tenure, at which the customer left or was still there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.survival.follow_up import FollowUp
from churn_assets.ml.survival.hazard_model import HazardModel, Landmarks, fit_hazards, observed_steps
from churn_assets.ml.survival.judgement import Judgement, judge, step_curve
from churn_assets.ml.survival.kaplan_meier import RetentionCurve, kaplan_meier
from churn_assets.ml.survival.lifetimes import expected_within
from churn_assets.ml.training.leak_guards import auc_alone
from churn_assets.study.drivers import Driver
from churn_assets.study.evaluation import Evaluation
from churn_assets.study.folds import SEED, drawn
from churn_assets.study.preparation import Prepared
from churn_assets.study.subgroups import LEAST_ROWS, groups_of
from churn_assets.study.tenure import Tenure, runs_with

Floats = NDArray[np.float64]
# Hazards are learned in steps of about a 12th of the usual tenures: smaller ones hold too few customers who left late.
# Curves have up to 120 steps.
HAZARD_STEPS, CURVE_STEPS = 12, 120
# Rows that the hazards are learned from and judged on, at most; and features.
HAZARD_ROWS, HAZARD_FEATURES = 20_000, 30
# Features whose values have curves of their own.
GROUPINGS = 3


@dataclass(frozen=True)
class NoCurve:
    """There are no such curves; `why` is a sentence."""

    why: str


@dataclass(frozen=True)
class GroupCurve:
    """The retention curve of a group.

    Attributes:
        grouping, group: feature in words and its value; both empty for all customers.
        customers, left: rows of the group, and those of them who left.
        ages: tenure at the end of each step.
        shares, low, high: share still there at these tenures, with its 95 % interval.
    """

    grouping: str
    group: str
    customers: int
    left: int
    ages: Floats
    shares: Floats
    low: Floats
    high: Floats

    def after(self, tenure: float) -> tuple[float, float, float] | None:
        """Returns the share still there at a tenure, with its interval; None beyond the curve."""
        at = int(np.searchsorted(self.ages, tenure * (1 + 1e-9), side="right")) - 1
        if tenure > self.ages[-1] * (1 + 1e-9) or at < 0:
            return None
        return float(self.shares[at]), float(self.low[at]), float(self.high[at])

    def half_gone(self) -> float | None:
        """Returns the tenure by which half have left; None if more than half are there at the curve's end."""
        gone = np.flatnonzero(self.shares <= 0.5)
        return float(self.ages[gone[0]]) if len(gone) else None


@dataclass(frozen=True)
class ExpectedStay:
    """How much longer the active customers of a group stay within the horizon: mean, and the middle 80 %."""

    grouping: str
    group: str
    customers: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Hazards:
    """Hazards by features, and how good they are on customers that they were not learned from.

    Attributes:
        judgement: out of fold, against the curve of all customers.
        running: features that run with the tenure and were not used.
        horizon: how far ahead a stay is expected, in the unit of the tenure.
        until: tenure up to which enough customers were seen to leave. Nothing is known beyond.
        beyond: active customers whose horizon ends beyond `until`.
        stay: per row of the file the expected stay, its low and its high bound; NaN for those who left, whose tenure is
            missing or whose horizon ends beyond `until`. All NaN if the judgement is not better than the curve.
        groups: the same by group.
    """

    judgement: Judgement
    running: tuple[str, ...]
    horizon: float
    until: float
    beyond: int
    stay: Floats
    groups: tuple[ExpectedStay, ...]


@dataclass(frozen=True)
class SurvivalView:
    """The view.

    Attributes:
        tenure: the column.
        curves: of all customers, then by the values of the strongest features.
        hazards: how long each customer stays, or why that is not said.
    """

    tenure: Tenure
    curves: tuple[GroupCurve, ...]
    hazards: Hazards | NoCurve


@dataclass(frozen=True)
class _Rows:
    """The used rows with a tenure: positions among the used rows, features, tenures, whether they left, folds."""

    at: NDArray[np.intp]
    frame: pd.DataFrame
    tenure: Floats
    left: NDArray[np.bool_]
    fold: NDArray[np.int64]


def survival_view(
    prepared: Prepared, evaluation: Evaluation, drivers: Sequence[Driver]
) -> SurvivalView | NoCurve | None:
    """Returns the view; None if no column is a tenure.

    Args:
        drivers: strongest first.
    """
    tenure = prepared.tenure
    if tenure is None:
        return None
    if prepared.request.time or prepared.unit == "rows":
        return NoCurve(
            f"There is no retention curve by {tenure.name}: it needs one row per customer, and this file holds several "
            "moments."
        )
    values = tenure.values[prepared.used]
    at = np.flatnonzero(~np.isnan(values))
    rows = _Rows(
        at,
        prepared.modelled.iloc[at].reset_index(drop=True),
        values[at],
        prepared.rows.labels[at] == 1,
        evaluation.fold[at],
    )
    features = [str(name) for name in rows.frame if name != tenure.name]
    running = [name for name in features if runs_with(rows.frame[name], rows.tenure)]
    shown = [driver for driver in drivers if driver.name not in (tenure.name, *running)][:GROUPINGS]
    curves = _curves(rows, shown)
    if not curves:
        return NoCurve(f"There is no retention curve by {tenure.name}: too few rows have a value.")
    free = [name for name in features if name not in running]
    return SurvivalView(tenure, curves, _hazards(prepared, tenure, rows, free, running, shown))


def followed(tenure: Floats, left: NDArray[np.bool_], step: float) -> FollowUp:
    """Returns the follow-up of customers from the day they came.

    Who was still there counts in a step if the tenure covers at least half of it: so as many are at risk as on average.
    """
    whole = np.where(left, np.maximum(np.ceil(tenure / step) - 1, 0), np.floor(tenure / step + 0.5))
    everybody = np.ones(len(tenure), dtype=bool)
    return FollowUp(everybody, whole.astype(np.int64), left, ~everybody)


def step_of(tenure: Floats, most: int) -> float:
    """Returns a step that cuts the usual tenures into at most `most`; whole if they are whole numbers."""
    width = float(np.quantile(tenure, 0.99)) / most
    if width >= 1:
        return float(math.ceil(width))
    return 1.0 if (tenure % 1 == 0).all() else max(width, 1e-6)


def retention(seen: FollowUp) -> RetentionCurve | None:
    """Returns the Kaplan-Meier curve of customers who were followed from the day they came."""
    count = seen.steps + seen.left
    ends = np.cumsum(count)
    age = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)
    left = np.zeros(len(age), dtype=bool)
    left[ends[seen.left] - 1] = True
    return kaplan_meier(age, left)


def _curves(rows: _Rows, shown: Sequence[Driver]) -> tuple[GroupCurve, ...]:
    step = step_of(rows.tenure, CURVE_STEPS)
    everybody = np.ones(len(rows.tenure), dtype=bool)
    groups = [("", "", everybody), *_groups(rows.frame, shown)]
    found = []
    for grouping, group, chosen in groups:
        seen = followed(rows.tenure[chosen], rows.left[chosen], step)
        curve = retention(seen)
        if curve is None or curve.first_age:
            continue
        ages = step * np.arange(1, len(curve.retention) + 1, dtype=np.float64)
        bounds = (curve.retention, curve.low, curve.high)
        found.append(GroupCurve(grouping, group, int(chosen.sum()), int(seen.left.sum()), ages, *bounds))
    return tuple(found)


def _groups(frame: pd.DataFrame, shown: Sequence[Driver]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Returns feature, value and rows of each group that is large enough."""
    return [
        (driver.words, value, chosen)
        for driver in shown
        for value, chosen in groups_of(frame[driver.name])
        if chosen.sum() >= LEAST_ROWS
    ]


def _hazards(
    prepared: Prepared,
    tenure: Tenure,
    rows: _Rows,
    features: list[str],
    running: list[str],
    shown: Sequence[Driver],
) -> Hazards | NoCurve:
    """Returns the hazards, learned from and judged on at most HAZARD_ROWS rows."""
    if not features:
        return NoCurve("No feature is left that does not run with the tenure.")
    part = drawn(np.arange(len(rows.at)), None, HAZARD_ROWS)
    frame, step = rows.frame.iloc[part].reset_index(drop=True), step_of(rows.tenure, HAZARD_STEPS)
    seen, fold = followed(rows.tenure[part], rows.left[part], step), rows.fold[part]
    steps = len(observed_steps(seen, HAZARD_STEPS))
    models = [_fitted(frame, seen, fold != number, features, steps) for number in np.unique(fold)]
    steps = min((model.steps if model else 0 for model in models), default=0)
    model = _fitted(frame, seen, np.ones(len(frame), dtype=bool), features, steps)
    if not steps or model is None:
        return NoCurve("Too few customers left early to learn how long each one stays.")
    survival = np.empty((len(frame), steps + 1))
    for number, learned in zip(np.unique(fold), models, strict=True):
        assert learned is not None  # noqa: S101 (tells the type; else there are no steps)
        survival[fold == number] = _survival(learned, frame[fold == number], steps)
    try:
        judgement = judge(survival, step_curve(seen, steps), survival.sum(axis=1), seen, steps)
    except ValueError as error:
        return NoCurve(f"How long each customer stays cannot be judged: {error}.")
    until = steps * step
    horizon = min(float(tenure.year), until / 2)
    stay = np.full((len(prepared.frame), 3), np.nan)
    active = (prepared.target.labels != 1) & ~prepared.unlike
    late = active & (tenure.values + horizon > until)
    if judgement.is_better:
        of = np.flatnonzero(active & (tenure.values + horizon <= until))
        expected = expected_within(model, prepared.frame.iloc[of], tenure.values[of] / step, horizon / step)
        stay[of] = step * np.column_stack(expected[:3])
    groups = _expected(stay[prepared.used[rows.at], 0], rows, shown)
    return Hazards(judgement, tuple(running), horizon, until, int(late.sum()), stay, groups)


def _fitted(
    frame: pd.DataFrame, seen: FollowUp, learn: NDArray[np.bool_], features: list[str], steps: int
) -> HazardModel | None:
    """Returns the hazards of the learning rows by their strongest features."""
    part = frame.iloc[np.flatnonzero(learn)].reset_index(drop=True)
    labels = seen.left[learn].astype(np.float64)
    if len(features) > HAZARD_FEATURES:
        alone = {name: auc_alone(part[name], labels) for name in features}
        features = sorted(features, key=lambda name: -alone[name])[:HAZARD_FEATURES]
    past = Landmarks(part[features], seen.at(learn), np.arange(len(part)).astype(object))
    return fit_hazards(past, features, {}, 1, steps, SEED)


def _survival(model: HazardModel, frame: pd.DataFrame, steps: int) -> Floats:
    """Returns the chance to be there after 0, 1, ... steps from the day a customer came."""
    survival = np.ones((len(frame), steps + 1))
    aheads = (np.full(len(frame), float(at)) for at in range(steps))
    for at, design in enumerate(model.designs(frame, aheads)):
        hazard = sigmoid(design @ model.weights)
        survival[:, at + 1] = survival[:, at] * (1 - hazard)
    return survival


def _expected(stay: Floats, rows: _Rows, shown: Sequence[Driver]) -> tuple[ExpectedStay, ...]:
    """Returns the expected stay of all active customers, and by group."""
    everybody = np.ones(len(stay), dtype=bool)
    found = []
    for grouping, group, chosen in [("", "", everybody), *_groups(rows.frame, shown)]:
        known = stay[chosen & ~np.isnan(stay)]
        if len(known) >= LEAST_ROWS:
            low, high = np.quantile(known, [0.1, 0.9])
            found.append(
                ExpectedStay(grouping, group, len(known), float(known.mean()), float(low), float(high))
            )
    return tuple(found)
