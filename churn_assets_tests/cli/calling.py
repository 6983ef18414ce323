"""A command in the process of the tests, which costs a tenth of a process of its own."""

import sys

import pytest

from churn_assets.cli.main import main


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """`main()` in this process: exit code and everything printed."""
    monkeypatch.setattr(sys, "argv", ["churn-assets", *words])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    printed = capsys.readouterr()
    return code, printed.out + printed.err
