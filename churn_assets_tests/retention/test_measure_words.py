"""What campaigns brought, in words: a number only where there is evidence."""

from datetime import date
from typing import Any

import pytest

from churn_assets.retention.measure import FEWER, MORE, NO_EFFECT, NOT_DECIDABLE, Measured
from churn_assets.retention.measure_words import (
    followed_table,
    name_of,
    result_table,
    results_png,
    told,
)
from churn_assets.retention.results_told import ALL, CAMPAIGN, NEVER_CONTACTED, NO_CONTROL, NOT_MATURED

START, OVER = date(2025, 6, 30), date(2025, 7, 30)


def found(status: str, **more: Any) -> Measured:
    own: dict[str, Any] = {
        "origin": "plan", "scope": CAMPAIGN, "campaign_id": "retention-2025-06", "offer": ALL, "segment": ALL,
        "days": 30, "started_on": START, "matures_on": OVER, "treated": 900, "control": 100, "treated_left": 40,
        "control_left": 8, "waiting": 0, "unknown": 2, "again": 0, "contacted": 880, "not_contacted": 20,
        "accepted": 200, "control_contacted": 1,
    }  # fmt: skip
    return Measured(**(own | {"status": status} | more))


EVIDENCE = {
    "saved": (20.4, 4.2, 36.6),
    "prevented": (0.34, 0.1, 0.5),
    "profit": (1234.0, -56.0, 2500.0),
}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            found(FEWER, **EVIDENCE),
            (
                "20 fewer left within 30 days (4 to 37): 34% of the churn was prevented (10% to 50%). Profit so far: "
                "1,234 EUR (-56 to 2,500)."
            ),
        ),
        (
            found(MORE, saved=(-20.4, -36.6, -4.2), prevented=(-0.34, -0.5, -0.1)),
            "20 more left within 30 days (4 to 37): 34% more churn (10% to 50%).",
        ),
        (found(FEWER, saved=(20.4, 4.2, 36.6)), "20 fewer left within 30 days (4 to 37)."),
        (
            found(NO_EFFECT, prevented=(0.01, -0.03, 0.05)),
            "No effect was found, though the expected one would have shown. Churn prevented: between -3% and 5%.",
        ),
        (
            found(NOT_DECIDABLE, customers_needed=700, months_needed=0.7, **EVIDENCE),
            (
                "Not decidable yet: 1,000 customers and 48 who left say too little. About 700 more customers would "
                "show the expected effect, 3 more weeks of campaigns like this."
            ),
        ),
        (
            found(NOT_DECIDABLE, customers_needed=12_000, months_needed=12.0),
            (
                "Not decidable yet: 1,000 customers and 48 who left say too little. About 12,000 more customers would "
                "show the expected effect, 12 more months of campaigns like this."
            ),
        ),
        (
            found(NOT_DECIDABLE),
            (
                "Not decidable yet: 1,000 customers and 48 who left say too little, and it is not known which "
                "effect to expect."
            ),
        ),
        (found(NOT_MATURED), "Not known yet: the 30 days of the last start are over on 2025-07-30."),
        (found(NO_CONTROL), "Nothing can be known: there is no control arm to compare with."),
        (
            found(NEVER_CONTACTED),
            "Nothing can be known: no contact came back, so nobody seems to have been contacted.",
        ),
    ],
)
def test_a_result_is_told_in_whole_sentences(result: Measured, said: str) -> None:
    assert told(result, "EUR") == said


def test_what_is_not_decided_tells_no_number() -> None:
    said = told(found(NOT_DECIDABLE, customers_needed=700, months_needed=0.7, **EVIDENCE), "EUR")
    assert "20" not in said and "34%" not in said and "1,234" not in said


def test_groups_have_names() -> None:
    assert name_of(found(FEWER)) == "retention-2025-06"
    assert name_of(found(FEWER, campaign_id=ALL)) == "all of plan"
    assert name_of(found(FEWER, scope="offer", offer="call")) == "retention-2025-06, call"


def test_tables_and_picture() -> None:
    results = [
        found(FEWER, **EVIDENCE),
        found(FEWER, days=90, **EVIDENCE),
        found(FEWER, campaign_id=ALL, **EVIDENCE),
        found(NO_CONTROL, origin="contacts", campaign_id=ALL),
    ]
    assert next(row[:4] for row in result_table(results, "EUR")) == ("retention-2025-06", 30, 900, 100)
    assert followed_table(results) == [("retention-2025-06", 880, 20, 1, 0, 0)]
    assert results_png(results, OVER)[1:4] == b"PNG"
    assert results_png([found(NOT_MATURED)], OVER)[1:4] == b"PNG"
