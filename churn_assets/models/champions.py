"""The timeline of champions: which model version is champion at which as_of_date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from churn_assets.months import month_index, month_of


@dataclass(frozen=True)
class Champion:
    """A model version that is champion from a date on, which is never before trained_as_of."""

    in_charge_from: date
    model_version: str
    trained_as_of: date


def timeline(rows: Iterable[Mapping[str, object]]) -> list[Champion]:
    """Returns the champions by `in_charge_from`, ascending; of two decisions for one date the later one counts.

    Args:
        rows: rows of models/champions.

    Raises:
        TypeError: a date is missing in a row.
        ValueError: a version is in charge from a date before its trained_as_of, when it did not exist yet.
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


def lineage(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the sequence of versions that were champion of the present; the last one is the current champion.

    A version that becomes champion again returns to its earlier position, and the versions after it are dropped.
    Decisions for a date before the start of the current champion are skipped: they concern the past only.

    Args:
        rows: rows of models/champions.
    """
    line: list[str] = []
    since = date.min
    for row in sorted((r for r in rows if r["promoted"]), key=lambda r: r["decided_at"]):
        if row["in_charge_from"] < since:
            continue
        since, version = row["in_charge_from"], row["model_version"]
        line = [*line[: line.index(version) if version in line else len(line)], version]
    return line


@dataclass(frozen=True)
class Provisional:
    """A champion trained on few cohorts since the data changed; each newly matured cohort triggers a retraining.

    Attributes:
        since: the first cohort that successors train on, because the champion dropped the cohorts before it; None if it
            was trained on many cohorts, so that a successor still has to choose how many to use.
    """

    since: date | None


def provisional(
    trainings: Iterable[Mapping[str, Any]], model_version: str, enough: int
) -> Provisional | None:
    """Returns in what way a champion is provisional; None if it is not.

    It is provisional if it was trained up to and including its own test cohort (`split.recent_split`), as after a
    degradation, and

    - it was trained on fewer than `enough` monthly cohorts; or
    - it was trained on more, but fewer than `enough` cohorts have matured during its uninterrupted series of such
      trainings (counted from `learned_until` of the first to its own). A degradation is detected early, when hardly any
      cohort after the change has matured, so the number of cohorts to train on could not be chosen reliably.

    Args:
        trainings: rows of models/training_runs; rows older than the columns learned_* are not provisional.
        model_version: of the champion.
        enough: number of monthly cohorts.
    """
    in_order = sorted(trainings, key=lambda row: (row["trained_as_of"], row["trained_at"]))
    for position, row in enumerate(in_order):
        if row["model_version"] == model_version and in_haste(row):
            first, last = row["learned_from"], row["learned_until"]
            if _months(first, last) < enough:
                return Provisional(first)
            begun = last
            for earlier in reversed(in_order[:position]):
                if not in_haste(earlier):
                    break
                begun = earlier["learned_until"]
            return Provisional(None) if _months(begun, last) < enough else None
    return None


def learned_up_to(trainings: Iterable[Mapping[str, Any]], model_version: str, as_of_date: date) -> bool:
    """Returns whether a model was trained on the cohort of that date or on a later one.

    Args:
        trainings: rows of models/training_runs; rows without `learned_until` were trained on earlier cohorts only.
    """
    return any(
        row["model_version"] == model_version and (row.get("learned_until") or date.min) >= as_of_date
        for row in trainings
    )


def in_haste(training: Mapping[str, Any]) -> bool:
    """Returns whether a row of models/training_runs was trained up to its own test cohort (`split.recent_split`)."""
    last = training.get("learned_until")
    return last is not None and last == training["test_as_of_date"]


def _months(first: date, last: date) -> int:
    return month_index(month_of(last)) - month_index(month_of(first)) + 1


def champion_at(champions: Iterable[Champion], as_of_date: date) -> Champion | None:
    """Returns the champion with the latest `in_charge_from` on or before the as_of_date; None if there is none."""
    return max(
        (c for c in champions if c.in_charge_from <= as_of_date), key=lambda c: c.in_charge_from, default=None
    )
