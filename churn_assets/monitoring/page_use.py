"""Who uses the page of the retention team, in sentences for the page of a month."""

from collections.abc import Sequence
from datetime import date, timedelta

from churn_assets.access.visits import Visits, monday
from churn_assets.counts import counted
from churn_assets.reporting.words import full_date

WEEKS = 4


def use_in_words(visits: Sequence[Visits] | None, today: date) -> list[str]:
    """How many people used the page this week, and in each of the weeks before; empty if nobody ever opened it.

    Args:
        visits: of WEEKS weeks and this one.
        today: a day of this week.
    """
    if visits is None:
        return []
    this = monday(today)
    weeks = [this - timedelta(weeks=back) for back in range(WEEKS, -1, -1)]
    *before, now = [len({visit.reader for visit in visits if visit.week == week}) for week in weeks]
    listed = ", ".join(f"{number:,}" for number in before)
    people = counted(now, "person", "people")
    told = f"{people} used the page of the retention team in the week from {full_date(this)} on"
    return [f"{told}; in the {WEEKS} weeks before: {listed}."]
