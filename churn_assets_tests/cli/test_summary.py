"""What the full summary tells of models: who is in charge, and not who was trained last."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from churn_assets.cli.findings import open_findings
from churn_assets.cli.options import command
from churn_assets.cli.summary import FIRST_STEPS, print_full_summary
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import record
from churn_assets_tests.lakes import settings_for, small_business

# what people write is no markup of a terminal: neither an end tag without a beginning nor a style
WHY = "[/] as it is [red]"
MAY, JUNE, JULY = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31)


def _append(house: Lakehouse, table: tables.Table, **row: Any) -> None:
    house.append_rows(table, table.rows([row]), run_id="run")


def _told(house: Lakehouse, business: Business) -> str:
    console = Console(record=True, width=200)
    print_full_summary(house, business, console)
    return console.export_text()


def test_a_home_without_a_lake_is_told(tmp_path: Path) -> None:
    told = _told(Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path)))
    assert (
        told.split()
        == f"There is no table in {tmp_path}/lake yet. {FIRST_STEPS.format(command=command())}".split()
    )


@pytest.mark.parametrize(
    ("learned_until", "test"),
    [(MAY, "2025-06-30, untouched"), (JUNE, "2025-06-30, crosswise, on customers that")],
)
def test_a_test_cohort_is_untouched_only_where_the_model_has_not_learned_from_it(
    tmp_path: Path, learned_until: date, test: str
) -> None:
    """After a degradation a model is tested crosswise; version 2 was trained since, and killed before its decision."""
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    figures = dict.fromkeys(("auc", "auc_low", "auc_high", "lift_top_decile", "brier"), 0.8)
    days = {"trained_as_of": JULY, "learned_until": learned_until, "test_as_of_date": JUNE}
    training = {"candidate": "decision_tree", "rows": 10, "positives": 1} | days | figures
    for version in ("1", "2"):
        moment = datetime(2025, 8, int(version), tzinfo=UTC)
        same = {"model_version": version, "trained_at": moment}
        _append(house, tables.TRAINING_RUNS, **training, **same)
    decision = {"in_charge_from": JULY, "trained_as_of": JULY, "model_version": "1", "decided_at": moment}
    _append(house, tables.CHAMPIONS, **decision, promoted=True, why="first")
    told = _told(house, business)
    assert f"ROC-AUC on the last mature cohort ({test}" in told
    assert "Version 2, trained later, is not in charge: no decision is on record" in told


@pytest.mark.parametrize(("rules", "last"), [(8, "tickets rule 8 11"), (10, "others 2 of 10 rules 19")])
def test_refused_rows_add_up(tmp_path: Path, rules: int, last: str) -> None:
    """The most frequent rules each have a line, and all others one together."""
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    fields = {"source": "tickets", "extract_month": "2025-06"}
    refused = [fields | {"rule": f"rule {n}"} for n in range(1, rules + 1) for _ in range(19 - n)]
    house.append_rows(tables.QUARANTINE, tables.QUARANTINE.rows(refused), run_id="run")
    lines = [line.split() for line in _told(house, business).splitlines() if line.strip()]
    listed = lines[lines.index(["source", "rule", "rows"]) + 1 :]
    assert " ".join(listed[-1]) == last
    assert sum(int(line[-1]) for line in listed) == len(refused)


def test_a_backtest_of_months_that_are_over_has_no_part_in_who_is_in_charge(tmp_path: Path) -> None:
    """Version 2 was refused in July; then version 3 was trained as of May, and took charge of May and June."""
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    for version, trained in (("1", JULY), ("2", JULY), ("3", MAY)):
        moment = datetime(2025, 8, int(version), tzinfo=UTC)
        same = {"trained_as_of": trained, "model_version": version}
        training = {"candidate": "decision_tree", "rows": 10, "positives": 1, "trained_at": moment}
        _append(house, tables.TRAINING_RUNS, **same, **training)
        decision = {"in_charge_from": trained, "decided_at": moment, "why": f"why {version}"}
        _append(house, tables.CHAMPIONS, **same, **decision, promoted=version != "2")
    told = _told(house, business)
    assert "Model version 1 " in told and "Version 3" not in told
    assert "Version 2, trained later, is not in charge: why 2." in told


@pytest.mark.parametrize("rolled_back", [False, True])
def test_the_model_in_charge_is_told_and_the_later_one_with_its_reason(
    tmp_path: Path, rolled_back: bool
) -> None:
    """Version 2 was refused, or taken and then put back; it has scored June all the same."""
    business = load_business(small_business(tmp_path))
    house = Lakehouse(settings_for(tmp_path))
    scored = []
    for number, (version, trained, auc) in enumerate((("1", JUNE, 0.75), ("2", JULY, 0.99))):
        moment = datetime(2025, 8, 1, number, tzinfo=UTC)
        figures = {"auc": auc, "auc_low": auc, "auc_high": auc, "lift_top_decile": 2.0, "brier": 0.1}
        same = {"trained_as_of": trained, "model_version": version}
        training = {"candidate": "decision_tree", "rows": 10, "positives": 1, "trained_at": moment}
        _append(house, tables.TRAINING_RUNS, **same, **training, **figures)
        decision = {"in_charge_from": trained, "decided_at": moment, "why": WHY}
        taken = version == "1" or rolled_back
        _append(house, tables.CHAMPIONS, **same, **decision, promoted=taken)
        scored.append({"model_version": version, "customer_key": f"scored by {version}", "raw": auc})
    if rolled_back:
        back = {"in_charge_from": JULY, "trained_as_of": JUNE, "model_version": "1", "previous_version": "2"}
        later = datetime(2025, 8, 2, tzinfo=UTC)
        _append(
            house,
            tables.CHAMPIONS,
            **back,
            promoted=True,
            why=WHY,
            decided_at=later,
        )
    ahead = {"in_charge_from": date(2199, 1, 31), "trained_as_of": JUNE, "model_version": "3"}
    _append(house, tables.CHAMPIONS, **ahead, promoted=True, decided_at=moment)
    reasons = {"reason_1": "tickets [/]", "reason_2": None, "reason_3": None}
    rest = {"as_of_date": JULY, "decile": 1, "probability": 0.5} | reasons
    rows = tables.CHURN_SCORES.rows([row | rest for row in scored])
    _append(house, tables.CUSTOMER_SEGMENTS, as_of_date=JULY, segment="[bold]er", action="[/]call")
    house.replace_rows(tables.CHURN_SCORES, rows, "as_of_date", [JULY], run_id="run")
    told = _told(house, business)
    assert "Model version 1 (decision tree)" in told and "0.750" in told and "0.990" not in told
    assert f"Version 2, trained later, is not in charge: {WHY}." in told
    assert "[bold]er" in told and "[/]call" in told and "tickets [/]" in told
    assert "scored by 1" in told and "scored by 2" not in told


def test_lifetimes_of_the_newest_cohort_and_how_good_they_are(tmp_path: Path) -> None:
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    assert "Lifetimes" not in _told(house, business)
    for day, key, months in ((MAY, "a", 9.0), (JUNE, "a", 4.0), (JUNE, "b", 5.0)):
        row = {"customer_key": key, "expected_months": months, "horizon_months": 6, "as_of_date": day}
        _append(house, tables.EXPECTED_LIFETIMES, **row)
    assert "as of 2025-06-30: expected to stay 4.5 of the next 6 months on average. Not judged" in _told(
        house, business
    )
    _append(house, tables.LIFETIME_QUALITY, as_of_date=MAY, status="not judged: too short a history")
    figures = {"concordance": 0.7, "concordance_low": 0.6, "concordance_high": 0.8, "brier": 0.05}
    judged = {"judged_as_of_date": MAY, "followed_months": 3, "brier_kaplan_meier": 0.06} | figures
    _append(house, tables.LIFETIME_QUALITY, as_of_date=JUNE, status="ok", **judged)
    told = " ".join(_told(house, business).split())
    assert "followed for 3 months): concordance 0.700 (0.600 to 0.800)" in told
    assert "Brier 0.0500; Kaplan-Meier has 0.0600" in told


def test_open_findings_of_all_months_are_told(tmp_path: Path) -> None:
    """Those of the newest month one by one, those of earlier months by rule."""
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    months = ["2025-01", "2025-02", "2025-04", "2025-06"]
    _append(house, tables.RECONCILIATION, source="tickets", extract_month="2025-06", balances=True)
    found = [Problem("tickets", m, "range:priority", "warn", f"{m} was seen.", "Ask.") for m in months]
    found.append(Problem("customers", "2025-02", "merges:[cycle]", "block", "Two of them.", "Ask."))
    record(house, "tickets", months, found, run_id="run")
    told = " ".join(_told(house, business).split())
    assert "Found in 2025-06 (1, all in silver/findings)" in told and "2025-06 was seen." in told
    assert "2025-04 was seen." not in told
    assert "Found in earlier months (4, all in silver/findings) source rule severity months" in told
    assert (
        "customers merges [cycle] block 2025-02 tickets range priority warn 2025-01 to 2025-02, 2025-04"
        in told
    )


def test_open_findings_are_told_though_the_newest_month_has_none(tmp_path: Path) -> None:
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    _append(house, tables.RECONCILIATION, source="tickets", extract_month="2025-06", balances=True)
    assert "Found" not in _told(house, business)
    problem = Problem("tickets", "2025-05", "range:priority", "warn", "Odd.", "Ask.")
    record(house, "tickets", ["2025-05"], [problem], run_id="run")
    told = _told(house, business)
    assert "Found in earlier months (1," in told and "Found in 2025-06" not in told
    assert open_findings(house).heading == "none in 2025-06, 1 in earlier months"
