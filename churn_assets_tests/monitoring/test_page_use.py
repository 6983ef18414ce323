"""The page of a month tells how many people use the page of the retention team."""

from datetime import date
from pathlib import Path

from churn_assets.access.visits import Visits, count, visits_since
from churn_assets.monitoring.page_use import use_in_words
from churn_assets.settings import Settings

TODAY = date(2026, 3, 4)


def test_people_are_counted_once_a_week_whatever_they_open(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    for reader, page in (("anna", "at_risk"), ("anna", "model"), ("ben", "at_risk"), ("ben", "at_risk")):
        count(settings, reader, page, TODAY)
    count(settings, "anna", "overview", date(2026, 2, 24))
    [told] = use_in_words(visits_since(settings, date(2026, 2, 4)), TODAY)
    assert told.startswith("2 people used the page of the retention team in the week from 2 March 2026 on;")
    assert told.endswith("in the 4 weeks before: 0, 0, 0, 1.")


def test_nobody_is_told_of_a_page_that_was_never_opened() -> None:
    assert use_in_words(None, TODAY) == []
    long_ago = Visits(date(2025, 6, 2), "anna", "model", 1)
    assert use_in_words([long_ago], TODAY)[0].startswith("0 people used")
