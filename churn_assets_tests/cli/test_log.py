"""The command `log` shows the stored records to people."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets import trace
from churn_assets.cli.main import cli
from churn_assets.operations.log import writing
from churn_assets.settings import Settings


def test_a_record_is_one_line_and_sends_no_control_sign_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    writing.start(Settings())
    try:
        with trace.within("ab" * 16, asset="gold/customers", months="2026-05 to 2026-06"):
            writing.event("n", "gold/customers ended.", rows=7)
            writing.event("n", "a\nb\x1b[31m")
    finally:
        writing.stop()
    done = CliRunner().invoke(cli, ["log", "--trace", "abab"])
    assert done.exit_code == 0, done.output
    first, second = done.output.splitlines()
    assert first[19:] == (
        " [info     ] gold/customers ended. trace=abababab rows=7 months='2026-05 to 2026-06'"
    )
    assert " a b [31m trace=" in second and "asset=gold/customers" in second
    assert "\x1b" not in done.output
