"""Expected months until leaving, within a horizon (restricted mean), and survival at fixed months ahead."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.survival.hazard_model import HazardModel, one_thread

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054
HORIZON_MONTHS = 12
BLOCK = 50_000


@dataclass(frozen=True)
class Lifetimes:
    """One entry per customer.

    Attributes:
        horizon: months ahead that `months` is restricted to.
        months, low, high: expected months until leaving, at most `horizon`, with the 95 % interval of this mean.
        survival: chance to be still there after 0, 1, 2 ... steps; shape (customers, steps + 1).
        step: months of a step.
    """

    horizon: int
    months: Floats
    low: Floats
    high: Floats
    survival: Floats
    step: int

    def after(self, months: int) -> Floats | None:
        """Returns the chance to be still there after some months; None beyond the horizon."""
        return survival_after(self.survival, months / self.step) if months <= self.horizon else None


def survival_after(survival: Floats, steps: float) -> Floats:
    """Returns survival after a number of steps, with a constant hazard inside a step."""
    whole = int(steps)
    part = steps - whole
    if part == 0:
        return survival[:, whole]
    inside: Floats = survival[:, whole] ** (1 - part) * survival[:, whole + 1] ** part
    return inside


def lifetimes(model: HazardModel, frame: pd.DataFrame) -> Lifetimes:
    """Returns the expected lifetimes of snapshots, counted from the end of the gap and given that they are there then.

    The horizon is HORIZON_MONTHS, or as far ahead as the model has seen if that is less.
    """
    found = expected_within(model, frame, np.zeros(len(frame)), horizon_of(model) / model.step)
    months, low, high = (model.step * steps for steps in found[:3])
    return Lifetimes(horizon_of(model), months, low, high, found[3], model.step)


def expected_within(
    model: HazardModel, frame: pd.DataFrame, passed: Floats, horizon: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Returns per row the expected steps until leaving within `horizon`, with the 95 % interval, and the survival.

    Args:
        passed: steps ahead at which each customer is known to be there; the steps are counted from then on.
        horizon: steps, not always whole.
    """
    blocks = [slice(at, at + BLOCK) for at in range(0, max(len(frame), 1), BLOCK)]
    with one_thread():
        parts = [_block(model, frame.iloc[block], passed[block], horizon) for block in blocks]
    steps, low, high, survival = (np.concatenate(column) for column in zip(*parts, strict=True))
    return steps, low, high, survival


def horizon_of(model: HazardModel) -> int:
    """Returns the months ahead that a model can speak of."""
    return min(HORIZON_MONTHS, model.steps * model.step)


def _block(
    model: HazardModel, frame: pd.DataFrame, passed: Floats, horizon: float
) -> tuple[Floats, Floats, Floats, Floats]:
    steps = math.ceil(horizon)
    designs = list(model.designs(frame, (passed + at for at in range(steps))))
    hazard = np.column_stack([sigmoid(design @ model.weights) for design in designs])
    survival = np.column_stack([np.ones(len(frame)), np.cumprod(1 - hazard, axis=1)])
    width = _widths(horizon, steps)
    expected = survival @ width
    # the area behind each step falls by the hazard of that step times its slope
    behind = np.cumsum((survival * width)[:, :0:-1], axis=1)[:, ::-1]
    slope = -sum((hazard[:, at] * behind[:, at])[:, None] * designs[at] for at in range(steps))
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slope, model.covariance, slope, optimize=True), 0))
    share = np.clip(expected / horizon, 1e-9, 1 - 1e-9)
    # on the log-log scale the interval stays between 0 and the horizon
    deviation = Z_95 * error / horizon / (share * -np.log(share))
    low, high = (horizon * share ** np.exp(sign * deviation) for sign in (1, -1))
    return expected, low, high, survival


def _widths(steps: float, whole: int) -> Floats:
    """Returns the weights of survival at 0, 1, ... steps in its area up to `steps`, by trapezoids."""
    width = np.zeros(whole + 1)
    for at in range(whole):
        part = min(1.0, steps - at)
        width[at] += part * (1 - part / 2)
        width[at + 1] += part * part / 2
    return width
