"""Leaks: found on columns that were made to know the outcome, and not on honest ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from churn_assets.study.columns import understand
from churn_assets.study.leaks import (
    column_findings,
    figure_findings,
    file_findings,
    repeated_ids,
)
from churn_assets.study.preparation import Request, prepare
from churn_assets_tests.study.files import customers, with_leaks, write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")


def findings_of(table: pd.DataFrame) -> dict[str, str]:
    columns = [
        understand(name, pa.chunked_array([pa.array(table[name].astype(str))]), ",")
        for name in table.columns
        if name != "left"
    ]
    labels = (table["left"] == "Yes").to_numpy(float)
    found = column_findings(columns, labels, "left")
    assert all(finding.kind == "leak" for finding in found)
    return {str(finding.column): finding.words for finding in found}


@pytest.mark.parametrize("seed", range(4))
def test_planted_leaks_are_found_and_honest_columns_are_not(seed: int) -> None:
    table = customers(1200, seed)
    assert findings_of(table) == {}
    found = findings_of(with_leaks(table, seed))
    assert sorted(found) == ["churn_score", "exit_reason", "refund", "total"]
    assert "ROC-AUC of 1.000" in found["exit_reason"]
    assert "100.0% of those customers left" in found["refund"]
    assert "nearly months x price" in found["total"]
    assert "by its name" in found["churn_score"]


def test_a_column_blank_for_churners_only_is_found() -> None:
    table = customers(1200)
    random = np.random.default_rng(0)
    honest = random.random(1200) < 0.3
    renewal = np.where((table["left"] == "Yes") | honest, "", "2024-05-01")
    assert "filled" in findings_of(table.assign(next_renewal=renewal))["next_renewal"]
    assert findings_of(table.assign(next_renewal=np.where(honest, "", "2024-05-01"))) == {}


def test_a_date_of_leaving_is_found() -> None:
    table = customers(1200)
    day = pd.Series(pd.date_range("2024-01-01", periods=1200, freq="h").strftime("%Y-%m-%d"))
    found = findings_of(table.assign(end=np.where(table["left"] == "Yes", day, "")))
    assert list(found) == ["end"]


@pytest.mark.parametrize(
    ("name", "values", "rows", "kind"),
    [
        ("account_id", range(150), 12, "leak"),
        ("customerid", range(150), 12, "leak"),
        ("CardNumber", range(1000, 1100), 30, "leak"),
        ("msisdn", [f"+43 {at}" for at in range(80)], 60, "leak"),
        ("account_id", [f"C{at}" for at in range(150)], 12, "warning"),
        ("store_id", range(12), 100, None),
        ("price_index", range(150), 12, None),
        ("paid", range(150), 12, None),
        ("minutes_phone", range(150), 12, None),
        ("phone", range(150), 12, "leak"),
        ("score_id", [at / 4 for at in range(150)], 12, None),
    ],
)
def test_an_id_that_repeats_is_no_number(
    name: str, values: Sequence[Any], rows: int, kind: str | None
) -> None:
    texts = [str(value) for value in values] * rows
    column = understand(name, pa.chunked_array([pa.array(texts)]), ",")
    found = repeated_ids([column], named=False)
    assert [finding.kind for finding in found] == ([kind] if kind else [])
    assert all("--id" in finding.words for finding in found)
    assert len(repeated_ids([column], named=True)) == (kind == "leak")


def test_an_id_that_repeats_is_not_learned_from(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    left = random.random(150) < 0.4
    table = pd.DataFrame(
        {"account_id": np.repeat(np.arange(150) + 500, 8), "noise": random.random(1200).round(3)}
    )
    table["left"] = np.where(left[table["account_id"] - 500], "Yes", "No")
    path = write(tmp_path, table.sample(frac=1, random_state=1).to_csv(index=False))
    assert [column.name for column in prepare(Request(path, "left")).features] == ["noise"]
    kept = prepare(Request(path, "left", keep=("account_id",)))
    assert [column.name for column in kept.features] == ["account_id", "noise"]
    named = prepare(Request(path, "left", id="account_id"))
    assert named.rows.groups is not None and not any(finding.column for finding in named.findings)


def test_a_blank_household_is_none(tmp_path: Path) -> None:
    households = ["NULL", "n/a", "", *(f"H{at}" for at in range(100))]
    table = customers(600).assign(household=lambda t: [households[at % 103] for at in range(len(t))])
    rows = prepare(Request(write(tmp_path, table.to_csv(index=False)), "left", groups="household")).rows
    blank = sum(name in ("NULL", "n/a", "") for name in table["household"])
    assert rows.groups is not None and len(np.unique(rows.groups)) == 100 + blank


@pytest.mark.parametrize(
    ("target", "name", "leak"),
    [
        ("Status", "MaritalStatus", False),
        ("Status", "payment_status", False),
        ("y", "payment_type", False),
        ("type", "customer_type", False),
        ("left", "days_left_type", False),
        ("outcome", "x_outcome_type", False),
        ("Renewal", "prerenewals_type", False),
        ("Kündigung", "kündigung_status", True),
        ("renewed", "renewed_date", True),
        ("Churn Flag", "churn_flag_date", True),
        ("Churn", "CancelDate", True),
        ("y", "churn_score", True),
    ],
)
def test_only_a_namesake_of_the_outcome_is_one(target: str, name: str, leak: bool) -> None:
    random = np.random.default_rng(7)
    labels = (random.random(2000) < 0.27).astype(float)
    texts = np.where(random.random(2000) < np.where(labels == 1, 0.65, 0.35), "a", "b")
    column = understand(name, pa.chunked_array([pa.array(texts)]), ",")
    assert bool(column_findings([column], labels, target)) == leak


def test_a_product_needs_both_factors() -> None:
    table = customers(1200)
    assert findings_of(table.assign(nearly_price=np.round(table["price"] * 1.02 + 1, 2))) == {}
    assert findings_of(table.assign(fee=np.round(table["price"] * table["months"] * 9, 2))) == {}


def test_the_order_of_rows_and_twins() -> None:
    table = customers(1000)
    labels = (table["left"] == "Yes").to_numpy(float)
    frame = table[["months", "price", "noise"]]
    assert file_findings(frame, labels, None, in_time=False) == []
    order = np.argsort(labels, kind="stable")
    (found,) = file_findings(frame.iloc[order].reset_index(drop=True), labels[order], None, in_time=False)
    assert "order of the rows" in found.words
    assert file_findings(frame.iloc[order].reset_index(drop=True), labels[order], None, in_time=True) == []
    twins = pd.concat([frame, frame.head(100)], ignore_index=True)
    (found,) = file_findings(twins, np.append(labels, labels[:100]), None, in_time=False)
    assert "100 rows (9.1%) have the same features" in found.words
    (found,) = file_findings(frame, labels, np.arange(1000) // 2, in_time=False)
    assert "1,000 rows belong to 500" in found.words


def test_twins_of_few_kinds_are_chance_and_advice_is_not_repeated() -> None:
    random = np.random.default_rng(1)
    labels = (random.random(2000) < 0.3).astype(float)
    kinds = pd.DataFrame({name: pd.Categorical(random.choice(list("abc"), 2000)) for name in "pqrs"})
    assert file_findings(kinds, labels, None, in_time=False) == []
    frame = pd.DataFrame(
        {"x": np.append(random.random(1900), np.zeros(100)), "y": 1.0, "z": random.random(2000)}
    )
    frame.loc[1900:, "z"] = 0
    (alone,) = file_findings(frame, labels, None, in_time=False)
    assert "kept in the same fold" in alone.words and "by --id" in alone.words
    (named,) = file_findings(frame, labels, None, in_time=False, named=True)
    assert "of another customer" in named.words and "by --id" not in named.words
    customer = np.append(np.arange(1900), np.full(100, 1900))
    (several,) = file_findings(frame, labels, customer, in_time=False, named=True)
    assert "2,000 rows belong to 1,901" in several.words, "alike rows of one customer are no twins"


def test_it_is_said_when_products_are_not_looked_for() -> None:
    random = np.random.default_rng(1)
    labels = (random.random(400) < 0.3).astype(float)
    table = {f"n{at}": random.random(400).round(4) for at in range(61)}
    columns = [
        understand(name, pa.chunked_array([pa.array(values.astype(str))]), ",")
        for name, values in table.items()
    ]
    (found,) = column_findings(columns, labels, "left")
    assert found.kind == "warning" and "were not looked for: the file has 61 columns" in found.words


@pytest.mark.parametrize(
    ("auc", "low", "high", "count"),
    [
        (0.85, 0.47, 0.53, 0),
        (0.95, 0.47, 0.53, 0),
        (0.951, 0.47, 0.53, 1),
        (0.8, 0.53, 0.6, 1),
        (0.96, 0.3, 0.4, 2),
    ],
)
def test_figures_that_are_too_good(auc: float, low: float, high: float, count: int) -> None:
    assert len(figure_findings(auc, low, high)) == count
