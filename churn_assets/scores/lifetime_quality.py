"""scores/lifetime_quality: the survival view judged out of time, as the same view made at an earlier date.

Hazards are learned from what was known at an earlier as_of_date, and its customers are followed until today.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.ml.survival.follow_up import follow_up
from churn_assets.ml.survival.judgement import Judgement, judge, step_curve
from churn_assets.ml.survival.lifetimes import HORIZON_MONTHS, lifetimes
from churn_assets.scores.expected_lifetimes import hazards_of
from churn_assets.scores.past_snapshots import NoView, Past

# Fewer customers who left say nothing about a ranking.
LEAST_LEFT = 20
OK, NOT_JUDGED = "ok", "not judged"


@dataclass(frozen=True)
class ViewQuality:
    """The judgement of a view.

    Attributes:
        judged_as_of: the earlier as_of_date.
        until: the newest as_of_date that it had learned from by then.
        step: months of a step.
        judgement: the figures.
    """

    judged_as_of: date
    until: date
    step: int
    judgement: Judgement

    def row(self) -> dict[str, Any]:
        """Returns the columns of scores/lifetime_quality after the status."""
        found = asdict(self.judgement)
        steps, brier, plain = (found.pop(name) for name in ("steps", "brier", "baseline"))
        return {
            "judged_as_of_date": self.judged_as_of,
            "learned_until": self.until,
            "followed_months": steps * self.step,
            "customers": found.pop("customers"),
            "leavers": found.pop("left"),
            "brier": brier,
            "brier_kaplan_meier": plain,
            **{name.replace("gain", "brier_gain"): value for name, value in found.items()},
        }


def view_quality(past: Past, business: Business, features: list[str]) -> ViewQuality:
    """Judges the view that could have been made at an earlier date, by all that is known now.

    Raises:
        NoView: the history is too short, or too few customers left.
    """
    day = landmark(past)
    before = past.known_on(day)
    model = hazards_of(before, business, features)
    there = (past.labels["as_of_date"] == day).to_numpy()
    seen = follow_up(past.labels, past.step).at(there)
    steps = min(model.steps, _steps_from(past, day), -(-HORIZON_MONTHS // past.step))
    left = int((seen.at_risk & seen.left & (seen.steps < steps)).sum())
    if left < LEAST_LEFT:
        raise NoView(
            f"{counted(left, 'customer')} of {day} left in the months that followed; {LEAST_LEFT} are needed."
        )
    found = lifetimes(model, past.snapshots[there])
    curve = step_curve(before.landmarks().seen, model.steps)
    judgement = judge(found.survival, curve, found.months, seen, steps)
    return ViewQuality(day, before.until, past.step, judgement)


def landmark(past: Past) -> date:
    """Returns the as_of_date that leaves as much history to learn from before it as to follow after it.

    Raises:
        NoView: no date has both.
    """
    days: Sequence[date] = sorted(past.labels["as_of_date"].unique())
    rated = []
    for day in days:
        before = past.labels["month"][(past.labels["label_available_at"] <= day).to_numpy()]
        if len(before):
            learned = (before.max() - before.min()) // past.step + 1
            rated.append((min(learned, _steps_from(past, day)), day))
    if not rated:
        raise NoView("No settled cohort has an earlier one that was settled at its date.")
    return max(rated)[1]


def _steps_from(past: Past, day: date) -> int:
    """Returns how many steps can be followed from a date on."""
    months = past.labels["month"]
    start = int(months[(past.labels["as_of_date"] == day).to_numpy()].iloc[0])
    return int(months.max() - start) // past.step + 1
