"""What a decision by hand says where it cannot be taken."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.decisions import PromotionError, rollback
from churn_assets_tests.lakes import settings_for, small_business

MAY, JUNE, JULY = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31)
NONE = "There is no earlier champion to go back to"
ALONE = f"{NONE}: version 1 replaced none when it was first put in charge"
PAST = r"3 \(from 2025-05-31 on\), 2 \(from 2025-06-30 on\); `churn-assets promote VERSION` puts one of them"


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        ([], rf"{NONE}\.$"),
        ([JULY], rf"{ALONE}\.$"),
        ([JULY, JUNE, MAY], rf"{ALONE}\. Of past months other versions are in charge: {PAST}"),
    ],
)
def test_who_cannot_go_back_is_told_who_is_in_charge_of_past_months(
    tmp_path: Path, trained: list[date], said: str
) -> None:
    """A backtest of months before the first champion puts its models in charge of these months, and replaces nobody."""
    settings, business = settings_for(tmp_path), load_business(small_business(tmp_path))
    house = Lakehouse(settings)
    for number, day in enumerate(trained, 1):
        row = {"in_charge_from": day, "trained_as_of": day, "model_version": str(number), "promoted": True}
        moment = datetime(2025, 8, number, tzinfo=UTC)
        decision = tables.CHAMPIONS.rows([row | {"decided_at": moment}])
        house.append_rows(tables.CHAMPIONS, decision, run_id="run")
    with pytest.raises(PromotionError, match=said):
        rollback(house, tracking_of(settings, business), JULY, "it was better", "a test")
