"""What the tests of campaigns share."""

import pytest

from churn_assets.retention import curve


@pytest.fixture(autouse=True)
def few_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve over the budget takes most of the time of a plan: here it has few points, in `test_plan.py` all."""
    monkeypatch.setattr(curve, "STEPS", 2)
