"""What offers change, in words for people who do not read statistics."""

from typing import Any

import pytest

from churn_assets.ml.uplift.groups import WOKEN as KIND_WOKEN
from churn_assets.reporting.effects_in_words import (
    WOKEN,
    effect_in_words,
    prevented_in_words,
    uplift_in_words,
    woken_in_words,
)

ROW: dict[str, Any] = {
    "used": False,
    "told": "constant effect: 8 contacts have no control arm.",
    "learner": "two models",
    "contacts": 900,
    "controls": 100,
    "judged_contacts": 400,
    "contacts_needed": 12_000,
    "trust": 0.4,
}


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({"used": True}, "an effect for each customer"),
        ({"learner": None}, "since nothing can be learned by customer: 8 contacts have no control arm."),
        ({"trust": 0.0}, "1,000 contacts and controls show no difference between customers"),
        ({}, "is not shown yet. About 12,000 later contacts would show it."),
        ({"contacts_needed": None}, "do not show that an effect by customer would be better."),
        ({"trust": None, "contacts_needed": 300}, "do not show that an effect by customer would be better."),
    ],
)
def test_the_state_of_an_offer_is_a_sentence(edits: dict[str, Any], said: str) -> None:
    assert said in uplift_in_words(ROW | edits)


def _group(name: str, customers: int, seen: float, error: float) -> dict[str, Any]:
    own = {"grouping": "kind", "group_value": name, "contacts": customers, "controls": 0}
    return own | {"seen": seen, "seen_low": seen - error, "seen_high": seen + error}


@pytest.mark.parametrize(
    ("seen", "error", "said"),
    [
        (-0.02, 0.01, "and it did: 2.0 points more of them left than without it."),
        (-0.02, 0.03, "so it is not known whether it did."),
        (0.02, 0.01, "but it kept some of them."),
    ],
)
def test_who_was_expected_to_be_driven_away(seen: float, error: float, said: str) -> None:
    groups = [_group(WOKEN, 100, seen, error), _group("persuadable", 300, 0.1, 0.01)]
    told = woken_in_words([*groups, {**groups[0], "grouping": "segment", "group_value": "all"}])
    assert told == f"It was expected to drive 25% of the customers away, {said}"
    unseen = groups[0] | dict.fromkeys(("seen", "seen_low", "seen_high"))
    assert woken_in_words([unseen]) == (
        "It was expected to drive 100% of the customers away, of whom too few left to say whether it did."
    )
    assert woken_in_words(groups[1:]) is None and woken_in_words([]) is None
    assert WOKEN == KIND_WOKEN


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (0.034, "expected to keep 3 of 100 customers like this one"),
        (0.0042, "expected to keep 4 of 1,000 customers like this one"),
        (-0.0042, "expected to drive away 4 of 1,000 customers like this one"),
        (0.0001, "expected to change nothing"),
        (None, None),
    ],
)
def test_an_effect_is_told_in_customers(effect: float | None, said: str | None) -> None:
    assert effect_in_words(effect) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ((0.2, -0.44, 0.56), "keep 20 (between 44 driven away and 56 kept)"),
        ((0.2, 0.1, 0.3), "keep 20 (10 to 30)"),
        ((-0.03, -0.1, 0.04), "drive away 3 (between 10 driven away and 4 kept)"),
        ((-0.3, -0.5, -0.1), "drive away 30 (10 to 50)"),
        ((0.001, -0.1, 0.1), "change nothing (between 10 driven away and 10 kept)"),
        ((0.05, 0.001, 0.1), "keep 5 (0 to 10)"),
    ],
)
def test_an_offer_that_adds_churn_drives_customers_away(share: tuple[float, float, float], said: str) -> None:
    assert prevented_in_words(*share) == said
