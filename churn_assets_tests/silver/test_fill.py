"""A column that is no longer filled is told, with the name that it may have now."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import MonthRule
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.audit import DeliveredFile, MonthAudit
from churn_assets.silver.fill import Fill, emptied_columns, no_longer_filled
from churn_assets.silver.reconciliation_rows import ReconciledMonth, record_months
from churn_assets_tests.lakes import settings_for

USAGE = load_business(SHIPPED_BUSINESSES / "telecom").source("usage")
MAY, JUNE = "2025-05", "2025-06"


def audit(filled: int, carried: tuple[str, ...] = ()) -> MonthAudit:
    file = DeliveredFile("usage/extract_date=2025-06-30/a.parquet", JUNE, 200, 200, carried)
    found = MonthAudit("usage", JUNE, 200, accepted=200, files=[file])
    found.filled = {c.name: 200 for c in USAGE.columns if not c.required} | {"sms_count": filled}
    return found


def former(filled: int) -> dict[str, Fill]:
    return {MAY: Fill(100, {"sms_count": filled}), "2024-11": Fill(100, {"sms_count": 100})}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [(99, 0, True), (99, 19, True), (99, 20, False), (50, 0, True), (49, 0, False), (0, 0, False)],
)
def test_a_column_whose_fill_collapses_is_told(before: int, now: int, told: bool) -> None:
    problems = no_longer_filled(USAGE, audit(now), former(before))
    assert [p.rule for p in problems] == (["fill:sms_count"] if told else [])


def test_the_similar_name_of_an_undeclared_column_is_told() -> None:
    [problem] = no_longer_filled(USAGE, audit(0, ("Sms Count", "zone")), former(99))
    assert problem.evidence == (
        "sms_count was filled in 99% of the rows, now in 0%. "
        "Renamed? The files carry an undeclared column `Sms Count`."
    )
    assert problem.remedy == "Name `Sms Count` in `aliases` of sms_count, if it is the same."
    assert (problem.severity, problem.count, problem.of) == ("warn", 200, 200)
    assert problem.files == ("usage/extract_date=2025-06-30/a.parquet",)


def test_a_column_that_never_was_filled_is_told_only_where_the_files_carry_a_similar_one() -> None:
    assert no_longer_filled(USAGE, audit(0, ("zone",)), {}) == []
    [problem] = no_longer_filled(USAGE, audit(0, ("SMSCOUNT",)), {})
    assert problem.evidence.startswith("sms_count is filled in 0%. Renamed?")
    assert no_longer_filled(USAGE, audit(3, ("SMSCOUNT",)), {}) == []


def test_the_contract_says_how_far_it_may_fall_and_what_happens_then() -> None:
    source = replace(USAGE, month_rules=(MonthRule("fill", 0.8, 1.0, "block"),))
    [problem] = no_longer_filled(source, audit(150), former(99))
    assert (problem.rule, problem.severity, problem.count) == ("fill:sms_count", "block", 50)


def test_a_personal_column_is_held_against_the_months_of_earlier_loads(tmp_path: Path) -> None:
    """silver/reconciliation keeps how columns were filled, so that no load reads the months before it."""
    customers = load_business(SHIPPED_BUSINESSES / "telecom").source("customers")
    house = Lakehouse(settings_for(tmp_path))
    filled = {"email": 190, "region": 200}
    balances = [
        ReconciledMonth("customers", "2025-04", 200, 200, 0, 0, [], True, filled=json.dumps(filled)),
        ReconciledMonth("customers", MAY, 200, 0, 0, 0, [], True, refused_by="volume"),
    ]
    record_months(house, customers, balances, ["2025-04", MAY], "run")
    june = MonthAudit("customers", JUNE, 200, accepted=200)
    june.filled = {"email": 0, "region": 200}
    assert [p.rule for p in emptied_columns(house, customers, [june])] == ["fill:email"]
    refused = balances[0]._replace(filled=None, refused_by="unread")
    record_months(house, customers, [refused], ["2025-04", MAY], "run")
    assert emptied_columns(house, customers, [june]) == []
