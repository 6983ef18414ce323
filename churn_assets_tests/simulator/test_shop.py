"""The shop world: one transaction log, month by month."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.shop import OUTCOME_DAYS, simulate_shop
from churn_assets.simulator.truth import rank_auc

PLAN = SimulationPlan(customers=600, months=9, start=date(2025, 1, 1))


def _read(landing: Path) -> pd.DataFrame:
    parts = [
        pd.read_csv(path, dtype=str, keep_default_na=False).assign(
            file=path.name, extract_date=path.parent.name[-10:]
        )
        for path in sorted(landing.rglob("*.csv"))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    simulate_shop(
        SimulationPlan(customers=600, months=9, dirt=DirtRates.none()), folder / "landing", folder / "truth"
    )
    return folder


def test_purchases_are_delivered_at_the_end_of_their_month(shop: Path) -> None:
    table = _read(shop / "landing")
    assert list(table.columns[:4]) == ["customer_id", "date", "quantity", "amount"]
    assert (table["date"].str[:7] == table["extract_date"].str[:7]).all()
    assert table["extract_date"].nunique() == 9
    assert table["customer_id"].str.fullmatch(r"\d{6}").all()


def test_customers_stop_and_the_truth_knows(shop: Path) -> None:
    truth = pd.read_parquet(shop / "truth" / "hazard.parquet")
    known = truth[truth["inactive_in_window"].notna()]
    idle = known["inactive_in_window"].astype(bool)
    assert idle[~known["alive"]].all()
    auc = rank_auc(known["churn_probability"].to_numpy(), idle.to_numpy())
    assert auc is not None and auc > 0.8
    living = known["alive"] & (
        known["as_of_date"] == known["as_of_date"].max()
    )  # one cohort: windows overlap
    chance = known.loc[living, "churn_probability"]
    error = (idle[living].sum() - chance.sum()) / (chance * (1 - chance)).sum() ** 0.5
    assert living.sum() > 300 and abs(error) < 3
    purchases = _read(shop / "landing").assign(day=lambda t: pd.to_datetime(t["date"]))
    one = known[idle].iloc[0]
    window = purchases[purchases["customer_id"] == one["customer_id"]]["day"] - pd.Timestamp(
        one["as_of_date"]
    )
    assert not window.dt.days.between(1, OUTCOME_DAYS).any()


def test_the_truth_is_of_the_window_that_the_shop_declares(shop: Path) -> None:
    windows = load_business(SHIPPED_BUSINESSES / "shop").file.windows
    assert (windows.gap_days, windows.outcome_days) == (0, OUTCOME_DAYS)
    truth = pd.read_parquet(shop / "truth" / "hazard.parquet")
    known = truth[truth["inactive_in_window"].notna()]
    assert known["as_of_date"].max() == date(2025, 3, 31)  # of nine months; April's window ends in October


def test_shop_is_deterministic_and_dirty_only_on_the_surface(tmp_path: Path, shop: Path) -> None:
    for name in ("a", "b"):
        simulate_shop(PLAN, tmp_path / name / "landing", tmp_path / name / "truth")
    one, two = _read(tmp_path / "a" / "landing"), _read(tmp_path / "b" / "landing")
    assert one.equals(two)
    duplicates = (
        one[one["file"].str.endswith("-1.csv")]
        .duplicated(["customer_id", "date", "quantity", "amount", "file"])
        .mean()
    )
    assert 0.0005 < duplicates < 0.01
    clean = pd.read_parquet(shop / "truth" / "hazard.parquet")
    assert clean.equals(pd.read_parquet(tmp_path / "a" / "truth" / "hazard.parquet"))


def test_shop_drift_begins_in_its_month(tmp_path: Path) -> None:
    simulate_shop(PLAN, tmp_path / "a" / "landing", tmp_path / "a" / "truth")
    drifting = SimulationPlan(customers=600, months=9, drift_from="2025-06")
    simulate_shop(drifting, tmp_path / "b" / "landing", tmp_path / "b" / "truth")
    one, two = _read(tmp_path / "a" / "landing"), _read(tmp_path / "b" / "landing")
    early = "2025-06-01"
    assert one[one["extract_date"] < early].equals(two[two["extract_date"] < early])
    assert not one.equals(two)
