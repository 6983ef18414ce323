"""Decides by a rule over matured cohorts whether the AUC has degraded, and gives the reasons in words.

A cohort counts against the champion when even the upper end of its AUC interval is below the champion's own
out-of-time AUC minus a margin. Chance alone seldom causes that once; the rule fires only when several of the last
cohorts agree, including the newest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.retraining import Degradation
from churn_assets.counts import counted
from churn_assets.ml.metrics.classification import OK
from churn_assets.months import month_index, month_of


@dataclass(frozen=True)
class Judged:
    """A matured cohort scored by the champion: its status and, when that is `ok`, its AUC with the 95 % interval."""

    as_of_date: date
    status: str
    positives: int
    auc: float | None = None
    auc_high: float | None = None


@dataclass(frozen=True)
class RetrainingDecision:
    """Whether to retrain, and why or why not, in words.

    `degraded` is whether the champion has become worse, which alone is no reason to retrain: see the cool-down. It is
    None where that cannot be judged.
    """

    retrain: bool
    reason: str
    degraded: bool | None = None


def judged_cohorts(rows: Sequence[Mapping[str, object]], model_version: str) -> list[Judged]:
    """The matured cohorts of one version, ascending, from rows of monitoring/model_performance."""
    found = [
        Judged(
            as_of_date=row["as_of_date"],  # type: ignore[arg-type]
            status=str(row["status"]),
            positives=int(row["positives"]),  # type: ignore[call-overload]
            auc=row["auc"],  # type: ignore[arg-type]
            auc_high=row["auc_high"],  # type: ignore[arg-type]
        )
        for row in rows
        if row["model_version"] == model_version and row["positives"] is not None
    ]
    return sorted(found, key=lambda c: c.as_of_date)


def decide(
    cohorts: Sequence[Judged], reference: float, last_trained_as_of: date, today: date, rule: Degradation
) -> RetrainingDecision:
    """Decides whether to retrain, from the matured cohorts known today.

    Args:
        cohorts: matured cohorts of the champion, ascending.
        reference: the champion's ROC-AUC on the test cohort of its own training.
        last_trained_as_of: of the newest training, whether or not its model became champion.
        today: last day of the newest closed month, which would be the next training's trained_as_of.
        rule: thresholds from churn.yaml.
    """
    if not rule.enabled:
        return RetrainingDecision(False, "Switched off in churn.yaml (retraining.degradation.enabled).")
    if not cohorts:
        return RetrainingDecision(False, "No cohort that the champion scored has matured yet.")
    bar = reference - rule.margin
    window = cohorts[-rule.of_last :]
    lines = [_distance(c, bar, rule) for c in window]
    told = f"Bar {bar:.3f} (reference {reference:.3f} minus {rule.margin:g}). " + " ".join(lines)
    newest = window[-1]
    if not _judgeable(newest, rule):
        return RetrainingDecision(False, f"{told} The newest cohort cannot be judged.")
    below = sum(_below(c, bar, rule) for c in window)
    if not _below(newest, bar, rule):
        return RetrainingDecision(False, f"{told} The newest cohort is not below the bar.", degraded=False)
    if below < rule.at_least:
        return RetrainingDecision(
            False,
            f"{told} {below} of the {rule.at_least} cohorts below the bar that it takes.",
            degraded=False,
        )
    age = month_index(month_of(today)) - month_index(month_of(last_trained_as_of))
    if age < rule.cool_down_months:
        return RetrainingDecision(
            False,
            f"{told} Degraded, but the last training (as of {last_trained_as_of}) is only {counted(age, 'month')} old; "
            f"the cool-down is {rule.cool_down_months}.",
            degraded=True,
        )
    if age <= 0:  # also without a cool-down
        return RetrainingDecision(
            False,
            f"{told} Degraded, but there is a training as of {last_trained_as_of}; another would learn from the same.",
            degraded=True,
        )
    return RetrainingDecision(
        True, f"{told} {below} of the last {len(window)} cohorts are below the bar.", degraded=True
    )


def _judgeable(cohort: Judged, rule: Degradation) -> bool:
    return cohort.status == OK and cohort.positives >= rule.minimum_positives and cohort.auc_high is not None


def _below(cohort: Judged, bar: float, rule: Degradation) -> bool:
    return _judgeable(cohort, rule) and cohort.auc_high is not None and cohort.auc_high < bar


def _distance(cohort: Judged, bar: float, rule: Degradation) -> str:
    if not _judgeable(cohort, rule) or cohort.auc_high is None:
        why = cohort.status if cohort.status != OK else f"fewer than {rule.minimum_positives}"
        return f"{cohort.as_of_date}: {cohort.positives} churners, {why}."
    side = (
        f"{cohort.auc_high - bar:.3f} above"
        if cohort.auc_high >= bar
        else f"{bar - cohort.auc_high:.3f} below"
    )
    return f"{cohort.as_of_date}: AUC {cohort.auc:.3f}, upper end {cohort.auc_high:.3f}, {side}."
