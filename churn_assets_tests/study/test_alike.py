"""Columns that say the same are one, columns that say nothing are none, and rows unlike all judged ones are told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.study.preparation import Prepared, Request, prepare
from churn_assets.study.study import run_study
from churn_assets_tests.study.files import customers, only, write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")


def prepared(folder: Path, table: pd.DataFrame, **options: object) -> Prepared:
    return prepare(Request(write(folder, table.to_csv(index=False)), "left", **options))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline alone, which costs least."""
    only(monkeypatch, "ridge_logistic_regression")


def test_the_same_date_in_four_notations_is_one_driver(tmp_path: Path) -> None:
    table = customers(900)
    day = pd.Timestamp("2024-06-30") - pd.to_timedelta(table.pop("months") * 30.4, "D")
    for name, notation in zip("pqrs", ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y"), strict=True):
        table[f"begin_{name}"] = day.dt.strftime(notation)
    table["price_cents"] = (table["price"] * 100).round().astype(int)
    table["contract_code"] = table["contract"].map({"monthly": "M", "yearly": "Y", "two years": "T"})
    found = prepared(tmp_path, table, id="id")
    assert [column.name for column in found.features] == ["price", "contract", "region", "noise", "begin_p"]
    assert found.left_out["begin_s"] == "says the same as begin_p"
    assert found.left_out["contract_code"] == "says the same as contract"


def test_columns_of_different_values_in_each_row_are_not_the_same(tmp_path: Path) -> None:
    features = [column.name for column in prepared(tmp_path, noise(300)).features]
    assert features == ["a", "b", "c", "d", "e"]
    panel = pd.concat([noise(300).assign(id=range(300))] * 3, ignore_index=True)
    assert [c.name for c in prepared(tmp_path, panel, id="id").features] == ["a", "b", "c", "d", "e"]


def test_columns_that_differ_in_a_few_rows_stay_two(tmp_path: Path) -> None:
    table = customers(900)
    table["near"] = table["months"] + (np.arange(900) % 10 == 0) * 7
    table["region_2"] = table["region"].where(np.arange(900) % 20 > 0, "north")
    features = [column.name for column in prepared(tmp_path, table, id="id").features]
    assert "near" in features and "region_2" in features


def test_columns_without_information_go_first(tmp_path: Path) -> None:
    table = customers(1500)
    random = np.random.default_rng(1)
    rare = {
        f"rare_{at}": np.where(random.random(1500) < 0.01, random.integers(1, 9, 1500).astype(str), "")
        for at in range(200)
    }
    flag = np.where(random.random(1500) < 0.1, "x", "")
    found = prepared(tmp_path, pd.concat([table.assign(flag=flag), pd.DataFrame(rare)], axis=1), id="id")
    assert [column.name for column in found.features] == [
        "months",
        "price",
        "contract",
        "region",
        "noise",
        "flag",
    ]
    assert "almost the same in every row" in found.left_out["rare_7"]


def test_rows_in_a_region_where_nobody_stayed_are_not_scored(tmp_path: Path, quick: None) -> None:
    """Who joined is left out, so that among new customers only those are judged who left."""
    table = customers(1200)
    new = table["months"] <= 6
    table.loc[new & (table["left"] == "No"), "left"] = "Joined"
    found = run_study(
        Request(write(tmp_path, table.to_csv(index=False)), "left", id="id", leave_out=("Joined",))
    )
    joined = (table["left"] == "Joined").to_numpy()
    assert found.scored["probability"].isna().tolist() == joined.tolist()
    assert found.scored.loc[joined, "risk"].isna().all()
    assert found.scored.loc[joined, "scored_by"].str.startswith("not scored").all()
    (told,) = [finding for finding in found.findings if "not scored" in finding.words]
    assert f"{joined.sum():,} of {joined.sum():,} rows" in told.words and "months" in told.words
    few = run_study(
        Request(
            write(
                tmp_path, customers(1200).assign(left=lambda t: t["left"].where(t.index % 9 > 0, "")).to_csv()
            ),
            "left",
        )
    )
    assert few.scored["probability"].notna().all(), "blank at random is like the others"


def noise(rows: int = 1500) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "a": random.normal(size=rows),
            "b": random.normal(size=rows),
            "c": random.choice(list("xyz"), rows),
            "d": random.normal(size=rows),
            "e": random.normal(size=rows),
            "left": (random.random(rows) < 0.3).astype(int),
        }
    )


@pytest.mark.one_python(reason="fits models, mostly in scikit-learn")
@pytest.mark.parametrize("named", [False, True])
def test_a_copy_does_not_know_the_outcome_of_its_twin(
    tmp_path: Path, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "ridge_logistic_regression", "deep_histogram_boosting")  # which could remember a twin
    table = noise()
    table = pd.concat([table, table.sample(700, replace=True, random_state=1)], ignore_index=True)
    if named:
        table["id"] = [f"n{at}" for at in range(len(table))]
    options = {"id": "id"} if named else {}
    found = run_study(Request(write(tmp_path, table.to_csv(index=False)), "left", **options))
    copies = table.drop(columns="id", errors="ignore").duplicated().to_numpy()
    twins = table.drop(columns="id", errors="ignore").duplicated(keep=False).to_numpy()
    for rows in (copies, twins):
        scores = found.scored["probability"].to_numpy()[rows]
        _, low, high = auc_interval(table["left"].to_numpy(float)[rows], scores)
        assert low < 0.5 < high + 0.02
    assert (found.scored["scored_by"] == "out of fold").all()
    together = pd.concat([table.drop(columns="id", errors="ignore"), found.scored["probability"]], axis=1)
    if not named:
        assert together.drop_duplicates(["a", "b", "probability"]).shape[0] == 1500, (
            "a copy has its twin's score"
        )


def test_rows_of_a_panel_are_not_called_customers(tmp_path: Path, quick: None) -> None:
    from churn_assets.study.report import report

    table = pd.concat([customers(400).assign(month=at) for at in range(3)], ignore_index=True)
    page = report(run_study(Request(write(tmp_path, table.to_csv(index=False)), "left", id="id")))
    assert "1,200 rows of 400 customers" in page and "1,200 customers" not in page


def test_blank_ids_are_told_and_named_by_their_row(tmp_path: Path, quick: None) -> None:
    table = customers(600)
    table.loc[[3, 40], "id"] = ["", "NA"]
    found = run_study(Request(write(tmp_path, table.to_csv(index=False)), "left", id="id"))
    assert found.scored["id"].iloc[[3, 40]].tolist() == ["(row 4)", "(row 41)"]
    (told,) = [finding for finding in found.findings if "no id" in finding.words]
    assert told.words.startswith("2 rows have no id")


def test_a_line_of_totals_is_no_customer(tmp_path: Path) -> None:
    table = customers(600)
    total = {"id": "Total", "months": table["months"].sum(), "price": table["price"].sum().round(2)}
    found = prepared(tmp_path, pd.concat([table, pd.DataFrame([total])]), id="id")
    assert len(found.frame) == 600
    assert any("Total" in finding.words and "no customer" in finding.words for finding in found.findings)
    named = table.assign(id=["Total", *table["id"].iloc[1:]])
    assert len(prepared(tmp_path, named, id="id").frame) == 600


def test_equal_probabilities_have_equal_risk_and_low_is_low() -> None:
    from churn_assets.study.drivers import risk_tiers

    probability = np.repeat([0.9, 0.6, 0.3, 0.1], [5, 20, 45, 30])
    tiers = risk_tiers(probability, 0.4)
    for value in np.unique(probability):
        assert len(set(tiers[probability == value])) == 1
    assert list(dict.fromkeys(tiers)) == ["high", "elevated", "medium", "low"]
    half = risk_tiers(np.linspace(0.3, 0.7, 1000), 0.5)
    assert "low" not in set(half), "nobody here is below half of the average churn"
