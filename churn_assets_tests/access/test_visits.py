"""Who opened which page how often in a week, and nothing more."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from churn_assets.access.visits import Visits, count, visits_file, visits_since
from churn_assets.settings import Settings

TUESDAY = date(2026, 3, 3)


def test_openings_are_counted_by_week_reader_and_page(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert visits_since(settings, TUESDAY) is None
    with ThreadPoolExecutor(4) as readers:
        list(readers.map(lambda _: count(settings, "anna", "at_risk", TUESDAY), range(12)))
    count(settings, "ben", "model", date(2026, 3, 9))
    monday, next_monday = date(2026, 3, 2), date(2026, 3, 9)
    anna, ben = Visits(monday, "anna", "at_risk", 12), Visits(next_monday, "ben", "model", 1)
    assert visits_since(settings, TUESDAY) == [anna, ben]
    assert visits_since(settings, next_monday) == [ben]
    assert stat.S_IMODE(visits_file(settings).stat().st_mode) == 0o600


def test_what_is_older_than_a_year_is_forgotten(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    count(settings, "anna", "at_risk", date(2025, 1, 1))
    count(settings, "anna", "at_risk", TUESDAY)
    with sqlite3.connect(visits_file(settings)) as database:
        assert database.execute("SELECT week FROM visits").fetchall() == [("2026-03-02",)]
    database.close()
