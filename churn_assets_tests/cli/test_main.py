"""The command line: help, and errors as sentences with exit codes."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets_tests.cli.calling import call
from churn_assets_tests.lakes import business_copy, edit_yaml


def run(tmp_path: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """`churn-assets words` in a process of its own, home below tmp_path."""
    code = "from churn_assets.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"CHURN_HOME": str(tmp_path / "home"), "COLUMNS": "200"} | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_ctrl_c_is_answered_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("churn_assets.cli.first_screen.is_empty", interrupted)
    monkeypatch.setattr("churn_assets.cli.summary.is_empty", interrupted)
    told = "Interrupted. What was written stays; the same command can be run again."
    assert call(monkeypatch, capsys, "summary", "--full") == (130, f"\n{told}\n")


def test_what_a_command_prints_goes_to_its_stdout_also_while_dagster_redirects_it(tmp_path: Path) -> None:
    """Else a terminal would show no progress from the first step of a run to its last."""
    code = (
        "import os; from churn_assets.cli.options import output; console = output()\n"
        "seen = [console.is_terminal]; os.dup2(os.open('elsewhere', os.O_CREAT | os.O_WRONLY), 1)\n"
        "console.print('here', *seen, console.is_terminal, highlight=False); print('there', flush=True)"
    )
    ours, its = pty.openpty()
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stdout=its, check=True, timeout=60)
    os.close(its)
    assert "here True True" in os.read(ours, 1000).decode()
    os.close(ours)
    assert (tmp_path / "elsewhere").read_text() == "there\n"


@pytest.mark.parametrize("told", [False, True])
def test_a_file_is_as_wide_as_the_first_screen(told: bool) -> None:
    code = "from churn_assets.cli.options import output; output().print('x' * 300)"
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | ({"COLUMNS": "60"} if told else {})
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) == (60 if told else 100)


@pytest.mark.parametrize("words", [[], ["demo"], ["simulate"], ["run"], ["summary"], ["doctor"], ["what-if"]])
def test_every_command_explains_itself(words: list[str]) -> None:
    done = CliRunner().invoke(cli, [*words, "-h"])
    assert done.exit_code == 0
    assert "Usage: " in done.output
    assert "--help" in done.output
    if words == ["simulate"]:
        assert "--truncate SOURCE MONTH" in done.output
    if not words:
        for command in ("demo", "doctor", "run", "simulate", "summary", "CHURN_HOME"):
            assert command in done.output


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["summary"], {"CHURN_BUSINESS": "nowhere"}, "Name a shipped business (shop, telecom)"),
        (["summary"], {"CHURN_BUSINESS": "[/]now[red]here"}, "CHURN_BUSINESS=[/]now[red]here: no"),
        (["run", "ingest", "--from", "2025-01"], {"CHURN_BUSINESS": "nowhere"}, "no churn.yaml there"),
        (["simulate", "--months", "40"], {}, "40 months from 2023-03 do not fit into the calendar"),
        (["simulate", "--start", "2026-06", "--months", "2"], {}, "do not fit into the calendar"),
        (["simulate", "--start", "2026-13"], {}, "2026-13 is not a month; write it as YYYY-MM"),
        (["simulate", "--customers", "3"], {}, "customers=3 is too few"),
        (
            ["simulate", "--months", "2", "--drift-from", "2031-01"],
            {},
            "--drift-from 2031-01 is not one of the months 2026-05 to 2026-06",
        ),
        (
            ["simulate", "--truncate", "transactions", "2026-06"],
            {},
            "--truncate transactions: there are only customers, ",
        ),
        (["run", "ingest", "--from", "soon"], {}, "soon is not a month; write it as YYYY-MM"),
        (
            ["run", "ingest", "--from", "2025-03", "--to", "2025-02"],
            {},
            "--to 2025-02 is before --from 2025-03",
        ),
        (["run", "ingest", "--from", "2024-12"], {}, "2024-12 is not a month of ingest"),
        (
            ["run", "ingest", "snapshot", "--from", "2025-05"],
            {},
            "2025-05 is not a month of snapshot; it has 2025-06 to 2026-06",
        ),
        (
            ["run", "ingest", "--from", "2024-01", "--to", "2024-12"],
            {},
            "2024-01, 2024-02, 2024-03 and 9 more are no months of ingest",
        ),
        (["run", "snapshot", "--from", "2025-05"], {}, "2025-05 is not a month of snapshot"),
        (["run", "ingest", "--from", "0000-01"], {}, "0000-01 is not a month; write it"),
        (
            ["promote", "2", "--why", "x", "--from", "2062-06"],
            {},
            "--from 2062-06 is after the newest closed month, 2026-06",
        ),
        (["rollback", "--why", "x", "--from", "2026-07"], {}, "is after the newest closed month, 2026-06"),
        (["run", "everything", "--from", "2025-03"], {}, "'everything' is not one of"),
        (["frobnicate"], {}, "No such command"),
        (["what-if", "--customer", "k", "--set", "price"], {}, "price cannot be read; write feature=value"),
        (
            ["what-if", "--customer", "k", "--set", "price=1", "--set", "price=2"],
            {},
            "price is to be set to 1 and to 2; ask one after the other",
        ),
        (["what-if", "--set", "price=1"], {}, "Missing option '--customer'"),
        (["summary"], {"CHURN_ENGINE_PROFILE": "huge"}, "CHURN_ENGINE_PROFILE: input should be"),
        (["summary"], {"CHURN_HOME": "s3a://bucket/x"}, "it must be a local folder"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    env: dict[str, str],
    said: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in ({"CHURN_HOME": str(tmp_path / "home")} | env).items():
        monkeypatch.setenv(name, value)
    code, printed = call(monkeypatch, capsys, *words)
    assert said in printed
    assert code == 2
    assert "Traceback" not in printed
    assert not (tmp_path / "home" / "landing").exists()


def test_a_demo_that_cannot_be_simulated_is_answered_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", "replaced")  # so that it is restored
    code, printed = call(monkeypatch, capsys, "demo", "--customers", "5")
    assert code == 2
    assert "Error: customers=5 is too few" in printed and "Traceback" not in printed


def test_a_replay_that_cannot_be_simulated_leaves_nothing_in_the_way_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    for _ in range(2):
        code, printed = call(monkeypatch, capsys, "replay", "--customers", "5")
        assert (code, "customers=5 is too few" in printed, "Traceback" in printed) == (2, True, False)


def test_what_the_file_system_refuses_is_told_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in place of a folder; files of another simulation."""
    monkeypatch.setenv("COLUMNS", "500")
    (tmp_path / "file").touch()
    stranger = tmp_path / "home" / "landing" / "usage" / "extract_date=2024-01-31" / "old.parquet"
    stranger.parent.mkdir(parents=True)
    stranger.touch()
    for home, said in (
        ("file", f"A file is in place of a folder: {tmp_path}/file/"),
        ("home", f"{stranger} is not part of this simulation"),
    ):
        monkeypatch.setenv("CHURN_HOME", str(tmp_path / home))
        code, printed = call(monkeypatch, capsys, "simulate", "--customers", "30", "--months", "2")
        assert (code, said in printed, "Traceback" in printed) == (2, True, False), printed


def test_an_error_ends_a_process_with_its_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, "summary", CHURN_BUSINESS="nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: CHURN_BUSINESS=nowhere")


def test_the_summary_of_an_empty_lake_says_so_and_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    code, printed = call(monkeypatch, capsys, "summary")
    assert code == 0, printed
    assert "There is no table in" in printed


def test_simulate_writes_extracts_and_names_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "[/]ho[red]me"
    monkeypatch.setenv("CHURN_HOME", str(home))
    code, printed = call(monkeypatch, capsys, "simulate", "--customers", "30", "--months", "2", "--clean")
    assert code == 0, printed
    assert f"Extracts of 2026-05 to 2026-06 in {home}/landing: " in printed.replace("\n", "")
    assert sorted(p.name for p in (home / "landing").iterdir()) == [
        "customers",
        "invoices",
        "retention_contacts",
        "subscriptions",
        "tickets",
        "usage",
    ]


def test_the_quick_doctor_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    code, printed = call(monkeypatch, capsys, "doctor", "--quick")
    assert code in (0, 1), printed
    assert "sail: landing zone and lake are on this machine" in " ".join(printed.split())
    assert "Traceback" not in printed


def test_all_mistakes_of_a_business_are_printed_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = business_copy(tmp_path, "shop", owner=["[red]"])
    edit_yaml(folder / "contracts" / "transactions.yaml", lambda c: c.update(colour="red"))
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    code, printed = call(monkeypatch, capsys, "summary")
    assert code == 2
    assert printed.startswith("2 mistakes in the declarations of the business\n")
    assert f"{folder}/churn.yaml:2: owner\n    found a list\n    allowed: text" in printed
    assert f"{folder}/contracts/transactions.yaml:" in printed
    assert "Traceback" not in printed
