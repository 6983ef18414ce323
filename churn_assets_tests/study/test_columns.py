"""What a column is, by its texts: numbers in every notation, dates, ids, codes, prose."""

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.study.columns import in_words, learnable, understand

N = 400


def column(texts: list[str], name: str = "x", delimiter: str = ","):
    return understand(name, pa.chunked_array([pa.array(texts)]), delimiter)


def repeated(*texts: str) -> list[str]:
    return [texts[at % len(texts)] for at in range(N)]


@pytest.mark.parametrize(
    ("texts", "delimiter", "values"),
    [
        (["1", "2.5", "-3", "+4", "1e3", ".5"], ",", [1, 2.5, -3, 4, 1000, 0.5]),
        (["1,234.50", "12", "1,234,567"], ",", [1234.5, 12, 1234567]),
        (["1.234,50", "12", "1.234.567"], ";", [1234.5, 12, 1234567]),
        (["3,5", "12,25", "7"], ";", [3.5, 12.25, 7]),
        (["0,123", "0,5", "7"], ",", [0.123, 0.5, 7]),
        (["0,123", "0,125"], ",", [0.123, 0.125]),
        (["1,234", "567"], ",", [1234, 567]),
        (["1,234", "567"], ";", [1.234, 567]),
        (["1.234", "567", "12.345"], ";", [1234, 567, 12345]),
        (["1.234", "2.345", "1.5"], ";", [1.234, 2.345, 1.5]),
        (["1.234", "567", "12.345", "5678"], ";", [1.234, 567, 12.345, 5678]),
        (["1.234", "567"], ";", [1.234, 567]),
        (["1.234", "567", "12.345"], ",", [1.234, 567, 12.345]),
        (["1,234", "567", "12,345"], "\t", [1234, 567, 12345]),
        (["1,234", "567", "12,345"], "|", [1234, 567, 12345]),
        (["1,234", "567", "1,5"], "|", [1.234, 567, 1.5]),
        (["12\u00a0€", "1\u202f234,50\u00a0€"], ";", [12, 1234.5]),
        (["1 234", "1\u00a0234,5", "7"], ";", [1234, 1234.5, 7]),
        (["1'234.50", "7"], ",", [1234.5, 7]),
        (["1.234.567", "1.234"], ",", [1234567, 1234]),
        (["$1,200", "-$5", "$ 7.25"], ",", [1200, -5, 7.25]),
        (["12 €", "1.200,50 €"], ";", [12, 1200.5]),
        (["12 %", "3.5%"], ",", [12, 3.5]),
        ([" 7 ", "", " ", "NA", "n/a", "NULL", "-", "?", "8"], ",", [7, *[np.nan] * 7, 8]),
    ],
)
def test_numbers_of_every_notation(texts: list[str], delimiter: str, values: list[float]) -> None:
    found = column(repeated(*texts), delimiter=delimiter)
    assert found.kind == "number"
    assert found.values.tolist()[: len(values)] == pytest.approx(values, nan_ok=True)
    assert found.missing == int(np.isnan(found.values).sum())


@pytest.mark.parametrize(
    ("texts", "delimiter", "note"),
    [
        (("1.234", "567", "12.345"), ";", "the point in 1.234 was taken for a thousands separator"),
        (("1,234", "567", "12,345"), "\t", "the comma in 1,234 was taken for a thousands separator"),
        (("1,234", "567", "12,345"), ";", "the comma in 1,234 was taken for a decimal comma"),
    ],
)
def test_what_a_mark_was_taken_for_is_said(texts: tuple[str, ...], delimiter: str, note: str) -> None:
    assert column(repeated(*texts), delimiter=delimiter).notes == (note,)


NOTATIONS = {
    "point": lambda v: f"{v:,.2f}",
    "comma": lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,")),
    "gap": lambda v: f"{v:,.2f}".replace(",", " ").replace(".", ","),
    "bare": lambda v: f"{v:.2f}",
}


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=5, max_size=30, unique=True),
    st.sampled_from(list(NOTATIONS)),
)
def test_a_number_survives_its_notation(cents: list[int], notation: str) -> None:
    values = [c / 100 for c in cents]
    found = column([NOTATIONS[notation](v) for v in values] * 3, delimiter=";")
    assert found.kind == "number"
    assert found.values.tolist()[: len(values)] == pytest.approx(values)


def test_a_few_words_among_numbers_are_missing_and_listed() -> None:
    found = column([str(at) for at in range(N)] * 2 + ["unknown"])
    assert found.kind == "number" and found.missing == 1
    assert "'unknown'" in " ".join(found.notes)
    assert column([str(at) for at in range(40)] * 9 + ["a", "b", "c", "d", "e", "f"] * 9).kind == "category"


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["2024-02-28", "2024-03-01"], ["2024-02-28", "2024-03-01"]),
        (["2024-02-28 10:00:00", "2024-03-01T00:00:00Z"], ["2024-02-28 10:00", "2024-03-01"]),
        (["28.02.2024", "01.03.2024"], ["2024-02-28", "2024-03-01"]),
        (["28/02/2024", "01/03/2024"], ["2024-02-28", "2024-03-01"]),
        (["02/28/2024", "03/01/2024"], ["2024-02-28", "2024-03-01"]),
        (["20240228", "20240301"], ["2024-02-28", "2024-03-01"]),
        (["28-Feb-2024", "01-Mar-2024"], ["2024-02-28", "2024-03-01"]),
        (["28-FEB-24", "01-MAR-24"], ["2024-02-28", "2024-03-01"]),
        (["28.02.24", "01.03.24"], ["2024-02-28", "2024-03-01"]),
        (["28.02.24 10:30", "01.03.24 09:00"], ["2024-02-28 10:30", "2024-03-01 09:00"]),
        (["2/28/2024 3:04 PM", "3/1/2024 11:00 AM"], ["2024-02-28 15:04", "2024-03-01 11:00"]),
        (["2/28/2024 13:04:10", "3/1/2024 11:00:00"], ["2024-02-28 13:04:10", "2024-03-01 11:00"]),
        (["28/02/24 13:04", "01/03/24 11:00"], ["2024-02-28 13:04", "2024-03-01 11:00"]),
        (["2024-02-28 10:00:00 UTC", "2024-03-01 11:00:00 UTC"], ["2024-02-28 10:00", "2024-03-01 11:00"]),
        (["28 February 2024", "1 March 2024"], ["2024-02-28", "2024-03-01"]),
        (["Feb 2024", "Mar 2024"], ["2024-02-01", "2024-03-01"]),
        (["February 2024", "March 2024"], ["2024-02-01", "2024-03-01"]),
        (["Feb-24", "Mar-24"], ["2024-02-01", "2024-03-01"]),
        (["02/2024", "03/2024"], ["2024-02-01", "2024-03-01"]),
    ],
)
def test_dates_of_every_notation(texts: list[str], days: list[str]) -> None:
    found = column(repeated(*texts, ""))
    assert found.kind == "date"
    assert [str(day)[: len(want)] for day, want in zip(found.values, days, strict=False)] == days
    assert found.missing == sum(text == "" for text in repeated(*texts, ""))


def test_a_date_that_could_be_either_says_so() -> None:
    found = column(repeated("02/03/2024", "04/05/2024"))
    assert found.values[0] == datetime.fromisoformat("2024-02-03T00:00:00+00:00")
    assert "could be the other way round" in found.notes[0]
    other = column(repeated("02-03-2024", "04-05-2024"))
    assert other.values[0] == datetime.fromisoformat("2024-03-02T00:00:00+00:00")
    assert "could be the other way round" in other.notes[0]
    assert "other way" not in column(repeated("02-03-2024", "14-05-2024")).notes[0]
    assert "other way" not in column(repeated("2024-02-03", "2024-04-05")).notes[0]


def test_notations_are_read_by_row_where_only_one_day_is_possible() -> None:
    days = pd.date_range("2020-01-01", periods=N, freq="3D")
    notation = ("%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y")
    found = column([day.strftime(notation[at % 3]) for at, day in enumerate(days)])
    assert found.kind == "date" and found.missing == 0
    assert [str(day)[:10] for day in found.values] == [str(day)[:10] for day in days]
    assert found.notes == ("by row: year-month-day, day.month.year, month day, year",)
    assert found.doubt == ""


def test_other_rows_decide_which_of_two_days_is_meant() -> None:
    days = pd.date_range("2020-01-01", periods=N, freq="3D")
    found = column([day.strftime("%Y-%m-%d" if at % 2 else "%d/%m/%Y") for at, day in enumerate(days)])
    assert [str(day)[:10] for day in found.values] == [str(day)[:10] for day in days] and found.doubt == ""


def test_days_that_could_be_two_are_missing_and_told() -> None:
    days = pd.date_range("2020-01-01", periods=N, freq="3D")
    found = column([day.strftime("%m/%d/%Y" if at % 2 else "%d/%m/%Y") for at, day in enumerate(days)])
    either = (days.day <= 12) & (days.day != days.month)
    assert found.values.isna().tolist() == either.tolist()
    assert found.doubt.startswith(f"{either.sum()} rows") and "read as missing" in found.doubt
    assert "impossible" not in " ".join(found.notes)


def test_first_days_of_months_are_no_days_of_january() -> None:
    firsts = [f"{month:02d}-01-{year}" for year in (2022, 2023, 2024) for month in range(1, 13)]
    found = column(repeated(*firsts))
    assert {day.day for day in found.values} == {1} and len({day.month for day in found.values}) == 12
    assert found.doubt == ""
    either = column(repeated("02/03/2024", "04/05/2024"))
    assert either.doubt.startswith(f"{N} rows: no day is above 12")


DAYS = [f"{year}-{month:02d}-14" for year in (2022, 2023, 2024) for month in range(1, 13)]


@pytest.mark.parametrize(
    ("day", "others", "missing"),
    [
        ("2099-12-31", DAYS, True),
        ("1900-01-01", DAYS, True),
        ("1970-01-01", DAYS, True),
        ("1970-01-01", [f"{year}-05-01" for year in range(1930, 2000)], False),
        ("1900-01-01", [f"{year}-05-01" for year in range(1930, 2000)], True),
        ("2024-12-31", DAYS, False),
        ("9999-12-31", DAYS, True),
    ],
)
def test_a_date_that_stands_for_none_is_missing(day: str, others: list[str], missing: bool) -> None:
    found = column([day] * 50 + others * 5)
    assert found.kind == "date"
    assert found.missing == int(found.values.isna().sum()) == 50 * missing
    assert ("read as missing" in " ".join(found.notes)) == missing
    if day < "9999":
        assert column([day] + others * 5).missing == 0


def test_none_is_a_word_among_words_and_a_blank_among_numbers() -> None:
    offer = column(repeated("None", "A", "B", ""))
    assert (offer.kind, offer.missing, offer.distinct) == ("category", N // 4, 3)
    assert offer.values[0] == "None"
    assert column(repeated("None", "1", "2")).missing == sum(at % 3 == 0 for at in range(N))
    assert column(repeated("nil", "2024-01-01", "2024-02-01")).kind == "date"


@pytest.mark.parametrize(
    ("name", "texts", "kind"),
    [
        ("x", [""] * N, "empty"),
        ("x", ["Austria"] * N, "constant"),
        ("x", ["Austria"] * (N - 1) + [""], "category"),
        ("x", [f"C{at:04d}" for at in range(N)], "id"),
        ("x", [str(at) for at in range(N)], "id"),
        ("customer_id", [str(at * at + 7) for at in range(N)], "id"),
        ("income", [str(at * at + 7) for at in range(N)], "number"),
        ("x", [f"{at / 7:.4f}" for at in range(N)], "number"),
        ("zip", [f"{at % 40:05d}" for at in range(N)], "category"),
        ("x", repeated("Yes", "No"), "category"),
        ("x", repeated("0", "1"), "number"),
        ("year", repeated("2021", "2022", "2023"), "number"),
        ("x", repeated("2024-01", "plan B"), "category"),
        ("note", [f"she said that line {at} broke again today" for at in range(N)], "text"),
        ("city", [f"town {at // 3}" for at in range(N)], "codes"),
    ],
)
def test_kinds(name: str, texts: list[str], kind: str) -> None:
    found = column(texts, name)
    assert found.kind == kind
    assert (found.values is not None) == (kind in ("number", "category", "date"))


def test_dates_become_days_before_the_moment_of_observation() -> None:
    joined = column(repeated("2024-01-01", "2024-01-11"), "joined")
    alone = learnable([joined], None)
    assert alone["joined"].tolist()[:2] == [10, 0]
    observed = column(["2024-02-01"] * (N - 1) + ["2024-03-01"], "observed").values
    assert learnable([joined], observed)["joined"].tolist()[:2] == [31, 21]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MonthlyCharges", "monthly charges"),
        ("streamingTV", "streaming TV"),
        ("last_order.date", "last order date"),
    ],
)
def test_names_in_words(name: str, words: str) -> None:
    assert in_words(name) == words
