"""Checks the machine and the settings, and says what is wrong and how to fix it. Changes nothing.

The exceptions: the round trip starts the engine (Spark fetches missing Delta jars), and writes and removes a small
table in the lake; runs whose process was killed are marked as failed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from churn_assets.cli import doctor_backup, doctor_data, doctor_engine, doctor_machine
from churn_assets.cli.doctor_finding import Finding
from churn_assets.cli.errors import lacks_store
from churn_assets.lakehouse.engine.choice import EngineChoice, choose_engine
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def run_doctor(settings: Settings, quick: bool = False) -> list[Finding]:
    """Runs all checks. Raises nothing: a check that raises an error becomes a finding.

    Args:
        settings: the deployment to check.
        quick: leave out the round trip, which starts the engine (Spark: 10 to 20 seconds).
    """
    checks: list[Callable[[Settings], Finding]] = [
        doctor_machine.check_python,
        doctor_machine.check_packages,
        doctor_machine.check_settings,
        doctor_machine.check_environment,
        doctor_data.check_business,
        doctor_data.check_sql,
        doctor_data.check_landing,
        doctor_data.check_known,
        doctor_data.check_sources,
        doctor_data.check_origins,
        doctor_data.check_runs,
        doctor_data.check_home,
        doctor_data.check_stores,
        doctor_data.check_findings,
        doctor_data.check_audit,
        doctor_backup.check_backup,
        doctor_machine.check_folders,
        doctor_machine.check_disk,
    ]
    found = [_guarded(check, settings) for check in checks]
    try:
        choice = choose_engine(settings)
    except Exception as error:  # noqa: BLE001 (the doctor reports any error)
        return [*found, *doctor_engine.without_engine(error)]
    return [*found, *_on_engine(settings, choice, quick)]


def _on_engine(settings: Settings, choice: EngineChoice, quick: bool) -> list[Finding]:
    """The engine, and the checks that depend on it."""
    checks: list[Callable[[Settings, str], Finding]] = [
        doctor_engine.check_java,
        doctor_engine.check_jars,
        doctor_engine.check_topic_jars,
        doctor_machine.check_memory,
        doctor_machine.check_cores,
    ]
    if not quick:
        checks.append(doctor_engine.check_round_trip)
    engine = Finding("engine", "ok", f"{choice.name}: {choice.reason}")
    return [engine, *(_guarded(check, settings, choice.name) for check in checks)]


def findings_table(findings: list[Finding]) -> "Table":
    """The findings as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "checked", "found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        found = Text(finding.what)
        if finding.remedy:
            found.append(f"\n-> {finding.remedy}", style="bold")
        table.add_row(Text(finding.status, style=colours[finding.status]), finding.name, found)
    return table


def render(findings: list[Finding], console: "Console") -> None:
    """Prints the findings in a terminal."""
    console.print(findings_table(findings))


def _guarded(check: Callable[..., Finding], *given: Settings | str) -> Finding:
    try:
        return check(*given)
    except Exception as error:  # noqa: BLE001 (the doctor reports any error and continues)
        name = check.__name__.removeprefix("check_").replace("_", " ")
        what = lacks_store(error) or f"{type(error).__name__}: {error}"
        return Finding(name, "fail", what, "Fix the problem that the message names.")
