"""Leaks that several columns make together: totals, pairs, families of flags, and figures that no column explains."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.study.excess import excess_findings
from churn_assets.study.preparation import Prepared, Request, prepare
from churn_assets_tests.study.files import TELCO, customers, write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")


def prepared(folder: Path, table: pd.DataFrame, target: str = "left", **options: object) -> Prepared:
    return prepare(Request(write(folder, table.to_csv(index=False)), target, **options))


def contracts(rows: int = 3000) -> pd.DataFrame:
    """Contracts whose total stops growing when the customer leaves; no column alone tells who left."""
    random = np.random.default_rng(1)
    begin = random.integers(0, 56, rows)
    left = random.random(rows) < 0.25
    end = np.where(left, random.integers(56, 61, rows), 61)
    price = random.integers(20, 110, rows)
    return pd.DataFrame(
        {
            "customerID": [f"k{at}" for at in range(rows)],
            "BeginDate": [f"{2015 + at // 12}-{at % 12 + 1:02d}-01" for at in begin],
            "Type": random.choice(["Month-to-month", "One year"], rows),
            "MonthlyCharges": price,
            "TotalCharges": price * (end - begin),
            "left": np.where(left, "Yes", "No"),
        }
    )


def test_a_total_of_a_date_and_a_price_is_left_out(tmp_path: Path) -> None:
    found = prepared(tmp_path, contracts(), id="customerID")
    assert "TotalCharges" in found.left_out
    assert [column.name for column in found.features] == ["BeginDate", "Type", "MonthlyCharges"]
    (leak,) = [finding for finding in found.findings if finding.column == "TotalCharges"]
    assert "the days since BeginDate x MonthlyCharges" in leak.words


@pytest.mark.parametrize("wrong", ["-5", "1000000", "0"])
@pytest.mark.skipif(not TELCO.is_file(), reason="telco_ibm.csv is not beside this checkout (shared/data)")
def test_one_wrong_value_hides_no_total(tmp_path: Path, wrong: str) -> None:
    table = pd.read_csv(TELCO, dtype=str)
    table.loc[7, "MonthlyCharges"] = wrong
    assert "TotalCharges" in prepared(tmp_path, table, "Churn", id="customerID").left_out


def test_a_balance_is_no_total(tmp_path: Path) -> None:
    table = customers(1500)
    random = np.random.default_rng(4)
    table["limit"] = random.integers(5, 200, len(table)) * 100
    table["utilisation"] = random.beta(2, 3, len(table)).round(4)
    table["balance"] = (table["limit"] * table["utilisation"]).round(2)
    table["total"] = (table["months"] * table["price"]).round(2)
    found = prepared(tmp_path, table, id="id")
    assert "balance" not in found.left_out and "total" in found.left_out


def test_two_dates_that_tell_the_outcome_only_together(tmp_path: Path) -> None:
    """The last bill comes a month after the last use, or on the day itself if the customer left."""
    table = customers(1500)
    random = np.random.default_rng(2)
    used = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 700, len(table)), "D")
    later = np.where(table["left"] == "Yes", 0, random.integers(20, 40, len(table)))
    table["last_use"] = used.strftime("%Y-%m-%d")
    table["last_bill"] = (used + pd.to_timedelta(later, "D")).strftime("%Y-%m-%d")
    found = prepared(tmp_path, table, id="id")
    assert set(found.left_out) == {"id", "last_bill"}
    (leak,) = [finding for finding in found.findings if finding.column == "last_bill"]
    assert "last_use" in leak.words and "--drop" in leak.words
    kept = prepared(tmp_path, table, id="id", keep=("last_bill",))
    assert "last_bill" not in kept.left_out


def test_flags_of_one_outcome_are_one_leak(tmp_path: Path) -> None:
    table = customers(1500)
    why = np.random.default_rng(3).integers(0, 4, len(table))
    for at, name in enumerate(("price", "moved", "service", "other")):
        table[f"reason_{name}"] = ((table["left"] == "Yes") & (why == at)).astype(int)
    found = prepared(tmp_path, table, id="id")
    assert {name for name in found.left_out if name.startswith("reason_")} == {
        "reason_price",
        "reason_moved",
        "reason_service",
        "reason_other",
    }


def test_honest_pairs_and_flags_are_no_leaks(tmp_path: Path) -> None:
    table = customers(1500)
    for name in ("monthly", "yearly"):
        table[f"contract_{name}"] = (table["contract"] == name).astype(int)
    begin = pd.Timestamp("2024-06-30") - pd.to_timedelta(table["months"] * 30, "D")
    table["begin"] = begin.dt.strftime("%Y-%m-%d")
    table["seen"] = (begin + pd.to_timedelta(table["months"] * 11, "D")).dt.strftime("%Y-%m-%d")
    assert not [f for f in prepared(tmp_path, table, id="id").findings if f.kind == "leak"]


def test_an_auc_far_above_every_single_column_is_told_with_the_columns_it_needs() -> None:
    table = contracts()
    begin = (pd.Timestamp("2020-01-01") - pd.to_datetime(table["BeginDate"])).dt.days.astype(float)
    frame = pd.DataFrame(
        {
            "BeginDate": begin,
            "Type": table["Type"].astype("category"),
            "MonthlyCharges": table["MonthlyCharges"].astype(float),
            "TotalCharges": table["TotalCharges"].astype(float),
        }
    )
    labels = (table["left"] == "Yes").to_numpy(float)
    (found,) = excess_findings(frame, labels, 0.86, list(frame))
    assert found.kind == "warning" and "BeginDate and TotalCharges" in found.words
    assert excess_findings(frame, labels, 0.65, list(frame)) == []
