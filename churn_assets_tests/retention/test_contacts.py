"""Past contacts: by which outcome window each is judged, and whom an offer may go to."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.contacts import AS_OF, CONTACT_COLUMNS, KEY, by_offer, window_after, with_outcomes
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.scored_cohorts import write

MAY, JUNE, JULY = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31)
SETTLED = date(2025, 9, 30)
GAP = 7


@pytest.mark.parametrize(
    ("day", "window"),
    [
        (MAY, MAY),
        (date(2025, 6, 1), MAY),
        (date(2025, 6, 7), MAY),
        (date(2025, 6, 8), JUNE),
        (date(2025, 6, 29), JUNE),
        (JUNE, JUNE),
        (date(2025, 12, 20), date(2025, 12, 31)),
    ],
)
def test_a_contact_is_judged_by_the_first_window_that_begins_after_it(day: date, window: date) -> None:
    assert window_after(day, GAP) == window


def contacts(*days: date) -> pd.DataFrame:
    """A contact of customer 0, 1, ... on each of these days."""
    told: dict[str, Any] = {"campaign": "a", "offer": "mail", "treated": True, "control": False}
    told |= {"refused": False, "accepted": None}
    rows = [told | {KEY: str(n), "day": day} for n, day in enumerate(days)]
    return pd.DataFrame(rows, columns=CONTACT_COLUMNS)


def lake(home: Path, *labels: tuple[int, date, str], available: date = SETTLED) -> Lakehouse:
    """Labels of customers by as_of_date and outcome."""
    house = Lakehouse(settings_for(home))
    rows = [
        {KEY: str(n), AS_OF: day, "outcome": outcome, "label": {"stayed": 0, "churned": 1}.get(outcome)}
        | {"label_available_at": available}
        for n, day, outcome in labels
    ]
    write(house, tables.CHURN_LABELS, rows)
    return house


def churned(house: Lakehouse, rows: pd.DataFrame, day: date = SETTLED) -> list[Any]:
    found = with_outcomes(house, rows, day, GAP).sort_values(KEY)
    return [None if told is None or told != told else bool(told) for told in found["churned"]]


def test_who_left_before_a_late_contact_could_help_counts_by_the_window_after_it(tmp_path: Path) -> None:
    """Contacts of 28 June. The window of May ends on 7 July, that of June begins on 8 July."""
    late = date(2025, 6, 28)
    house = lake(
        tmp_path,
        *((0, MAY, "stayed"), (0, JUNE, "churned")),
        *((1, MAY, "stayed"), (1, JUNE, "stayed")),
        (2, MAY, "churned"),  # between the contact and the end of June: no snapshot of June
        *((3, MAY, "churned"), (3, JUNE, "ended_in_gap")),
        *((4, MAY, "stayed"), (4, JUNE, "unknown")),
    )
    assert churned(house, contacts(*[late] * 6)) == [True, False, True, True, None, None]


def test_an_early_contact_is_judged_by_the_cohort_before_it(tmp_path: Path) -> None:
    early = date(2025, 6, 3)
    house = lake(
        tmp_path, (0, MAY, "churned"), (0, JUNE, "stayed"), (1, MAY, "stayed"), (2, MAY, "ended_in_gap")
    )
    assert churned(house, contacts(early, early, early)) == [True, False, None]


def test_nothing_is_known_before_the_labels_of_the_window_are_settled(tmp_path: Path) -> None:
    """Who left early would else be known before who stayed."""
    late, soon = date(2025, 6, 28), date(2025, 8, 1)
    house = lake(tmp_path, (0, MAY, "churned"), (1, MAY, "stayed"), available=soon)
    write(
        house,
        tables.CHURN_LABELS,
        [{KEY: "1", AS_OF: JUNE, "outcome": "stayed", "label": 0} | {"label_available_at": SETTLED}],
    )
    assert churned(house, contacts(late, late), soon) == [None, None]
    assert churned(house, contacts(late, late), SETTLED) == [True, False]


@pytest.mark.parametrize("name", ["offer", "campaign", "treated", "control", "churned", "accepted", "day"])
def test_an_offer_may_be_called_like_a_column_of_contacts(name: str) -> None:
    rows = contacts(MAY, MAY).assign(offer=name, churned=None, **{AS_OF: MAY})
    fits = pd.DataFrame({KEY: ["0", "1"], AS_OF: MAY, name: [True, False]})
    assert len(by_offer(rows, [name], fits)[name]) == 1
