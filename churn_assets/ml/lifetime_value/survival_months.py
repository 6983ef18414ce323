"""Discounted months of customers from their survival curves: the months in which they are expected to pay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEWTON_STEPS = 40
LARGEST_STEP = 1.0
LEAST_SURVIVAL = 1e-12


@dataclass(frozen=True)
class SurvivalCurves:
    """Survival curves that are known at some months, with a constant hazard between them and after the last.

    Attributes:
        months: ascending from 0 on.
        log_survival: customers x months, from 0 down.
    """

    months: Floats
    log_survival: Floats

    @classmethod
    def through(cls, months: Floats, survival: Floats) -> "SurvivalCurves":
        """Returns the curves through the survival (customers x months) at some months after 0."""
        at = np.maximum.accumulate(-np.log(np.clip(survival, LEAST_SURVIVAL, 1.0)), axis=1)
        zero = np.zeros((len(survival), 1))
        return cls(np.concatenate([[0.0], months]), np.hstack([zero, -at]))

    def at(self, months: Floats) -> Floats:
        """Returns the logarithm of survival at some months; customers x months."""
        place = np.clip(np.searchsorted(self.months, months, side="right") - 1, 0, len(self.months) - 2)
        left, right = self.months[place], self.months[place + 1]
        slope = (self.log_survival[:, place + 1] - self.log_survival[:, place]) / (right - left)
        found: Floats = self.log_survival[:, place] + slope * (months - left)
        return found

    def with_mean(self, mean: Floats, horizon: float) -> "SurvivalCurves":
        """Returns the curves with all hazards of a customer scaled so that the mean within the horizon is `mean`."""
        grid = _grid(0.0, horizon)
        log, weight = self.at(grid), _areas(grid, 0.0)
        scale = np.zeros(len(mean))  # logarithm of the factor of the hazards
        moves = log[:, -1] < 0
        for _ in range(NEWTON_STEPS):
            survival = np.exp(np.exp(scale)[:, None] * log)
            slope = ((survival * log) @ weight) * np.exp(scale)
            off = survival @ weight - mean
            with np.errstate(
                over="ignore"
            ):  # of a slope near 0 the step is infinite, and is cut to the largest
                step = np.where(moves & (slope < 0), -off / np.where(slope < 0, slope, -1.0), 0.0)
            scale += np.clip(step, -LARGEST_STEP, LARGEST_STEP)
            if np.abs(step).max(initial=0.0) < 1e-9:
                break
        return SurvivalCurves(self.months, self.log_survival * np.exp(scale)[:, None])

    def discounted(self, start: float, end: float, rate_per_year: float) -> Floats:
        """Returns the expected months from `start` to `end` of those who are there at `start`, discounted to month 0.

        Args:
            start, end: months.
            rate_per_year: 0.1 makes 1.10 in a year worth 1 today.
        """
        grid = _grid(start, end)
        log = self.at(grid)
        survival = np.exp(log - log[:, :1])
        months: Floats = survival @ _areas(grid, rate_per_year)
        return months


def _grid(start: float, end: float) -> Floats:
    """Returns months from start to end, at most one apart."""
    return np.unique(np.append(np.arange(start, end, 1.0), end))


def _areas(grid: Floats, rate_per_year: float) -> Floats:
    """Returns the weights of survival at the months of a grid in its discounted area, by trapezoids."""
    width = np.diff(grid) * (1 + rate_per_year) ** (-(grid[1:] + grid[:-1]) / 24)
    return np.asarray((np.append(width, 0.0) + np.append(0.0, width)) / 2, dtype=np.float64)
