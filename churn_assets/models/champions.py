"""The timeline of champions: which model version was in charge at which as_of_date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

CHAMPIONS_SCHEMA = (
    "trained_as_of date, model_version string, mlflow_run_id string, candidate string, "
    "decided_at timestamp, why string"
)
TRAINING_RUNS_SCHEMA = (
    "trained_as_of date, model_version string, mlflow_run_id string, dagster_run_id string, candidate string, "
    "test_as_of_date date, rows bigint, positives bigint, status string, auc double, auc_low double, auc_high double, "
    "pr_auc double, brier double, log_loss double, lift_top_decile double, precision double, recall double, f1 double, "
    "accuracy double, snapshots_version bigint, labels_version bigint, trained_at timestamp"
)


@dataclass(frozen=True)
class Champion:
    """A model version in charge from its trained_as_of on."""

    trained_as_of: date
    model_version: str


def timeline(rows: Iterable[Mapping[str, object]]) -> list[Champion]:
    """Champions by trained_as_of; a later decision for the same date replaces the earlier one.

    Raises:
        TypeError: a row whose trained_as_of is not a date.
    """
    newest: dict[date, Champion] = {}
    for row in sorted(rows, key=lambda r: str(r["decided_at"])):
        trained = row["trained_as_of"]
        if not isinstance(trained, date):
            raise TypeError(
                f"trained_as_of of model version {row['model_version']} is {trained!r}, not a date."
            )
        newest[trained] = Champion(trained, str(row["model_version"]))
    return [newest[day] for day in sorted(newest)]


def champion_at(champions: Iterable[Champion], as_of_date: date) -> Champion | None:
    """The champion of that time: the last one trained on or before the as_of_date, never a later one."""
    return max(
        (c for c in champions if c.trained_as_of <= as_of_date), key=lambda c: c.trained_as_of, default=None
    )
