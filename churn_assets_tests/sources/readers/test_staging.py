"""Extract files as Parquet files with the same rows, by their columns."""

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import LandingError, list_extracts
from churn_assets.sources.readers.staging import Columns, stage
from churn_assets_tests.lakes import extract_folder, write_csv

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
ROW = {"contact_id": "R1", "customer_id": "C1", "contacted_on": "2025-01-03", "arm": "treated"}


def _stage(landing: Path) -> dict[Columns, str]:
    files = list_extracts(str(landing), CONTACTS)
    return stage(CONTACTS, str(landing), files, str(landing / "staged"))


def test_files_with_the_same_columns_lie_together_and_each_row_tells_where_it_comes_from(
    tmp_path: Path,
) -> None:
    write_csv(tmp_path, "retention_contacts", "2025-01-31", [ROW, ROW | {"arm": None}], "a")
    write_csv(tmp_path, "retention_contacts", "2025-02-28", [ROW], "b")
    write_csv(tmp_path, "retention_contacts", "2025-02-28", [ROW | {"more": "x"}], "more")
    write_csv(tmp_path, "retention_contacts", "2025-03-31", [], "none", columns=["other", *ROW])
    staged = {tuple(name for name, _ in columns): folder for columns, folder in _stage(tmp_path).items()}
    assert [*staged] == [(*ROW,), (*ROW, "more")]
    rows = pq.read_table(staged[(*ROW,)]).to_pylist()
    assert sorted(rows, key=lambda row: (row["source_file"], row["row_number"])) == [
        {
            "1": "R1",
            "2": "C1",
            "3": "2025-01-03",
            "4": arm,
            "broken": None,
            "row_number": number,
            "extract_date": day,
            "source_file": f"retention_contacts/extract_date={day}/{name}.csv",
            "extract_month": f"{day:%Y-%m}",
        }
        for arm, number, day, name in [
            ("treated", 1, date(2025, 1, 31), "a"),
            (None, 2, date(2025, 1, 31), "a"),
            ("treated", 1, date(2025, 2, 28), "b"),
        ]
    ]
    [row] = pq.read_table(staged[(*ROW, "more")]).to_pylist()
    assert row["5"] == "x"


def test_of_several_files_that_cannot_be_read_the_first_is_named(tmp_path: Path) -> None:
    for day in ("2025-01-31", "2025-02-28", "2025-03-31"):
        write_csv(tmp_path, "retention_contacts", day, [ROW])
    for day in ("2025-02-28", "2025-03-31"):
        write_csv(tmp_path, "retention_contacts", day, [{"id": "R1"}])
    with pytest.raises(LandingError, match=r"^retention_contacts/extract_date=2025-02-28/part-1\.csv lacks"):
        _stage(tmp_path)


def test_a_header_that_never_closes_is_named_without_what_follows(tmp_path: Path) -> None:
    folder = extract_folder(tmp_path, "retention_contacts", "2025-01-31")
    (folder / "a.csv").write_text('contact_id,customer_id,"contacted_on,arm\nR1,C1,2025-01-03,treated\n')
    with pytest.raises(LandingError, match=r"a\.csv, line 1: a quote opens a field that never") as caught:
        _stage(tmp_path)
    assert "C1" not in str(caught.value)
