"""`churn-assets init`: what it prints, what it writes, and what it refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from churn_assets.cli.main import cli
from churn_assets_tests.drafting.exports import export, purchases


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")


def init(*words: object) -> Result:
    """`churn-assets init words`; an error that is not one for users fails the test."""
    result = CliRunner().invoke(cli, ["init", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_it_drafts_places_and_tells_what_comes_next(tmp_path: Path) -> None:
    files = purchases(tmp_path / "in")
    found = init(tmp_path / "shop", "--from", *files, "--land")
    assert found.exit_code == 0
    for said in (
        "churn is inactivity of sales",
        "decides labels or dates: churn.yaml, label",
        "16 files copied",
        f"export CHURN_BUSINESS={tmp_path / 'shop'}",
        "churn-assets run ingest --from 2024-01 --to 2025-04",
    ):
        assert said in found.output
    assert (tmp_path / "home/landing/sales/extract_date=2024-01-31/sales_2024-01.csv").is_file()
    assert {file.name for file in (tmp_path / "shop").rglob("*.yaml")} == {
        "churn.yaml",
        "sales.yaml",
        "app_contacts.yaml",
    }


def test_what_is_printed_first_is_cut_and_all_of_it_can_be_asked_for(tmp_path: Path) -> None:
    header = " ".join(["customer", "day", *(f"d{n}" for n in range(15))])
    rows = [(f"C{n % 20}", f"2024-03-{1 + n % 28:02d}", *["03/02/2024"] * 15) for n in range(60)]
    file = export(tmp_path / "log_2024-03.csv", header, rows)
    cut, whole = (init(tmp_path / f"b{n}", "--from", file, *more) for n, more in enumerate([[], ["--all"]]))
    assert "more: comments in the files, or --all" in cut.output
    assert whole.output.count("day and month may be exchanged") == 15


def test_a_folder_with_a_business_is_left_alone(tmp_path: Path) -> None:
    files = purchases(tmp_path / "in")
    drafted = init(tmp_path / "shop", "--from", tmp_path / "in")
    assert f"what is new is copied: --from file://{tmp_path}/in" in drafted.output
    (tmp_path / "shop/churn.yaml").write_text("reviewed")
    again = init(tmp_path / "shop", "--from", *files)
    assert (again.exit_code, "nothing is overwritten" in again.output) == (2, True)
    landed = init(tmp_path / "shop", "--land", "--from", *files)
    assert (landed.exit_code, "16 files copied" in landed.output) == (0, True)
    assert (tmp_path / "shop/churn.yaml").read_text() == "reviewed"


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    missing = init(tmp_path / "shop", "--from", tmp_path / "nowhere.csv")
    assert (missing.exit_code, "there is no such file or folder" in missing.output) == (2, True)
    [file, *_] = purchases(tmp_path / "in")
    exchanged = init(file, "--from", tmp_path / "shop")
    assert (exchanged.exit_code, "is a file. Name a folder" in exchanged.output) == (2, True)
    assert not (tmp_path / "shop").exists()


def test_the_help_teaches() -> None:
    told = init("--help").output
    for said in (
        "--from exports/",
        "extract_date=2024-01-31",
        "The day of an extract",
        "--cut-by-month",
        "Nothing is overwritten",
    ):
        assert said in told


def test_what_is_drafted_passes_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"K{n % 30}", f"{1 + n % 28:02d}.{1 + n % 6:02d}.2024", f"1.{n:03d},50") for n in range(400)]
    file = export(tmp_path / "Käufe.csv", "Kunde Größe_am Betrag", rows, ";", "cp1252")
    assert init(tmp_path / "shop", "--from", file, "--land", "--cut-by-month").exit_code == 0
    monkeypatch.setenv("CHURN_BUSINESS", str(tmp_path / "shop"))
    checked = CliRunner().invoke(cli, ["check"])
    assert (checked.exit_code, "Nothing in the sample would stop a run" in checked.output) == (0, True)
