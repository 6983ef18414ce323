"""The commands `alerts ...` as a person types them, and what the summary says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from churn_assets.alerts.store import alerts
from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.alerts.days import day, score
from churn_assets_tests.alerts.lake import FILES, RULES, lake, put_scores, raised
from churn_assets_tests.lakes import small_business

Type = Callable[..., Result]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types `churn-assets ...` in a home with a business that has two rules."""
    folder = small_business(tmp_path, alerts=RULES, channels=[FILES])
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    return lambda *words: CliRunner().invoke(cli, list(words))


@pytest.fixture
def house(tmp_path: Path, typed: Type) -> Lakehouse:
    """One alert that was told, of `b`, and one that was suppressed, of `a`."""
    folder = next(tmp_path.glob("business-*"))
    made = lake(tmp_path, [score("a", 0), score("b", 0)])
    now = [score("a", 1, 0.12, risk_tier="high"), score("b", 1, 0.6, risk_tier="high", reason_2="pays more")]
    put_scores(made, now)
    raised(made, load_business(folder))
    return made


def test_before_any_alert(typed: Type) -> None:
    assert typed("alerts", "list").output == "There are no alerts yet; `churn-assets daily` raises them.\n"
    assert typed("alerts", "rules").output == "There are no alerts yet; `churn-assets daily` raises them.\n"
    assert "Error: There are no alerts yet." in typed("alerts", "ack", "x").output


def test_a_first_day_without_alerts_is_told(tmp_path: Path, typed: Type) -> None:
    put_scores(lake(tmp_path, []), [score("a", 0)])
    told = typed("alerts", "list").output
    assert told.startswith("No alert was raised yet; the newest scored day is ")
    assert told.endswith("On the first day nobody can have changed.\n")


def test_list_shows_change_reasons_and_action_and_ack_takes_it_off(typed: Type, house: Lakehouse) -> None:
    shown = typed("alerts", "list").output
    told = next(row for row in alerts(house) if row["rule"] == "rose")
    assert f"{told['alert_id']}  {day(1)}  rose  customer b: new" in shown
    assert f"The risk rose from 10.0% ({day(0)}) to 60.0%; importance " in shown
    assert "why: used no data; pays more" in shown
    assert "do: Call." in shown
    done = typed("alerts", "ack", told["alert_id"], "--note", "calls today")
    assert (done.exit_code, done.output) == (0, f"{told['alert_id']} is acknowledged. Do: Call.\n")
    assert told["alert_id"] not in typed("alerts", "list").output
    everything = typed("alerts", "list", "--all").output
    assert ": calls today" in everything
    assert f"not told: cool-down: rose told of the customer on {day(1)}" in everything
    again = typed("alerts", "ack", told["alert_id"])
    assert (again.exit_code, "has acknowledged the alert" in again.output) == (2, True)


def test_list_of_a_day_or_a_rule(typed: Type, house: Lakehouse) -> None:
    assert "0 alerts as of 2026-06-01" in typed("alerts", "list", "--day", "2026-06-01").output
    assert " high " not in typed("alerts", "list", "--rule", "rose", "--all").output


def test_a_rule_that_nobody_knows_is_refused(typed: Type, house: Lakehouse) -> None:
    refused = typed("alerts", "list", "--rule", "rse")
    assert refused.exit_code == 2 and "There is no rule rse; there is " in refused.output


def test_a_day_that_was_not_scored_is_told(typed: Type, house: Lakehouse) -> None:
    assert (
        "There are no current scores as of 2030-01-01"
        in typed("alerts", "list", "--day", "2030-01-01").output
    )
    assert "no current scores" not in typed("alerts", "list", "--day", str(day(0))).output


def test_alerts_of_earlier_days_that_wait_are_not_forgotten(
    typed: Type, house: Lakehouse, tmp_path: Path
) -> None:
    put_scores(house, [score("c", 1), score("c", 2, 0.7, risk_tier="high")])
    raised(house, load_business(next(tmp_path.glob("business-*"))))
    shown = typed("alerts", "list").output
    assert f"1 alert as of {day(2)}; 1 acknowledged or suppressed" in shown
    assert f"2 more of {day(1)} wait: --day shows them." in shown
    assert "more of" not in typed("alerts", "list", "--all").output


def test_rules_tell_what_is_not_known_yet(typed: Type, house: Lakehouse) -> None:
    told = typed("alerts", "rules").output.splitlines()
    assert told[-1].startswith(
        "rose: 1 alert told, 0 suppressed. What became of the customers is not known yet."
    )


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_the_summary_shows_the_most_important_with_their_reasons(
    typed: Type, house: Lakehouse, full: tuple[str, ...]
) -> None:
    shown = typed("summary", *full).output
    assert f"told as of {day(1)}, 0 of them acknowledged" in shown
    assert f"The most important alerts as of {day(1)}" in shown
    assert "The risk rose from 10.0%" in shown
    assert "used no data" in shown
