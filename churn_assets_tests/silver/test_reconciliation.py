"""silver/reconciliation as other stations read it."""

from datetime import date
from pathlib import Path

import pyarrow as pa

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.reconciliation import first_extracts, passed_months
from churn_assets.silver.reconciliation_rows import ReconciledMonth, refuse_months
from churn_assets_tests.lakes import declaring, settings_for


def _balance(month: str, *days: int, whole: bool = True, refused_by: str | None = None) -> ReconciledMonth:
    dates = [date.fromisoformat(f"{month}-{day:02d}") for day in days]
    return ReconciledMonth("customers", month, 12, 10, 1, 1, dates, whole, refused_by)


def test_later_extracts_of_a_month_do_not_move_the_day_on_which_a_key_is_gone(tmp_path: Path) -> None:
    """A label settles by the extract of 10 February; it must come out the same after that of the 24th."""
    house, found = Lakehouse(settings_for(tmp_path)), []
    for february in ([3, 10], [3, 10, 17, 24]):
        rows = [
            _balance("2025-01", 31),
            _balance("2025-02", *february),
            _balance("2025-03", 3, refused_by="volume"),
            _balance("2025-04", 7, whole=False),
        ]
        table, months = tables.RECONCILIATION, [row.extract_month for row in rows]
        told = table.rows([row.as_dict() for row in rows])
        house.replace_rows(table, told, "extract_month", months, run_id="run")
        found.append(first_extracts(house))
    assert found == [{"customers": [date(2025, 1, 31), date(2025, 2, 3)]}] * 2


def test_what_refuses_a_month_later_stands_beside_what_did_before(tmp_path: Path) -> None:
    house, table = Lakehouse(settings_for(tmp_path)), tables.RECONCILIATION
    rows = [_balance("2025-01", 31), _balance("2025-02", 28, refused_by="volume"), _balance("2025-03", 31)]
    house.append_rows(table, table.rows([row.as_dict() for row in rows]), run_id="run")
    broken = [("customers", month, "contradiction:spells") for month in ("2025-01", "2025-02")]
    refuse_months(house, broken, "run")
    told = sorted(house.arrow(table).to_pylist(), key=lambda row: row["extract_month"])
    assert [(row["refused_by"], row["balances"], row["accepted"]) for row in told] == [
        ("contradiction:spells", False, 0),
        ("contradiction:spells, volume", False, 0),
        (None, True, 10),
    ]


def test_a_month_says_why_it_does_not_balance() -> None:
    assert _balance("2025-01", 31)._replace(delivered=1300).fault == "1,300 delivered, 12 found"
    refused = _balance("2025-01", 31, refused_by="gap, volume")
    assert not refused.balances and refused.fault == "silver refused it by gap, volume"


def test_the_balance_of_an_earlier_release_counts_as_whole(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    row = {"source": "customers", "extract_month": "2025-01", "balances": True}
    old = pa.Table.from_pylist([row])
    house.append_rows(declaring(tables.RECONCILIATION, old), old, run_id="run")
    assert passed_months(house) == {("customers", "2025-01")}
    new = tables.RECONCILIATION.rows([row | {"extract_month": "2025-02", "whole": False}])
    house.append_rows(tables.RECONCILIATION, new, run_id="run")
    assert passed_months(house) == {("customers", "2025-01")}
