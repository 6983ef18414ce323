"""The short summary: it fits one screen, says whole sentences, and never a natural id."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from churn_assets.cli.first_screen import LINES_A_CUSTOMER, RISKIEST, print_first_screen, sentence
from churn_assets.cli.options import command
from churn_assets.cli.summary import FIRST_STEPS
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.monitoring.people_balance import ALL
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import record
from churn_assets.silver.reconciliation_rows import ReconciledMonth
from churn_assets_tests.lakes import settings_for, small_business

JUNE = date(2025, 6, 30)
SHORT = ["3 support tickets in the last month", "contract ends in 12 days", "price [red]rose[/] by 8 %"]
LONG = [f"{word * 14} in the last 6 months (typical 1,234,567)" for word in ("a word ", "words ", "lengthy ")]
ENDLESS = "x" * 400
COLUMNS, LINES = 100, 40
COMMAND_AND_CLOSING_LINES = 3  # the prompt before and after, and what the demo says at its end


def _told(house: Lakehouse, business: Business, width: int = COLUMNS) -> str:
    console = Console(record=True, width=width)
    print_first_screen(house, business, console)
    return console.export_text()


def _append(house: Lakehouse, table: Table, rows: list[dict[str, Any]]) -> None:
    house.append_rows(table, table.rows(rows), run_id="run")


def _lake(home: Path, business: Business, reasons: list[str | None], **training: Any) -> Lakehouse:
    """A lake with everything that the summary reads; seven customers."""
    house = Lakehouse(settings_for(home))
    months = [("usage", "2025-05", 2_000_000_000), ("tickets", "2025-06", 900)]
    balances = [ReconciledMonth(s, m, n + 10, n, 7, 3, [JUNE], True) for s, m, n in months]
    house.append_rows(
        tables.RECONCILIATION,
        tables.RECONCILIATION.rows([balance.as_dict() for balance in balances]),
        run_id="run",
    )
    counts = {
        "former": 1_900_000,
        "new": 200_000,
        "now": 1_899_000,
        "ended": 200_000,
        "merged": 0,
        "disappeared": 0,
    }
    everybody = {"source": ALL, "as_of_date": JUNE, "unknown": 1_000, "snapshots": 7}
    _append(house, tables.PEOPLE_BALANCE, [everybody | counts])
    row = {
        "trained_as_of": JUNE, "model_version": "1", "candidate": "gradient_boosted_trees", "auc": 0.84,
        "auc_low": 0.81, "auc_high": 0.87, "recall": 0.45, "trained_at": datetime(2025, 8, 1, tzinfo=UTC),
    }  # fmt: skip
    _append(house, tables.TRAINING_RUNS, [row | training])
    decision = {
        "in_charge_from": JUNE, "trained_as_of": JUNE, "model_version": "1", "promoted": True,
        "decided_at": datetime(2025, 8, 1, tzinfo=UTC),
    }  # fmt: skip
    _append(house, tables.CHAMPIONS, [decision])
    named = {f"reason_{place}": reason for place, reason in enumerate(reasons, start=1)}
    people = [
        {"customer_key": f"{n:016x}", "as_of_date": JUNE, "probability": 0.9 - n / 10, "raw": 0.9 - n / 10}
        for n in range(7)
    ]
    scored = [p | named | {"model_version": "1", "decile": 1} for p in people]
    _append(house, tables.CHURN_SCORES, scored)
    tiers = ["high", "high", "elevated", "elevated", "low", "low", "low"]
    segments = [
        {name: p[name] for name in ("customer_key", "as_of_date", "probability")}
        | {"risk_tier": t, "value": 1_000_000.0}
        for p, t in zip(people, tiers, strict=True)
    ]
    _append(house, tables.CUSTOMER_SEGMENTS, segments)
    return house


@pytest.mark.parametrize(
    "reasons", [SHORT, LONG, [ENDLESS] * 3, [None] * 3], ids=["short", "long", "endless", "none"]
)
@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_it_fits_one_screen(tmp_path: Path, business: str, reasons: list[str | None]) -> None:
    lines = _told(_lake(tmp_path, load_business(SHIPPED_BUSINESSES / business), reasons),
                  load_business(SHIPPED_BUSINESSES / business)).splitlines()  # fmt: skip
    assert len(lines) + COMMAND_AND_CLOSING_LINES <= LINES
    assert max(map(cell_len, lines)) <= COLUMNS


def test_it_tells_the_figures_that_matter(tmp_path: Path) -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    told = _told(_lake(tmp_path, business, SHORT), business, 300)
    for said in (
        "2,000,000,920 delivered: 2,000,000,900 accepted, 14 duplicates, 6 refused",
        "People     1,899,000 on 2025-06-30 = 1,900,000 before + 200,000 new - 200,000 ended - 1,000 unknown",
        "gradient boosted trees, version 1: AUC 0.840 (95 % interval 0.810 to 0.870)",
        "it ranks 84 rightly",
        "contacting the 10 % at the highest risk reaches 45 % of those who leave, 4.5 times as many",
        "7 customers of telecom scored as of 2025-06-30",
        "from 2025-07-08 to 2025-08-06",
        "churn-assets summary --full",
        "make app, make ui, make serve",
        "docs/sources.md",
    ):
        assert said in told
    table = [line.split() for line in told.splitlines()]
    assert ["high", "2", "2", "2,000,000"] in table  # 0.9 + 0.8
    assert ["elevated", "2", "1", "2,000,000"] in table  # 0.7 + 0.6
    assert ["low", "3", "1", "3,000,000"] in table
    listed = [line for line in told.splitlines() if line.startswith("000000000000000")]
    assert len(listed) == RISKIEST
    said = f"Likely to leave (90 %): {SHORT[0]}; {SHORT[1]}; {SHORT[2]}."
    assert listed[0].split("  ", 1)[1].strip() == said
    assert "May leave" not in listed[4] and "(50 %)" in listed[4]


def test_it_tells_the_newest_plan(tmp_path: Path) -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    house = _lake(tmp_path, business, SHORT)
    assert "Plan " not in _told(house, business, 300)
    person = {"customer_key": "a", "as_of_date": JUNE, "campaign_id": "retention-2025-06"}
    arms = [
        ("upgrade", "planned"),
        ("upgrade", "exploration"),
        ("discount_10", "planned"),
        ("upgrade", "holdout"),
    ]
    _append(house, tables.CAMPAIGN_PLAN, [person | {"offer": offer, "arm": arm} for offer, arm in arms])
    record: dict[str, Any] = {
        "campaign_id": "retention-2025-06", "record": 1, "at": datetime(2025, 7, 1, tzinfo=UTC), "by": "churn-assets",
        "what": "planned", "state": "planned", "as_of_date": JUNE, "plan_digest": "0", "budget": 3000.0, "contacted": 3,
        "holdout": 1, "expected_cost": 1234.0, "expected_profit": 5678.0, "note": "",
    }  # fmt: skip
    _append(house, tables.CAMPAIGNS, [record])
    said = (
        "Plan       retention-2025-06 (planned): 3 contacts for 1,234 of 3,000 EUR, expected profit 5,678 EUR, 1 in "
        "the holdout; 2 upgrade, 1 discount 10"
    )
    assert said in _told(house, business, 300)
    assert len(_told(house, business).splitlines()) + COMMAND_AND_CLOSING_LINES <= LINES


def test_what_campaigns_brought_stands_on_the_screen(tmp_path: Path) -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    house = _lake(tmp_path, business, SHORT)
    assert "Measured " not in _told(house, business, 300)
    own: dict[str, Any] = {
        "as_of_date": JUNE, "scope": "campaign", "campaign_id": "all", "offer": "all", "segment": "all",
        "started_on": JUNE, "matures_on": JUNE, "treated": 1500, "control": 300,
    }  # fmt: skip
    measured = [
        own
        | {"origin": "contacts", "days": 30, "status": "fewer left", "told": "9 fewer left within 30 days."},
        own
        | {"origin": "contacts", "days": 90, "status": "fewer left", "told": "20 fewer left within 90 days."},
        own | {"origin": "contacts", "days": 180, "status": "not matured", "told": "Not known yet."},
        own | {"origin": "plan", "days": 30, "status": "not matured", "told": "Not known yet."},
    ]
    _append(house, tables.CAMPAIGN_RESULTS, measured)
    said = "Measured   contacts (1,500 contacts against 300 left alone): 20 fewer left within 90 days."
    assert said in _told(house, business, 300)
    assert len(_told(house, business).splitlines()) + COMMAND_AND_CLOSING_LINES <= LINES


def test_the_next_step_can_be_typed_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of this environment is on the PATH, or is told with its path; another one does not count."""
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    house = _lake(tmp_path / "home", business, SHORT)
    folder = tmp_path / "my checkout" / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "churn-assets").touch(0o755)
    (tmp_path / "churn-assets").touch(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.chdir(folder.parent.parent)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ".venv/bin/churn-assets summary --full " in _told(house, business)
    monkeypatch.chdir(tmp_path)
    assert "'my checkout/.venv/bin/churn-assets' summary --full " in _told(house, business)
    monkeypatch.setenv("PATH", str(folder))
    assert "\nchurn-assets summary --full " in _told(house, business)


def test_money_is_told_only_where_the_value_is_a_sum(tmp_path: Path) -> None:
    business = load_business(small_business(tmp_path))  # its value is tenure_days
    told = _told(_lake(tmp_path, business, SHORT), business)
    assert "expected to leave" in told and "1,000,000" not in told


def test_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    business = load_business(small_business(tmp_path))
    house = Lakehouse(settings_for(tmp_path))
    assert (
        _told(house, business).split()
        == f"There is no table in {tmp_path}/lake yet. {FIRST_STEPS.format(command=command())}".split()
    )
    _append(house, tables.RECONCILIATION, [])
    told = _told(house, business)
    assert "0 delivered" in told and "none is in charge yet" in told and "riskiest" not in told


def test_a_model_without_figures_has_none(tmp_path: Path) -> None:
    business = load_business(small_business(tmp_path))
    told = _told(_lake(tmp_path, business, SHORT, auc=None, recall=None), business)
    assert "too few churners to measure" in told and "Campaign" not in told


@pytest.mark.parametrize("width", [60, 82])
def test_a_sentence_names_as_many_reasons_as_fit(width: int) -> None:
    def said(*reasons: str | None) -> list[str]:
        names = ("reason_1", "reason_2", "reason_3")
        return sentence({"probability": 0.3} | dict(zip(names, reasons, strict=True)), width)

    assert said("a", "b", None) == ["May leave (30 %): a; b."]
    assert said(None, None, None) == ["May leave (30 %); no single fact stands out."]
    for reasons in (LONG, [ENDLESS, "b", "c"]):
        lines = said(*reasons)
        assert len(lines) <= LINES_A_CUSTOMER and max(map(len, lines)) <= width
    assert " ".join(said(*LONG)).startswith(f"May leave (30 %): {LONG[0]}"[:50])
    assert said("a word " * 60, None, None)[-1].endswith(" ...")


def test_the_next_steps_name_a_home_that_is_not_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo CHURN_HOME=x` sets it for the demo alone."""
    monkeypatch.chdir(tmp_path)
    business = load_business(small_business(tmp_path))
    for home, said in (
        (tmp_path / "a b", f"Next, with CHURN_HOME='{tmp_path}/a b'"),
        (tmp_path / ".churn", "Next"),
    ):
        house = _lake(home, business, [None])
        lines = [line.strip() for line in _told(house, business, 400).splitlines()]
        assert said in lines


def test_open_findings_are_told_in_two_lines(tmp_path: Path) -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    house = _lake(tmp_path, business, LONG)
    what = "652 customer_ids were never delivered by customers, in 9,780 of 75,000 rows. " * 3
    found = [
        Problem("usage", month, "relationships:customers", "warn", what, "Ask.")
        for month in ("2025-05", "2025-06")
    ]
    record(house, "cross_checks", ["2025-05", "2025-06"], found, run_id="run")
    lines = _told(house, business).splitlines()
    [at] = [place for place, line in enumerate(lines) if line.startswith("Findings")]
    assert " ".join(lines[at].split()).startswith("Findings 1 in 2025-06, 1 in earlier months. usage: 652 ")
    assert lines[at + 1].rstrip().endswith("...") and lines[at + 2].startswith(("Not known", "Model"))
    assert len(lines) + COMMAND_AND_CLOSING_LINES <= LINES
