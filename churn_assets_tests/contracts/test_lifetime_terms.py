"""`economics.lifetime` names a revenue that can be divided by months and compared with what was earned."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy

TERMS: dict[str, Any] = {"revenue": "invoices_amount_sum_3m", "margin": 0.4}


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_the_shipped_businesses_value_their_customers(name: str) -> None:
    terms = load_business(SHIPPED_BUSINESSES / name).file.economics.lifetime
    assert terms is not None and (terms.horizon_months, terms.discount_rate_per_year) == (24, 0.1)


@pytest.mark.parametrize(
    ("changed", "place", "told"),
    [
        ({"margin": 0}, "economics.lifetime.margin", "found 0"),
        ({"horizon_months": 0}, "economics.lifetime.horizon_months", "found 0"),
        ({"revenue": "invoices_amount_summ_3m"}, "economics.lifetime.revenue", "there is no feature"),
        (
            {"revenue": "tickets_count_3m"},
            "economics.lifetime.revenue",
            "tickets_count_3m is no sum over months",
        ),
        ({"revenue": "usage_data_mb_sum_14d"}, "economics.lifetime.revenue", "is no sum over months"),
        (
            {"revenue": "invoices_late_fee_sum_3m"},
            "economics.lifetime.revenue",
            "no line of customer_months sums late_fee",
        ),
    ],
)
def test_a_revenue_that_cannot_be_valued_is_refused(
    tmp_path: Path, changed: dict[str, Any], place: str, told: str
) -> None:
    folder = business_copy(tmp_path, economics={"lifetime": TERMS | changed})
    _, found, words = only_mistake(lambda: load_business(folder))
    assert found == place
    assert told in words
