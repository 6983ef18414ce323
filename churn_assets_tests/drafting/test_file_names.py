"""Which source a file belongs to, and which day its name states."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.file_names import day_in_name, group_files


@pytest.mark.parametrize(
    ("name", "stem", "day"),
    [
        ("sales_2024-01", "sales", "2024-01-31"),
        ("sales-202402", "sales", "2024-02-29"),
        ("sales.2024.01.15", "sales", "2024-01-15"),
        ("20240115_sales", "sales", "2024-01-15"),
        ("sales_20240115T0930", "sales", "2024-01-15"),
        ("sales 15.01.2024", "sales", "2024-01-15"),
        ("sales_2024W05", "sales", "2024-02-04"),
        ("sales_2024Q1", "sales", "2024-03-31"),
        ("sales_jan_2024", "sales", "2024-01-31"),
        ("Umsatz_Dezember2023", "Umsatz", "2023-12-31"),
        ("sales_2023", "sales", "2023-12-31"),
        ("summary_2023", "summary", "2023-12-31"),
        ("2023-marketing", "marketing", "2023-12-31"),
        ("Umsatz 2023 Okt", "Umsatz", "2023-10-31"),
        ("sales", "sales", None),
        ("sales_1234567", "sales_1234567", None),
        ("sales_2024-13-45", "sales_2024-13-45", None),
    ],
)
def test_a_name_states_a_day(name: str, stem: str, day: str | None) -> None:
    found = day_in_name(name)
    assert (found.stem, found.day) == (stem, date.fromisoformat(day) if day else None)


@given(
    st.dates(date(1990, 1, 1), date(2090, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y_%m_%d", "%d.%m.%Y"]),
    st.from_regex(r"[a-z]{1,9}(_[a-z]{1,5})?", fullmatch=True),
)
def test_every_day_is_found_again(day: date, form: str, stem: str) -> None:
    found = day_in_name(f"{stem}_{day.strftime(form)}")
    assert (found.stem, found.day) == (stem, day)


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_files_of_one_name_apart_from_dates_are_one_source(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        "sales_2024-02.csv",
        "sales-202401.csv",
        "Kunden.csv.gz",
        "usage-part-1.csv",
        "usage-part-2.csv",
    )
    found = {group.name: [file.path.name for file in group.files] for group in group_files([tmp_path])}
    assert found == {
        "kunden": ["Kunden.csv.gz"],
        "sales": ["sales-202401.csv", "sales_2024-02.csv"],
        "usage": ["usage-part-1.csv", "usage-part-2.csv"],
    }


def test_folders_state_days_and_sources(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        "landing/crm/extract_date=2024-01-31/a.csv",
        "exports/2024-02/customers.csv",
        "bills/2024-03.csv",
    )
    found = {group.name: group.files[0] for group in group_files([tmp_path])}
    assert {name: str(file.day) for name, file in found.items()} == {
        "crm": "2024-01-31",
        "customers": "2024-02-29",
        "bills": "2024-03-31",
    }
    assert found["crm"].landed and not found["bills"].landed


def test_hidden_and_growing_files_are_no_files(tmp_path: Path) -> None:
    _touch(tmp_path, ".sales.csv", "sales.csv.part", ".git/sales.csv")
    with pytest.raises(DraftError, match="no file to draft from"):
        group_files([tmp_path])
    with pytest.raises(DraftError, match=r"nowhere\.csv: there is no such file"):
        group_files([tmp_path / "nowhere.csv"])
