"""The story of one customer, read out of a release with customers of every kind."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from churn_assets.app.queries.contacts import Fresh, Pending
from churn_assets.app.queries.customer import (
    contacts,
    customer_row,
    endings,
    facts,
    has_objected,
    measures,
    months,
    outcome_window,
    score_history,
    survival,
)
from churn_assets.app.store import ReleaseStore
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets_tests.app.told import AS_OF, MARKED, NOBODY, OBJECTED, SCORED, WITHOUT, publish_told


def opened(root: Path) -> ReleaseStore:
    pointer = current_release(str(root))
    assert pointer is not None
    return ReleaseStore(open_release(local_copy(str(root), pointer, root)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    root = tmp_path_factory.mktemp("told")
    publish_told(root)
    return opened(root)


@pytest.fixture
def bare(tmp_path: Path) -> ReleaseStore:
    """A release without contacts, endings and segments."""
    publish_told(tmp_path, contacts=None, churn_events=None, segments=None)
    return opened(tmp_path)


def _row(store: ReleaseStore, key: str) -> dict[str, object]:
    row = customer_row(store, key)
    assert row is not None
    return row


def test_a_customer_is_found_by_its_key_and_missing_values_are_none(store: ReleaseStore) -> None:
    row = _row(store, SCORED[5])
    assert row["status"] == "scored" and row["survival_12m"] is None and row["value_tier"] == "high"
    former = _row(store, WITHOUT["former"])
    assert former["probability"] is None and former["ended_on"] == date(2025, 12, 5)
    assert customer_row(store, NOBODY) is None
    assert customer_row(store, "' OR 1=1 --") is None


def test_who_objected_is_known_to_have_and_nothing_else_is_told(store: ReleaseStore) -> None:
    assert has_objected(store, OBJECTED) and not has_objected(store, SCORED[0])
    assert customer_row(store, OBJECTED) is None
    assert months(store, OBJECTED).empty and facts(store, OBJECTED) == (None, [])


def test_measures_are_those_that_the_business_declares(store: ReleaseStore) -> None:
    assert [(m.name, m.words, m.unit) for m in measures(store)] == [
        ("revenue", "revenue", "EUR"),
        ("data_mb", "data", "MB"),
        ("tickets", "tickets", None),
    ]


def test_a_month_of_which_the_sources_tell_nothing_is_a_gap_and_no_zero(store: ReleaseStore) -> None:
    found = months(store, SCORED[0]).set_index("month")
    assert [f"{day:%Y-%m}" for day in found.index] == ["2025-08", "2025-09", "2025-10", "2025-11", "2025-12"]
    assert found["revenue"].fillna(-1).tolist() == [20, 21, -1, 22, 23]
    assert months(store, SCORED[1]).empty


def test_facts_are_all_columns_but_figures_in_the_words_of_the_business(store: ReleaseStore) -> None:
    month, found = facts(store, SCORED[0])
    assert month == "2025-12"
    assert {fact.measure.words: fact.value for fact in found} == {
        "plan": "basic",
        "monthly price": 20.5,
        "started on": date(2024, 1, 1),
        "autopay": True,
        "home region": None,
    }


def test_scores_over_time_have_their_model_and_tier(store: ReleaseStore, bare: ReleaseStore) -> None:
    found = score_history(store, SCORED[0])
    assert found["model_version"].tolist() == ["2", "2", "3"]
    assert found["probability"].tolist()[:2] == [0.11, 0.22] and set(found["risk_tier"]) == {"high"}
    assert score_history(bare, SCORED[0])["risk_tier"].isna().all()


def test_endings_tell_kind_and_reason(store: ReleaseStore, bare: ReleaseStore) -> None:
    [ending] = endings(store, WITHOUT["former"])
    assert (ending["kind"], ending["reason"], ending["ended_on"]) == ("voluntary", "price", date(2025, 12, 5))
    assert endings(bare, WITHOUT["former"]) == []


def test_what_became_of_a_contact_is_unknown_where_the_customer_is(
    store: ReleaseStore, bare: ReleaseStore
) -> None:
    scored = contacts(store, _row(store, SCORED[0]))
    assert scored["happened_on"].dt.date.tolist() == [date(2025, 12, 1), date(2025, 9, 1)]
    assert scored["became"].tolist() == ["still there", "still there"]
    assert "note" not in scored and scored["offer"].tolist() == ["discount_10"] * 2
    assert contacts(store, _row(store, WITHOUT["former"]))["became"].tolist() == ["left"]
    assert contacts(store, _row(store, WITHOUT["unknown"]))["became"].tolist() == ["unknown"]
    assert contacts(bare, _row(bare, SCORED[0])).empty


def test_marks_that_were_taken_back_are_no_contacts_and_new_ones_are_told(
    store: ReleaseStore, bare: ReleaseStore
) -> None:
    row = _row(store, MARKED)
    assert sorted(contacts(store, row)["outcome"]) == ["accepted", "thinking"]
    new = Pending(MARKED, "m4", date(2026, 1, 2), "not_reached")
    others = Pending(SCORED[0], "m5", date(2026, 1, 2), "accepted")
    told = contacts(store, row, Fresh((new, others), frozenset({"m3"})))
    assert told["outcome"].tolist() == ["not_reached", "thinking"]
    assert told["became"].tolist() == ["not read yet", "still there"]
    assert not {"mark_id", "state", "note"} & set(told)
    assert contacts(bare, row, Fresh((new,)))["outcome"].tolist() == ["not_reached"]


def test_the_survival_curve_begins_with_certainty_and_leaves_out_what_is_beyond_the_horizon(
    store: ReleaseStore,
) -> None:
    curve = survival(_row(store, SCORED[0]))
    assert list(zip(curve["months"], curve["chance"], strict=True)) == [(0, 1.0), (3, 0.97), (6, 0.9)]
    assert survival(_row(store, WITHOUT["former"])).empty


def test_the_time_in_which_a_customer_counts_as_lost_begins_after_the_gap(store: ReleaseStore) -> None:
    assert outcome_window(store, AS_OF) == (date(2026, 1, 8), date(2026, 2, 6))


def test_a_short_history_keeps_its_type(store: ReleaseStore) -> None:
    assert pd.api.types.is_datetime64_any_dtype(months(store, SCORED[0])["month"])
