"""Target spellings, and what is said where they do not tell."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.study.errors import StudyError
from churn_assets.study.target import Target, understand_target


def target(spellings: dict[str, int], positive: str | None = None, left_out: tuple[str, ...] = ()) -> Target:
    texts = [spelling for spelling, rows in spellings.items() for _ in range(rows)]
    return understand_target("Churn", pa.chunked_array([pa.array(texts)]), positive, left_out)


@pytest.mark.parametrize(
    ("churned", "stayed"),
    [
        ("Yes", "No"),
        ("yes ", " NO"),
        ("True", "False"),
        ("1", "0"),
        ("1.0", "0.0"),
        ("y", "n"),
        ("T", "F"),
        ("Ja", "Nein"),
        ("Churned", "Stayed"),
        ("Attrited Customer", "Existing Customer"),
        ("1", "-1"),
    ],
)
def test_usual_spellings(churned: str, stayed: str) -> None:
    found = target({churned: 60, stayed: 140, "": 10})
    assert found.known == 200
    assert np.nansum(found.labels) == 60
    assert np.isnan(found.labels[200:]).all()
    assert found.positive == (churned.strip(),)


def test_the_user_names_what_counts_and_what_does_not() -> None:
    found = target({"Stayed": 100, "Churned": 60, "Joined": 30}, "churned", ("JOINED",))
    assert (found.known, np.nansum(found.labels), found.left_out) == (160, 60, ("Joined",))
    assert "Churned is churn" in found.words() and "Joined left out" in found.words()
    assert target({"a": 100, "b": 60, "c": 30}, "b").known == 190
    assert np.nansum(target({"0": 100, "1": 60}, "0").labels) == 100


@pytest.mark.parametrize(
    ("spellings", "positive", "left_out", "said"),
    [
        ({"Yes": 200}, None, (), "is constant"),
        ({"": 200}, None, (), "is constant"),
        ({"Yes": 200, "": 9}, None, (), "is constant"),
        ({"Yes": 100, "No": 100}, None, ("no",), "is constant"),
        ({"Yes": 49, "No": 200}, None, (), "49 rows that churned"),
        ({"Yes": 200, "No": 49}, None, (), "49 rows that stayed"),
        (
            {"Stayed": 100, "Churned": 60, "Joined": 30},
            None,
            (),
            "joined.*--positive VALUE.*--leave-out VALUE",
        ),
        ({"A": 100, "B": 60}, None, (), "whose meaning is not plain: a, b"),
        ({"Yes": 100, "No": 60}, "Left", (), r"--positive Left: .* It has: Yes \(100\), No \(60\)"),
        ({"Yes": 100, "No": 60}, None, ("Maybe",), "--leave-out Maybe"),
    ],
)
def test_what_is_unclear_is_asked(
    spellings: dict[str, int], positive: str | None, left_out: tuple[str, ...], said: str
) -> None:
    with pytest.raises(StudyError, match=said):
        target(spellings, positive, left_out)


def test_fifty_of_each_are_enough() -> None:
    assert target({"Yes": 50, "No": 50}).known == 100
