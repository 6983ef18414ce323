"""Which day it is: by the clock, or by the newest extract of a world that has not reached the end of its calendar."""

from datetime import date
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.today import today_of
from churn_assets_tests.lakes import settings_for, small_business, write_csv

LAST = date(2025, 12, 31)
LONG_AFTER = date(2026, 11, 29)


def _today(tmp_path: Path, clock: date, *extracts: tuple[str, str], waits: bool = True) -> date:
    """Today in a business of the year 2025 with these extracts (source, day); others may wait for their day."""
    folder = small_business(tmp_path)
    settings = settings_for(tmp_path, folder)
    if waits:
        write_csv(
            settings.home_path / "coming", "customers", "2025-12-31", [{"customer_id": "C1"}], "customers"
        )
    for source, day in extracts:
        write_csv(Path(settings.landing_uri), source, day, [{"customer_id": "C1"}], source)
    return today_of(Lakehouse(settings), load_business(folder), clock)


@pytest.mark.parametrize("clock", [date(2025, 12, 3), LAST])
def test_within_the_calendar_it_is_what_the_clock_says(tmp_path: Path, clock: date) -> None:
    assert _today(tmp_path, clock, ("customers", "2025-11-30")) == clock


def test_after_it_the_world_goes_on_with_its_newest_extract_of_any_source(tmp_path: Path) -> None:
    found = _today(tmp_path, LONG_AFTER, ("customers", "2025-11-30"), ("tickets", "2025-12-07"))
    assert found == date(2025, 12, 8)


@pytest.mark.parametrize("last", ["2025-12-31", "2025-12-28", "2025-12-07", "2025-11-30"])
def test_a_world_without_days_to_come_is_over_whatever_it_delivered(tmp_path: Path, last: str) -> None:
    """A month that no source delivered to its end is over, too: what is missing is missing."""
    assert _today(tmp_path, LONG_AFTER, ("customers", last), waits=False) == LONG_AFTER


def test_what_is_no_extract_of_the_calendar_does_not_count(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, small_business(tmp_path))
    for name in ("extract_date=2025-12-40", "2025-12-20", "extract_date=2025-12-19"):
        (Path(settings.landing_uri) / "tickets" / name).mkdir(parents=True, exist_ok=True)
    (Path(settings.landing_uri) / "tickets" / "extract_date=2025-12-19" / "t.csv.part").touch()
    found = _today(tmp_path, LONG_AFTER, ("tickets", "2025-12-07"), ("tickets", "2026-02-01"))
    assert found == date(2025, 12, 8)


def test_without_an_extract_it_is_what_the_clock_says(tmp_path: Path) -> None:
    assert _today(tmp_path, LONG_AFTER) == LONG_AFTER
