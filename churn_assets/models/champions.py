"""The timeline of champions: which model version was in charge at which as_of_date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from churn_assets.months import month_index, month_of


@dataclass(frozen=True)
class Champion:
    """A model version in charge from a date on; never before it was trained."""

    in_charge_from: date
    model_version: str
    trained_as_of: date


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


def lineage(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Versions that were put in charge of the present one after the other, the last one is; rows of models/champions.

    Whoever is put back in charge stands where it stood: those after it are no part of the line any more. What a later
    training decided for a date in the past is none either.
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
    """A champion that knows little of a changed world, so that each matured cohort calls for a successor.

    Attributes:
        since: the first cohort that successors learn from, as the champion has forgotten what was before; None when it
            has not, so that they have yet to find out what to forget.
    """

    since: date | None


def provisional(
    trainings: Iterable[Mapping[str, Any]], model_version: str, enough: int
) -> Provisional | None:
    """Whether a champion is provisional; None when it is not.

    It is when it took over in a changed world, having learned up to its own test cohort (`split.recent_split`), and

    - learned from fewer than `enough` monthly cohorts; or
    - from more, but fewer than `enough` of them have matured since the first of the trainings in a row that were made
      like that: an alarm comes early, when hardly any cohort of the changed world has matured to choose a memory by.

    Args:
        trainings: rows of models/training_runs; those of before these columns existed are not provisional.
        model_version: the champion's.
        enough: monthly cohorts.
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
    """Whether a model has learned from the cohort of that date, or from a later one.

    Args:
        trainings: rows of models/training_runs; those of before this was recorded learned from earlier cohorts only.
    """
    return any(
        row["model_version"] == model_version and (row.get("learned_until") or date.min) >= as_of_date
        for row in trainings
    )


def in_haste(training: Mapping[str, Any]) -> bool:
    """Whether a model, a row of models/training_runs, has learned up to its own test cohort (`split.recent_split`)."""
    last = training.get("learned_until")
    return last is not None and last == training["test_as_of_date"]


def _months(first: date, last: date) -> int:
    return month_index(month_of(last)) - month_index(month_of(first)) + 1


def champion_at(champions: Iterable[Champion], as_of_date: date) -> Champion | None:
    """The champion of that time: the last one in charge on or before the as_of_date, never a later one."""
    return max(
        (c for c in champions if c.in_charge_from <= as_of_date), key=lambda c: c.in_charge_from, default=None
    )
