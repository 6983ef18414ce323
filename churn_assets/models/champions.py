"""The timeline of champions: which model version was in charge at which as_of_date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.months import month_index, month_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Champion:
    """A model version in charge from a date on; never before it was trained."""

    in_charge_from: date
    model_version: str
    trained_as_of: date


def decisions_schema() -> "pa.Schema":
    """models/champions: one row per decision, also those that kept the champion."""
    import pyarrow as pa

    return pa.schema(
        [
            ("in_charge_from", pa.date32()),
            ("model_version", pa.string()),
            ("trained_as_of", pa.date32()),
            ("promoted", pa.bool_()),
            ("previous_version", pa.string()),
            ("why", pa.string()),
            ("by", pa.string()),
            ("auc_difference", pa.float64()),
            ("auc_difference_low", pa.float64()),
            ("auc_difference_high", pa.float64()),
            ("mlflow_run_id", pa.string()),
            ("decided_at", pa.timestamp("us", "UTC")),
        ]
    )


def trainings_schema() -> "pa.Schema":
    """models/training_runs: one row per training."""
    import pyarrow as pa

    text = ("model_version", "mlflow_run_id", "dagster_run_id", "candidate", "status")
    quality = ("auc", "auc_low", "auc_high", "pr_auc", "brier", "log_loss", "lift_top_decile")
    at_capacity = ("precision", "recall", "f1", "accuracy")
    money = ("empc", "empc_low", "empc_high", "empc_fraction", "profit_at_capacity", "ece")
    counts = ("rows", "positives", "snapshots_version", "labels_version")
    return pa.schema(
        [
            ("trained_as_of", pa.date32()),
            *((name, pa.string()) for name in text),
            ("learned_from", pa.date32()),
            ("learned_until", pa.date32()),
            ("test_as_of_date", pa.date32()),
            *((name, pa.int64()) for name in counts),
            *((name, pa.float64()) for name in (*quality, *at_capacity, *money)),
            ("trained_at", pa.timestamp("us", "UTC")),
        ]
    )


def timeline(rows: Iterable[Mapping[str, object]]) -> list[Champion]:
    """Champions by the date from which they are in charge; a later decision for the same date replaces the earlier one.

    Raises:
        TypeError: a row without a date.
        ValueError: a version would be in charge before it was trained: its scores could not have been known.
    """
    newest: dict[date, Champion] = {}
    for row in sorted(rows, key=lambda r: str(r["decided_at"])):
        if not row["promoted"]:
            continue
        start, trained, version = row["in_charge_from"], row["trained_as_of"], str(row["model_version"])
        if not isinstance(start, date) or not isinstance(trained, date):
            raise TypeError(
                f"model version {version} is in charge from {start!r}, trained as of {trained!r}."
            )
        if start < trained:
            raise ValueError(
                f"model version {version}, trained as of {trained}, cannot be in charge from {start}."
            )
        newest[start] = Champion(start, version, trained)
    return [newest[day] for day in sorted(newest)]


def provisional_since(trainings: Iterable[Mapping[str, Any]], model_version: str, enough: int) -> date | None:
    """First cohort that a provisional champion has learned from; None for any other champion.

    A champion is provisional when it took over in a changed world, having learned up to its own test cohort
    (`split.recent_split`), and fewer than `enough` monthly cohorts were there to learn from.

    Args:
        trainings: rows of models/training_runs; those of before these columns existed are not provisional.
        model_version: the champion's.
        enough: monthly cohorts.
    """
    for row in trainings:
        first: date | None = row.get("learned_from")
        last: date | None = row.get("learned_until")
        if row["model_version"] != model_version or first is None or last is None:
            continue
        cohorts = month_index(month_of(last)) - month_index(month_of(first)) + 1
        if last == row["test_as_of_date"] and cohorts < enough:
            return first
    return None


def champion_at(champions: Iterable[Champion], as_of_date: date) -> Champion | None:
    """The champion of that time: the last one in charge on or before the as_of_date, never a later one."""
    return max(
        (c for c in champions if c.in_charge_from <= as_of_date), key=lambda c: c.in_charge_from, default=None
    )
