"""Until which day a source is known, and how much of the end of a window that leaves unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.history.known_days import (
    PassedExtracts,
    UnknownEnd,
    known_day,
    known_sources,
    unknown_end,
)
from churn_assets.history.known_until import Known
from churn_assets.months import month_of, month_range
from churn_assets.settings import SHIPPED_BUSINESSES

BUSINESS = load_business(SHIPPED_BUSINESSES / "telecom")
USAGE, CUSTOMERS = BUSINESS.source("usage"), BUSINESS.source("customers")
MONTHS = month_range("2025-01", "2025-05")


def _days(first: date, last: date, step: int = 1) -> list[date]:
    return [first + timedelta(days=n) for n in range(0, (last - first).days + 1, step)]


def passed(extracts: Mapping[str, Sequence[date]], without: Sequence[tuple[str, str]] = ()) -> PassedExtracts:
    """All months of the extracts have passed, but those `without`."""
    months = {(name, month_of(day)) for name, days in extracts.items() for day in days} - set(without)
    kept = {name: [d for d in days if (name, month_of(d)) in months] for name, days in extracts.items()}
    return PassedExtracts(Known(months, "2025-01"), kept, {s.name: set() for s in BUSINESS.sources})


DAILY = passed({"usage": _days(date(2025, 1, 1), date(2025, 6, 17))})
MONTHLY = passed({"usage": [date(2025, month, 28) for month in range(1, 7)]})


@pytest.mark.parametrize(
    ("now", "day", "until"),
    [
        (DAILY, date(2025, 6, 10), date(2025, 6, 10)),
        (DAILY, date(2025, 6, 20), date(2025, 6, 17)),
        (MONTHLY, date(2025, 6, 10), date(2025, 5, 28)),
        (MONTHLY, date(2025, 6, 30), date(2025, 6, 28)),
        (passed({"usage": []}), date(2025, 6, 10), None),
        (
            passed({"usage": _days(date(2025, 1, 1), date(2025, 6, 17))}, [("usage", "2025-05")]),
            date(2025, 6, 10),
            date(2025, 4, 30),
        ),
    ],
)
def test_a_source_is_known_until_its_newest_extract_without_a_hole(
    now: PassedExtracts, day: date, until: date | None
) -> None:
    assert known_day(BUSINESS, USAGE, now, day) == until


def test_a_hole_beyond_every_window_does_not_count() -> None:
    old = passed({"usage": _days(date(2024, 6, 1), date(2025, 6, 17))}, [("usage", "2024-11")])
    old = replace(old, months=replace(old.months, begin="2024-06"))
    business = replace(
        BUSINESS,
        file=BUSINESS.file.model_copy(
            update={"calendar": BUSINESS.file.calendar.model_copy(update={"start": "2024-06"})}
        ),
    )
    assert known_day(business, USAGE, old, date(2025, 6, 10)) == date(2025, 6, 10)
    assert known_day(business, USAGE, old, date(2025, 4, 10)) == date(2024, 10, 31)


def test_a_month_end_whose_month_has_passed_lacks_nothing() -> None:
    """As for the cohort, which takes the month as it is."""
    assert unknown_end(BUSINESS, USAGE, MONTHLY, date(2025, 5, 31)) == UnknownEnd(0, 0)
    part = passed({"usage": _days(date(2025, 1, 1), date(2025, 6, 17))}, [("usage", "2025-05")])
    assert unknown_end(BUSINESS, USAGE, part, date(2025, 5, 31)).days == 31


def test_what_month_ends_lack_too_is_usual() -> None:
    """An extract on the 28th leaves up to three days of a month untold, in every cohort that models learn from."""
    assert unknown_end(BUSINESS, USAGE, MONTHLY, date(2025, 6, 10)) == UnknownEnd(13, 3)
    assert unknown_end(BUSINESS, USAGE, DAILY, date(2025, 6, 20)) == UnknownEnd(3, 0)


def test_nothing_is_known_of_a_source_that_has_not_delivered() -> None:
    assert unknown_end(BUSINESS, USAGE, passed({"usage": []}), date(2025, 6, 20)).hides(100_000)


def test_what_comes_once_or_as_needed_has_no_end() -> None:
    for delivery in ("once", "as_needed"):
        source = replace(USAGE, delivery=delivery)
        assert unknown_end(BUSINESS, source, MONTHLY, date(2025, 6, 20)) == UnknownEnd(0, 0)


@pytest.mark.parametrize(
    ("days", "usual", "window", "hidden"),
    [
        (0, 0, 7, False),
        (1, 0, 7, True),
        (1, 0, 14, False),
        (3, 0, 30, False),
        (4, 0, 30, True),
        (4, 5, 30, False),
        (6, 5, 30, True),
        (6, 5, 90, False),
    ],
)
def test_a_window_is_hidden_by_more_than_a_tenth_and_more_than_usual(
    days: int, usual: int, window: int, hidden: bool
) -> None:
    assert UnknownEnd(days, usual).hides(window) == hidden


def test_sources_are_behind_by_what_their_contracts_promise() -> None:
    """Usage comes every 7 days and at most 2 days late; customers come every month."""
    extracts = {
        "usage": _days(date(2025, 1, 1), date(2025, 6, 17)),
        "customers": [date(2025, m, 28) for m in range(1, 6)],
    }
    others = {
        s.name: _days(date(2025, 1, 1), date(2025, 7, 30)) for s in BUSINESS.sources if s.name not in extracts
    }
    now = passed(extracts | others)

    def told(day: date) -> dict[str, tuple[date | None, bool]]:
        return {s.source: (s.until, bool(s.behind)) for s in known_sources(BUSINESS, now, day)}

    assert told(date(2025, 6, 26))["usage"] == (date(2025, 6, 17), False)
    late = told(date(2025, 6, 27))
    assert late["usage"] == (date(2025, 6, 17), True)
    assert late["customers"] == (date(2025, 5, 28), False) and "app_contacts" not in late
    [usage] = [s for s in known_sources(BUSINESS, now, date(2025, 6, 27)) if s.source == "usage"]
    assert usage.told == "usage known until 2025-06-17"
    assert "was due on 2025-06-26, 1 day before 2025-06-27" in usage.behind
