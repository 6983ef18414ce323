"""Target spellings, and what is said where they do not tell."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.study.errors import StudyError
from churn_assets.study.target import Target, understand_target


def target(
    spellings: dict[str, int],
    positive: str | None = None,
    left_out: tuple[str, ...] = (),
    negative: str | None = None,
) -> Target:
    texts = [spelling for spelling, rows in spellings.items() for _ in range(rows)]
    return understand_target("Churn", pa.chunked_array([pa.array(texts)]), positive, left_out, negative)


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
        ("+1", "-1"),
        ("1.00", "0.00"),
        ("1,0", "0,0"),
        ("True.", "False."),
        ("WAHR", "FALSCH"),
        ("vrai", "faux"),
        ("Inactive", "Active"),
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


def test_blanks_are_one_value_and_counted_together() -> None:
    assert target({"Yes": 60, "No": 100, "": 500, "NA": 3}).counts == {"(blank)": 503, "No": 100, "Yes": 60}


@pytest.mark.parametrize("blank", ["", "(blank)", "NULL", "none"])
def test_a_blank_may_mean_stayed(blank: str) -> None:
    found = target({"Churned": 60, "": 500, "NULL": 40}, negative=blank)
    assert (found.known, np.nansum(found.labels), found.positive) == (600, 60, ("Churned",))
    dated = target({"2024-01-05": 60, "2024-01-06": 30, "": 500}, negative="NULL")
    assert (dated.known, np.nansum(dated.labels)) == (590, 90)
    assert np.nansum(target({"Active": 100, "": 60}, positive="-").labels) == 60


def test_many_values_that_mean_churned_are_not_all_listed() -> None:
    found = target({f"2024-01-{at:02d}": 10 for at in range(1, 10)} | {"": 500}, negative="")
    assert found.words().startswith(
        "2024-01-01 or 2024-01-02 or 2024-01-03 or 2024-01-04 or 5 others is churn"
    )


def test_the_user_may_name_who_stayed() -> None:
    found = target({"Stayed": 100, "Churned": 60, "Moved": 30, "": 9}, negative="stayed")
    assert (found.known, np.nansum(found.labels), found.positive) == (190, 90, ("Churned", "Moved"))
    both = {"Stayed": 100, "Churned": 60, "Joined": 30}
    assert target(both, "Churned", ("Joined",), "Stayed").known == 160
    with pytest.raises(StudyError, match="not plain: joined"):
        target(both, "Churned", (), "Stayed")
    with pytest.raises(StudyError, match="name the same value"):
        target(both, "Stayed", (), "stayed")
    with pytest.raises(StudyError, match=r"--negative Gone: .* no such value"):
        target(both, negative="Gone")


@pytest.mark.parametrize(
    ("spellings", "positive", "left_out", "said"),
    [
        ({"Yes": 200}, None, (), "is constant"),
        ({"": 200}, None, (), "is constant"),
        (
            {"Yes": 200, "": 9},
            None,
            (),
            r"is constant but for blanks \(Yes \(200\), \(blank\) \(9\)\).*--negative \"\"",
        ),
        ({"Churned": 60, "": 500}, "Churned", (), "--negative"),
        ({"2024-01-05": 60, "2024-01-06": 30, "": 500}, None, (), r"not plain: 2024.*--negative \"\""),
        ({"Yes": 100, "No": 100}, None, ("no",), "is constant"),
        ({"Yes": 49, "No": 200}, None, (), "49 rows that churned"),
        ({"Yes": 200, "No": 49}, None, (), "49 rows that stayed"),
        (
            {"Stayed": 100, "Churned": 60, "Joined": 30},
            None,
            (),
            "joined.*--positive VALUE.*--leave-out VALUE",
        ),
        ({"Yes": 60, "TRUE": 9, "": 500}, None, (), "constant but for blanks.*--negative"),
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
