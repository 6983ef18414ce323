"""Promotion decisions: recorded in models/champions, as tags of the MLflow version, and by the alias `champion`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion, lineage, timeline
from churn_assets.tracking.tracking import Tracking

BY_TRAINING = "training"  # prefix of `by` if a training decided, not a person


class PromotionError(RuntimeError):
    """The version cannot become champion; the message says why and what to do instead."""


@dataclass(frozen=True)
class Decision:
    """One decision: a row of models/champions without `decided_at`."""

    in_charge_from: date
    model_version: str
    trained_as_of: date
    promoted: bool
    previous_version: str | None
    why: str
    by: str
    auc_difference: float | None = None
    auc_difference_low: float | None = None
    auc_difference_high: float | None = None
    mlflow_run_id: str | None = None


def decided(lakehouse: Lakehouse) -> list[Champion]:
    """Returns the timeline of champions; empty before the first training."""
    return (
        timeline(lakehouse.arrow(tables.CHAMPIONS).to_pylist()) if lakehouse.exists(tables.CHAMPIONS) else []
    )


def record_decision(lakehouse: Lakehouse, tracking: Tracking, decision: Decision, run_id: str) -> None:
    """Records the decision; moves the alias `champion` if the version is now the last of the timeline.

    A decision for a date in the past leaves the alias unchanged. `decided_at` is always later than that of all earlier
    decisions, even if the clock was set back.
    """
    now = datetime.now(UTC)
    if lakehouse.exists(tables.CHAMPIONS):
        earlier = lakehouse.arrow(tables.CHAMPIONS, ["decided_at"])["decided_at"].to_pylist()
        now = max(now, max(earlier) + timedelta(microseconds=1))
    rows = tables.CHAMPIONS.rows([asdict(decision) | {"decided_at": now}])
    lakehouse.append_rows(tables.CHAMPIONS, rows, run_id=run_id)
    word = "promoted" if decision.promoted else "rejected"
    tracking.tag_version(decision.model_version, {"decision": word, "why": decision.why, "by": decision.by})
    line = decided(lakehouse)
    if decision.promoted and line[-1].model_version == decision.model_version:
        tracking.set_champion(decision.model_version)


def promote(
    lakehouse: Lakehouse, tracking: Tracking, model_version: str, in_charge_from: date, why: str, by: str
) -> Decision:
    """Makes a registered version the champion from a date on, by hand.

    Raises:
        PromotionError: no such version, its trained_as_of is after that date, or it is the champion already; or the
            current champion took over after that date.
    """
    trainings = (
        lakehouse.arrow(tables.TRAINING_RUNS).to_pylist() if lakehouse.exists(tables.TRAINING_RUNS) else []
    )
    known = {row["model_version"]: row for row in trainings}
    if model_version not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise PromotionError(f"There is no version {model_version}; models/training_runs has {listed}.")
    training, line = known[model_version], decided(lakehouse)
    trained_as_of: date = training["trained_as_of"]
    if trained_as_of > in_charge_from:
        raise PromotionError(
            f"Version {model_version} was trained as of {trained_as_of}: it cannot have been in charge from "
            f"{in_charge_from}. Choose a month from {trained_as_of:%Y-%m} on."
        )
    previous = line[-1].model_version if line else None
    if previous == model_version:
        raise PromotionError(f"Version {model_version} is in charge already.")
    if line and in_charge_from < line[-1].in_charge_from:
        raise PromotionError(
            f"Version {previous} is in charge from {line[-1].in_charge_from} on, so version {model_version} would be "
            f"champion only until then. Choose a month from {line[-1].in_charge_from:%Y-%m} on."
        )
    decision = Decision(
        in_charge_from,
        model_version,
        trained_as_of,
        True,
        previous,
        why,
        by,
        mlflow_run_id=training["mlflow_run_id"],
    )
    record_decision(lakehouse, tracking, decision, "by hand")
    return decision


def rollback(lakehouse: Lakehouse, tracking: Tracking, in_charge_from: date, why: str, by: str) -> Decision:
    """Makes the champion before the current one the champion again; a second call goes back one more.

    Raises:
        PromotionError: there was no earlier champion, or the current one took over after that date.
    """
    rows = lakehouse.arrow(tables.CHAMPIONS).to_pylist() if lakehouse.exists(tables.CHAMPIONS) else []
    line = lineage(rows)
    if len(line) < 2:
        raise PromotionError(f"There is no earlier champion to go back to{_of_the_past(timeline(rows))}.")
    return promote(lakehouse, tracking, line[-2], in_charge_from, why, by)


def _of_the_past(line: Sequence[Champion]) -> str:
    """Returns an addition to the error message: the champions of past months, as they are after a backtest.

    `rollback` does not return to these, because the current champion did not replace them.
    """
    if not line:
        return ""
    present = line[-1].model_version
    told = f": version {present} replaced none when it was first put in charge"
    others = [f"{c.model_version} (from {c.in_charge_from} on)" for c in line if c.model_version != present]
    if not others:
        return told
    return (
        f"{told}. Of past months other versions are in charge: {', '.join(others)}; `churn-assets promote VERSION` "
        "puts one of them in charge of the present"
    )
