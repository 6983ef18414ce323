"""Type, signs and personal data of a column, by its name and its values."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.contracts.columns import MEANS_NONE
from churn_assets.drafting.columns import DraftColumn, Habits, guess_column
from churn_assets.drafting.names import column_names, slug


def guess(values: list[object], name: str = "x", delimiter: str = ",", kind: str = "csv") -> DraftColumn:
    rows = len(values)
    unknown = pd.DatetimeIndex([pd.NaT] * rows, tz="UTC")
    habits = Habits(kind, delimiter, ("f.csv",), np.zeros(rows, int), np.arange(1, rows + 1), unknown)  # type: ignore[arg-type]
    return guess_column(name, slug(name), pa.chunked_array([pa.array(values)]), habits)


@pytest.mark.parametrize(
    ("values", "kind", "decimal", "thousands"),
    [
        (["1", "22", "-3"], "integer", ".", None),
        (["1.5", "22", "-3"], "number", ".", None),
        (["11,77", "3,5", "120"], "number", ",", None),
        (["1.211,77", "3,5", "1.120"], "number", ",", "."),
        (["1,211.77", "3.5", "1,120"], "number", ".", ","),
        (["1 211,77", "3,5"], "number", ",", " "),
        (["1'211.77", "3.5"], "number", ".", "'"),
        (["1'211", "35"], "integer", ".", "'"),
        (["517.0", "-3.0"], "number", ".", None),
        (["1e3", "2"], "number", ".", None),
    ],
)
def test_numbers_and_their_signs(values: list[str], kind: str, decimal: str, thousands: str | None) -> None:
    found = guess(values * 20, "amount", ";")
    assert (found.type, found.decimal, found.thousands, found.transform) == (kind, decimal, thousands, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.decimals(-99999, 99999, places=2), min_size=2, max_size=30, unique=True))
def test_a_decimal_comma_is_read_back(values: list[object]) -> None:
    found = guess([str(value).replace(".", ",") for value in values], "amount", ";")
    assert found.decimal == "," and found.numbers is not None
    assert found.numbers == pytest.approx([float(str(value)) for value in values])


@pytest.mark.parametrize(
    ("values", "name", "kind", "says"),
    [
        (["00123", "00456"], "shop", "string", "leading zeros"),
        (["123", "456", "789"], "order_id", "string", "names something"),
        (["123", "456", "789"], "KundenNr", "string", "names something"),
        (["true", "false"], "ok", "boolean", ""),
        (["Y", "N"], "ok", "boolean", ""),
        (["1", "0"], "ok", "integer", ""),
        (["ja", "nein"], "ok", "string", ""),
        (["", ""], "x", "string", "no row of the sample has a value"),
        (["basic", "plus"], "plan", "string", ""),
    ],
)
def test_other_types(values: list[str], name: str, kind: str, says: str) -> None:
    found = guess(values, name)
    assert found.type == kind
    assert says in " ".join(found.notes)


def test_words_for_none_and_currency_signs_need_a_transformation() -> None:
    found = guess(["$1,200.50", "$3", "NA"] * 9, "paid")
    assert found.type == "number"
    assert found.transform == (
        "regexp_replace(case when trim(`paid`) in ('NA') then null else trim(`paid`) end, '[^0-9.+-]', '')"
    )
    assert {rank for rank, _ in found.doubts} == {2}


@pytest.mark.parametrize(
    ("never", "day", "formats", "means_none"),
    [
        ("9999-12-31", "2024-02-{:02d}", (), "9999-12-31"),
        ("31.12.9999", "{:02d}.02.2024", ("dd.MM.yyyy",), "9999-12-31"),
        ("00.00.0000", "{:02d}.02.2024", ("dd.MM.yyyy",), "0000-00-00"),
        ("2099-12-31", "2024-02-{:02d}", (), "2099-12-31"),
    ],
)
def test_a_day_that_means_never(never: str, day: str, formats: tuple[str, ...], means_none: str) -> None:
    found = guess([*(day.format(n) for n in range(1, 28)), never, never], "ended_on")
    assert (found.type, found.transform, found.formats) == ("date", None, formats)
    assert means_none in found.means_none and set(MEANS_NONE) <= set(found.means_none)
    assert any(f"{never!r} is taken for no day" in words for _, words in found.doubts)
    assert never not in found.texts.to_pylist()


def test_a_day_that_means_never_beside_a_word_for_none_is_cut_out_by_sql() -> None:
    found = guess(["2024-01-31", "2024-02-29", "9999-12-31", "n/a"] * 9, "ended_on")
    assert found.transform is not None and found.means_none == ()
    assert "in ('n/a', '9999-12-31') then null" in found.transform


def test_values_that_do_not_parse_are_counted() -> None:
    found = guess(["12", "13", "14", "oops"] + [str(n) for n in range(100, 200)], "items")
    assert found.type == "integer"
    assert (2, "1 value is no number; a run would refuse its row") in found.doubts


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("Email", ["a@example.org"], "an e-mail address, by its name"),
        ("contact", ["a@example.org", "b@example.net"], "an e-mail address, by its values"),
        ("Tel", ["+49 30 1234567"], "a phone number, by its name"),
        ("reach", ["+49 30 1234567", "(030) 765 4321"], "a phone number, by its values"),
        ("Nachname", ["Meyer"], "a name of a person, by its name"),
        ("Geburtsdatum", ["1970-01-31"], "a birth date, by its name"),
        ("wohnt", ["Hauptstraße 5", "Am Weg 12"], "an address, by its values"),
        ("pays_by", ["DE89 3704 0044 0532 0130 00"], "a bank account, by its values"),
        (
            "remark",
            [f"called about bill number {n} again" for n in range(40)],
            "free text, which may name people",
        ),
        ("plan_name", ["basic", "plus"], ""),
        ("product_name", ["basic", "plus"], ""),
        ("amount", ["1.50", "2.50"], ""),
        ("day", ["2024-01-31"], ""),
        ("region", ["north", "south"], ""),
    ],
)
def test_personal_columns(name: str, values: list[str], why: str) -> None:
    assert guess(values, name).personal == why


def test_no_comment_or_doubt_shows_a_personal_value() -> None:
    for name, values in (
        ("Geburtsdatum", ["31.01.1970", "05.02.1980", "NA"]),
        ("Email", ["a@example.org", "b@c.de"]),
    ):
        found = guess(values * 5, name)
        told = " ".join([*found.notes, *(words for _, words in found.doubts)])
        assert found.personal
        assert not [value for value in values if value != "NA" and value in told]


def test_parquet_tells_its_types() -> None:
    assert (
        guess([1.0, 2.0, 3.0, None], "customer_id", kind="parquet").transform
        == "cast(try_cast(`customer_id` as bigint) as string)"
    )
    assert guess([1, 2, 3], "items", kind="parquet").type == "integer"
    assert guess([1.5, 2.0], "paid", kind="parquet").type == "number"
    assert (
        guess([pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")], "day", kind="parquet").type == "date"
    )
    assert guess([pd.Timestamp("2024-01-31 10:00")], "at", kind="parquet").type == "timestamp"
    assert guess([True, False], "ok", kind="parquet").type == "boolean"


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12, unique=True))
def test_names_are_valid_and_differ(names: list[str]) -> None:
    found = column_names(names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found.values())


@pytest.mark.parametrize(
    ("name", "found"),
    [("Stückzahl (netto)", "stueckzahl_netto"), ("customerID", "customer_id"), ("1st", "c_1st")],
)
def test_names_in_the_lake(name: str, found: str) -> None:
    assert slug(name) == found
