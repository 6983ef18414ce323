"""People are found by their own id and by their name; nobody by half a word."""

import pyarrow as pa
import pytest

from churn_assets.app.search import MOST, Hit, by_id, by_name, contact_columns

PEOPLE = pa.table(
    {
        "customer_id": ["C-1", "C-2", "C-3", "C-4", "O'Neil"],
        "customer_key": ["a", "b", "c", "d", "e"],
        "full_name": ["Zoë Müller", "zoe muller", "Ann Müller", None, "50% _x"],
        "email": ["z@example.com", None, "ann@example.com", None, None],
        "consent": [True, None, None, None, None],
        "account_owner": ["eva", "eva", "tom", None, None],
    }
)


def _keys(hits: list[Hit]) -> list[str]:
    return [hit.customer_key for hit in hits]


def test_contact_data_are_the_declared_columns() -> None:
    assert contact_columns(PEOPLE) == ["full_name", "email"]


def test_an_id_is_found_to_the_letter() -> None:
    assert by_id(PEOPLE, " C-2 ") == [Hit("b", "C-2", {"full_name": "zoe muller", "email": None})]
    assert (
        by_id(PEOPLE, "c-2") == [] and by_id(PEOPLE, "C-") == [] and _keys(by_id(PEOPLE, "O'Neil")) == ["e"]
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("muller", ["a", "b", "c"]),
        ("MÜLLER Zoe", ["a", "b"]),
        ("ann@example.com", ["c"]),
        ("mull", []),
        ("%", []),
        ("_x", ["e"]),
        ("  ", []),
        ("' OR 1=1 --", []),
    ],
)
def test_a_name_is_found_by_whole_words_whatever_their_case_and_accents(typed: str, found: list[str]) -> None:
    assert _keys(by_name(PEOPLE, typed)) == found


def test_an_account_owner_finds_only_their_own_customers() -> None:
    assert _keys(by_name(PEOPLE, "Müller", owner="tom")) == ["c"]


def test_a_common_name_lists_one_more_than_may_be_shown() -> None:
    many = pa.table(
        {
            "customer_id": [str(n) for n in range(99)],
            "customer_key": [str(n) for n in range(99)],
            "name": ["Kim"] * 99,
        }
    )
    assert len(by_name(many, "kim")) == MOST + 1


def test_without_contact_columns_nobody_is_found_by_name() -> None:
    assert by_name(pa.table({"customer_id": ["C-1"], "customer_key": ["a"]}), "C-1") == []
