"""`summary`, `doctor` and `run ingest` say until when each source is known."""

from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from churn_assets.cli.doctor_data import check_known
from churn_assets.cli.first_screen import print_first_screen
from churn_assets.cli.known_until import lines, not_known, states_of
from churn_assets.cli.lake import _tell_unknown
from churn_assets.cli.summary import print_full_summary
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_range
from churn_assets_tests.lakes import settings_for, small_business

SOURCES = ("customers", "subscriptions", "tickets")
Months = dict[tuple[str, str], str]


@pytest.fixture
def business(tmp_path: Path) -> Business:
    """Three sources, 2025."""
    return load_business(small_business(tmp_path))


def lake(
    tmp_path: Path, folder: Path, refused: Months, without: tuple[tuple[str, str], ...] = ()
) -> Lakehouse:
    """All sources have passed January to April, but for months that were refused or never judged."""
    house = Lakehouse(settings_for(tmp_path, folder))
    rows = [
        {
            "source": source,
            "extract_month": month,
            "balances": (source, month) not in refused,
            "refused_by": refused.get((source, month)),
            "extract_dates": [month_end(month)],
            "delivered": 1, "accepted": 1, "duplicate": 0, "quarantined": 0,
        }
        for source in SOURCES
        for month in month_range("2025-01", "2025-04")
        if (source, month) not in without
    ]  # fmt: skip
    house.append_rows(tables.RECONCILIATION, tables.RECONCILIATION.rows(rows), run_id="run")
    return house


def said(tell: object, *what: object) -> str:
    console = Console(record=True, width=200)
    tell(*what, console)  # type: ignore[operator]
    return console.export_text()


def test_a_hole_is_named_with_its_reason_and_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_business(tmp_path)
    house = lake(tmp_path, folder, {("subscriptions", "2025-02"): "missing"}, (("tickets", "2025-03"),))
    business = load_business(folder)
    found = check_known(house.settings)
    assert found.status == "warn"
    assert found.what.splitlines() == [
        "subscriptions is known until 2025-01-31; not passed: 2025-02 (missing)",
        "tickets is known until 2025-02-28; not passed: 2025-03",
    ]
    assert "`churn-assets run ingest --from 2025-02 --to 2025-03`" in found.remedy
    assert "subscriptions 2025-02; tickets 2025-03; `" in said(print_first_screen, house, business)
    table = [line.split() for line in said(print_full_summary, house, business).splitlines()]
    assert ["customers", "2025-04-30"] in table
    assert ["subscriptions", "2025-01-31", "2025-02", "(missing)"] in table
    _tell_unknown(house.settings, "2025-04")
    assert "tickets is known until 2025-02-28" in " ".join(capsys.readouterr().out.split())


def test_where_every_month_has_passed_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_business(tmp_path)
    house = lake(tmp_path, folder, {})
    assert check_known(house.settings).status == "ok"
    assert "Not known" not in said(print_first_screen, house, load_business(folder))
    capsys.readouterr()
    _tell_unknown(house.settings, "2025-04")
    assert capsys.readouterr().out == ""


def test_a_month_that_is_not_due_yet_is_no_hole(tmp_path: Path, business: Business) -> None:
    """Tickets have a few days after the end of April; what silver refused is told at once."""
    folder = small_business(tmp_path)
    house = lake(tmp_path, folder, {("customers", "2025-04"): "volume"}, (("tickets", "2025-04"),))
    states = states_of(house, business)
    assert not_known(business, states, date(2025, 5, 1)) == {"customers": ["2025-04"]}
    late = date(2025, 5, 1 + business.source("tickets").latency_days)
    missing = not_known(business, states, late)
    assert missing == {"customers": ["2025-04"], "tickets": ["2025-04"]}
    assert len(lines(states, missing)) == 2


def test_a_source_behind_the_others_is_named(tmp_path: Path, business: Business) -> None:
    months = tuple(("tickets", month) for month in month_range("2025-02", "2025-04"))
    house = lake(tmp_path, small_business(tmp_path), {}, months)
    states = states_of(house, business)
    [line] = lines(states, not_known(business, states, date(2026, 11, 1)))
    assert line == "tickets is known until 2025-01-31; not passed: 2025-02 to 2025-04"
