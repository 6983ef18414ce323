"""Customers at risk and what they are worth, compared with pandas."""

from datetime import date
from pathlib import Path

import pytest

from churn_assets.app.formats import Formats
from churn_assets.app.queries.overview import at_risk
from churn_assets.app.queries.value import customer_value
from churn_assets.app.store import ReleaseStore
from churn_assets_tests.app.computed import check_at_risk
from churn_assets_tests.app.scored_months import BUSINESS, DAYS, opened_store, publish_months

BRITISH = Formats("en-GB", "EUR")


def test_customers_at_risk_agree_with_pandas(months_store: ReleaseStore) -> None:
    found = at_risk(months_store)
    assert found.before is not None
    assert (found.now.day, found.before.day) == (DAYS[2], DAYS[1])
    assert found.now.high == 12
    assert found.now.high_without_value + found.before.high_without_value > 0
    check_at_risk(months_store)


def test_the_value_is_told_per_month_in_its_unit(months_store: ReleaseStore) -> None:
    value = customer_value(months_store)
    assert value is not None
    assert (value.months, value.unit_told, value.is_money) == (3, "EUR per month", True)
    assert value.how == "A customer's value per month is: invoiced (EUR), last 3 months, divided by 3."
    assert value.told(BRITISH, 1234.4) == "€1,234"
    assert value.told(BRITISH, None) is None


def test_one_scored_day_has_no_day_before(tmp_path: Path) -> None:
    publish_months(tmp_path, as_of_dates=[str(DAYS[2])])
    assert at_risk(opened_store(tmp_path)).before is None


@pytest.mark.parametrize("declared", [None, {"feature": "days_active_1m", "high": 0.67, "middle": 0.33}])
def test_a_value_that_is_no_sum_of_money_gives_no_amount_per_month(
    tmp_path: Path, declared: dict[str, object] | None
) -> None:
    business = BUSINESS | {"segments": BUSINESS["segments"] | {"value": declared}}
    publish_months(tmp_path, business=business)
    store = opened_store(tmp_path)
    value = customer_value(store)
    found = at_risk(store)
    if declared is None:
        assert value is None
        assert found.now.value_high is None
        assert found.now.value_expected is None
    else:
        assert value is not None
        assert (value.months, value.is_money, value.unit_told) == (None, False, "")
        assert value.told(BRITISH, 1234.4) == "1,234"
        assert value.how == "A customer's value is: days active 1m."


def test_the_day_is_a_date(months_store: ReleaseStore) -> None:
    assert type(at_risk(months_store).now.day) is date
