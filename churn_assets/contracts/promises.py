"""Reads the service levels of a contract: how often extracts arrive, how late, and from which month on."""

import math
import re
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.odcs import SlaProperty
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import peek
from churn_assets.contracts.words import closest, listed
from churn_assets.months import month_of

UNITS = {"h": "hour", "d": "day", "w": "week", "m": "month", "y": "year"}
DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 31, "year": 366}


@dataclass(frozen=True)
class Promises:
    """Frequency and latency in whole days, and the first month (`YYYY-MM`; None if the contract has none)."""

    frequency_days: int
    latency_days: int
    first_month: str | None


def promises_of(place: Place) -> Promises:
    """Reads the promises from the slaProperties of a contract; rounds days up.

    Without the property, the frequency is 31 days and the latency 3 days. Reports numbers, units and dates that cannot
    be read, and promises given twice.
    """
    given: dict[str, tuple[SlaProperty, Place]] = {}
    for item in place.items():
        if (sla := peek(SlaProperty, item)) is not None:
            if sla.property in given:
                item.refuse(f"{sla.property} is promised twice", "remove one")
            given[sla.property] = sla, item
    return Promises(
        frequency_days=_days(*given["frequency"]) if "frequency" in given else 31,
        latency_days=_days(*given["latency"]) if "latency" in given else 3,
        first_month=_month(*given["generalAvailability"]) if "generalAvailability" in given else None,
    )


def _days(sla: SlaProperty, place: Place) -> int:
    unit = (sla.unit or "d").lower()
    unit = UNITS.get(unit, unit.removesuffix("s"))
    if unit not in DAYS:
        meant = closest(unit, DAYS)
        place.at("unit").refuse(
            f"{sla.unit} is not a known unit", f"use one of {listed(UNITS)} ({listed(DAYS)})", meant
        )
        unit = meant or "day"
    try:
        number = float(str(sla.value))
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        place.at("value").refuse(f"{sla.value} is not a number of {unit}s", "write a number, and its `unit`")
        return 0
    return math.ceil(number * DAYS[unit])


def _month(sla: SlaProperty, place: Place) -> str | None:
    text = str(sla.value)
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return month_of(date.fromisoformat(text))
    except ValueError:
        pass
    place.at("value").refuse(f"{text} is not a date", "write the first day as YYYY-MM-DD")
    return None
