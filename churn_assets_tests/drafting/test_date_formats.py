"""Formats of days: every notation is read back, and who decides between day and month is said."""

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.contracts.formats import _read, wrong_format
from churn_assets.drafting.date_formats import Evidence, moments

WRITTEN = {
    "%d.%m.%Y": "day.month.year",
    "%d/%m/%Y": "day/month/year",
    "%m/%d/%Y": "month/day/year",
    "%d-%m-%Y": "",
}


def evidence(texts: Sequence[str], extract: str | None = None, **more: bool) -> Evidence:
    days = pd.DatetimeIndex(pd.to_datetime([extract] * len(texts), utc=True))
    return Evidence(lambda at: f"row {at + 1}", days, **more)


def read(texts: Sequence[str], extract: str | None = None, **more: bool):
    return moments(pa.array(texts), evidence(texts, extract, **more))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dates(date(1990, 1, 1), date(2060, 12, 31)), min_size=3, max_size=40, unique=True),
    st.sampled_from([*WRITTEN, "%Y%m%d", "%Y/%m/%d"]),
)
def test_a_notation_is_read_back_or_told_to_be_ambiguous(days: list[date], form: str) -> None:
    texts = [day.strftime(form) for day in days]
    found = read(texts)
    assert found is not None and len(found.formats) == 1
    assert wrong_format(found.formats[0]) is None
    if any(day.day > 12 for day in days):
        assert not found.ambiguous
        assert [_read(found.formats[0], text) for text in texts] == days
    elif form.startswith("%m"):
        assert found.ambiguous


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2024-01-31", "2024-02-01"], ()),
        (["31.01.2024", "01.02.2024"], ("dd.MM.yyyy",)),
        (["1/31/2024", "12/1/2024"], ("M/d/yyyy",)),
        (["31.01.24", "01.02.24"], ("dd.MM.yy",)),
        (["2024-01-31 00:00:00", "2024-02-01 00:00:00"], ("yyyy-MM-dd HH:mm:ss",)),
        (["31.01.2024 13:05", "01.02.2024 09:00"], ("dd.MM.yyyy HH:mm",)),
        (["2024-01-31T10:00:00Z", "2024-02-01T11:30:00Z"], ()),
        (["20240131", "20240201"], ("yyyyMMdd",)),
    ],
)
def test_formats_in_the_letters_of_spark(texts: list[str], formats: tuple[str, ...]) -> None:
    found = read(texts)
    assert found is not None and found.formats == formats


def test_the_row_that_decides_is_named() -> None:
    found = read(["03/04/2024", "05/06/2024", "07/25/2024"])
    assert found is not None
    assert (found.formats, found.ambiguous) == (("MM/dd/yyyy",), False)
    assert "row 3 decides" in found.note


def test_without_such_a_row_the_day_of_the_extract_decides() -> None:
    found = read(["03/11/2019", "02/10/2019"], extract="2019-03-31")
    assert found is not None
    assert (found.formats, found.ambiguous) == (("MM/dd/yyyy",), False)
    assert "as day/month/year 2 values would be after the extract" in found.note


@pytest.mark.parametrize(
    ("day_first", "formats"), [(True, "dd/MM/yyyy"), (None, "dd/MM/yyyy"), (False, "MM/dd/yyyy")]
)
def test_where_none_decides_the_guess_is_said_to_be_one(day_first: bool | None, formats: str) -> None:
    found = read(["03/04/2019", "02/10/2019"], day_first=day_first)
    assert found is not None
    assert (found.formats, found.ambiguous) == ((formats,), True)
    assert "none decides" in found.note


def test_an_end_may_lie_after_its_extract() -> None:
    found = read(["03/11/2019", "02/10/2019"], extract="2019-03-31", past=False)
    assert found is not None and found.ambiguous


def test_several_notations_in_one_column() -> None:
    texts = [f"{d:02d}.03.2024" for d in range(1, 20)] + [f"2024-04-{d:02d}" for d in range(1, 20)]
    found = read(texts)
    assert found is not None
    assert set(found.formats) == {"dd.MM.yyyy", "yyyy-MM-dd"}
    assert found.days.notna().all()


@pytest.mark.parametrize("texts", [["1234", "99"], ["a", "b"], ["1.5", "2.5"], ["C001", "C002"]])
def test_other_texts_are_no_dates(texts: list[str]) -> None:
    assert read(texts) is None
