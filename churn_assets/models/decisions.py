"""Promotion decisions: recorded in models/champions, as tags of the MLflow version, and by the alias `champion`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion, champion_at, lineage, timeline
from churn_assets.operations.changes.change import ProposedChange, Type, recorded
from churn_assets.tracking.errors import VersionGone
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    from churn_assets.ml.portable.model import PortableModel

BY_TRAINING = "training"  # prefix of `by` if a training decided, not a person


class ChampionGone(RuntimeError):
    """The model of a champion was deleted in MLflow; the message names the last good version and the command."""


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


def last_good(lakehouse: Lakehouse, tracking: Tracking, day: date) -> Champion | None:
    """Returns the last champion whose model MLflow still has, of those in charge on or before `day`.

    Of two champions of one date the earlier decision counts where the later one's model is gone.
    """
    rows = lakehouse.arrow(tables.CHAMPIONS).to_pylist() if lakehouse.exists(tables.CHAMPIONS) else []
    kept = {version: tracking.has_version(version) for version in {row["model_version"] for row in rows}}
    return champion_at(timeline(row for row in rows if kept[row["model_version"]]), day)


def load_champion(lakehouse: Lakehouse, tracking: Tracking, champion: Champion) -> "PortableModel":
    """Returns the model of a champion.

    Raises:
        ChampionGone: it was deleted in MLflow.
        TrackingError: MLflow does not answer, or its files are elsewhere.
    """
    try:
        return tracking.load_version(champion.model_version)
    except VersionGone as error:
        raise ChampionGone(f"{error} {way_out(lakehouse, tracking, champion)}") from None


def way_out(lakehouse: Lakehouse, tracking: Tracking, champion: Champion) -> str:
    """Returns what to do when the model of a champion was deleted: a sentence with a command."""
    good, month = last_good(lakehouse, tracking, champion.in_charge_from), f"{champion.in_charge_from:%Y-%m}"
    if decided(lakehouse)[-1] != champion or good is None:
        left = "" if good else ", and no other version that was in charge is left"
        return f"It is in charge from {month} on{left}. Train again: churn-assets run train --from {month}"
    return (
        f"The last good version is {good.model_version}. Put it in charge: churn-assets promote {good.model_version} "
        f"--from {month} --why 'version {champion.model_version} was deleted'"
    )


def record_decision(
    lakehouse: Lakehouse,
    tracking: Tracking,
    decision: Decision,
    run_id: str,
    change: ProposedChange | None = None,
) -> None:
    """Records the decision; moves the alias `champion` if the version is now the last of the timeline.

    A decision for a date in the past leaves the alias unchanged. `decided_at` is always later than that of all earlier
    decisions, even if the clock was set back. A promotion comes into force with its record in operations/changes:
    `change`, else the standard change of a training whose model passed all gates.
    """
    if not decision.promoted:
        _record(lakehouse, tracking, decision, run_id)
        return
    with recorded(lakehouse, change or change_of(decision, "standard", "promotion"), run_id):
        _record(lakehouse, tracking, decision, run_id)


def change_of(decision: Decision, kind: Type, what: str, approved_by: str | None = None) -> ProposedChange:
    """Returns the change that a promotion is."""
    figure = (
        ""
        if decision.auc_difference is None
        else f" ROC-AUC {decision.auc_difference:+.4f} on the same rows."
    )
    before = decision.previous_version
    return ProposedChange(
        kind,
        what,
        "model",
        before,
        decision.model_version,
        decision.why,
        f"Trained as of {decision.trained_as_of}, in charge from {decision.in_charge_from} on.{figure}",
        "churn-assets rollback --why '...'" if before else "There was no model before.",
        decision.by,
        approved_by,
    )


def _record(lakehouse: Lakehouse, tracking: Tracking, decision: Decision, run_id: str) -> None:
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
    lakehouse: Lakehouse,
    tracking: Tracking,
    model_version: str,
    in_charge_from: date,
    why: str,
    by: str,
    approved_by: str | None = None,
) -> Decision:
    """Makes a registered version the champion from a date on, by hand: a normal change.

    Raises:
        ChangeError: `approved_by` is the person who makes it.
        PromotionError: no such version, its trained_as_of is after that date, or it is the champion already; or the
            current champion took over after that date.
    """
    decision = _by_hand(lakehouse, tracking, model_version, in_charge_from, why, by)
    change = change_of(decision, "normal", "promotion", approved_by)
    record_decision(lakehouse, tracking, decision, "by hand", change)
    return decision


def _by_hand(
    lakehouse: Lakehouse, tracking: Tracking, model_version: str, in_charge_from: date, why: str, by: str
) -> Decision:
    """Returns the decision to put a version in charge by hand; raises PromotionError where that cannot be."""
    trainings = (
        lakehouse.arrow(tables.TRAINING_RUNS).to_pylist() if lakehouse.exists(tables.TRAINING_RUNS) else []
    )
    known = {row["model_version"]: row for row in trainings}
    if model_version not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise PromotionError(f"There is no version {model_version}; models/training_runs has {listed}.")
    if not tracking.has_version(model_version):
        kept = ", ".join(version for version in sorted(known) if tracking.has_version(version)) or "none"
        raise PromotionError(f"Version {model_version} was deleted in MLflow; it still has {kept}.")
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
    return Decision(
        in_charge_from,
        model_version,
        trained_as_of,
        True,
        previous,
        why,
        by,
        mlflow_run_id=training["mlflow_run_id"],
    )


def rollback(lakehouse: Lakehouse, tracking: Tracking, in_charge_from: date, why: str, by: str) -> Decision:
    """Makes the champion before the current one the champion again; a second call goes back one more.

    This is an emergency change.

    Champions whose model was deleted in MLflow are passed over.

    Raises:
        PromotionError: there was no earlier champion, or the current one took over after that date.
    """
    rows = lakehouse.arrow(tables.CHAMPIONS).to_pylist() if lakehouse.exists(tables.CHAMPIONS) else []
    *earlier, present = lineage(rows) or [""]
    line = [*(version for version in earlier if tracking.has_version(version)), present]
    if len(line) < 2:
        raise PromotionError(f"There is no earlier champion to go back to{_of_the_past(timeline(rows))}.")
    decision = _by_hand(lakehouse, tracking, line[-2], in_charge_from, why, by)
    record_decision(lakehouse, tracking, decision, "by hand", change_of(decision, "emergency", "rollback"))
    return decision


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
