"""The command as a user runs it: files, report, MLflow run, and sentences with exit codes where it cannot."""

import gzip
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from churn_assets.cli.main import cli
from churn_assets.study.learners import LEARNERS
from churn_assets_tests.study.files import customers, with_leaks, without_boosting, write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

TELCO = Path(__file__).parents[3] / "shared" / "data" / "telco_ibm.csv"


def study(home: Path, *words: str) -> Result:
    return CliRunner(env={"CHURN_HOME": str(home), "COLUMNS": "400"}).invoke(cli, ["study", *words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a European file with planted leaks, three outcomes, a copied row, prose and a constant column."""
    folder = tmp_path_factory.mktemp("study")
    table = with_leaks(customers(700))
    joined = customers(40, seed=9).assign(id=lambda t: "J" + t["id"], left="Joined")
    table = pd.concat([table, table.head(3), joined], ignore_index=True).rename(columns={"left": "Übergang"})
    table["country"] = "Österreich"
    table["remark"] = [f"wrote <b>twice</b> about invoice {at} & more" for at in range(len(table))]
    table.loc[700:702, "remark"] = table["remark"].iloc[:3].to_numpy()
    for name in ("price", "noise", "total"):
        table[name] = table[name].map("{:.2f}".format, na_action="ignore").str.replace(".", ",")
    file = write(folder, table.to_csv(index=False, sep=";").encode("cp1252", errors="replace"), "kunden.csv")
    quick = pytest.MonkeyPatch()
    without_boosting(quick)  # judged in test_evaluation.py
    done = study(
        folder / "home",
        *(str(file), "--target", "übergang", "--positive", "Yes", "--leave-out", "Joined", "--id", "ID"),
        *("--keep", "churn_score", "--out", str(folder / "out [final]")),
    )
    quick.undo()
    assert done.exit_code == 0, done.output
    (folder / "said.txt").write_text(done.output, encoding="utf-8")
    return folder


class Page(HTMLParser):
    """Text, ids and addresses of a page; fails on tags that are closed wrongly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [str(values["id"])] if "id" in values else []
        self.addresses += [str(values[name]) for name in ("src", "href") if name in values]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_file_with_all_sections(folder: Path) -> None:
    text = (folder / "out [final]" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.ids[0] == "who-leaves-and-why" and page.ids[-1] == "how-it-was-done" and len(page.ids) == 8
    images = [address for address in page.addresses if address.startswith("data:image/png;base64,")]
    assert len(images) == 10 and all(len(image) > 5000 for image in images)
    assert sorted(set(page.addresses) - set(images)) == sorted(f"#{name}" for name in page.ids)
    assert "<script" not in text and "http" not in text
    assert "semicolon" in page.text and "cp1252" in page.text and "Joined 40; Joined left out" in page.text
    for word in (
        "exit_reason",
        "refund",
        "total is nearly months x price",
        "the same value in every row",
        "free text",
    ):
        assert word in page.text
    assert "Kept, as asked by --keep churn_score" in page.text
    assert re.search(r"months.*of what moves the scores", page.text)
    assert not re.search(r"C0\d{4}", page.text), "a customer's id in the report"


def test_the_scored_file_has_every_row_with_its_reasons(folder: Path) -> None:
    scored = pd.read_csv(folder / "out [final]" / "scored.csv")
    reasons = ["reason_1", "reason_2", "reason_3"]
    assert list(scored) == ["id", "outcome", "probability", "scored_by", "risk", *reasons]
    assert len(scored) == 743
    assert scored["probability"].between(0, 1).all()
    assert scored["scored_by"].tolist() == ["out of fold"] * 703 + ["final model"] * 40
    assert scored["probability"][700:703].tolist() == scored["probability"][:3].tolist(), "copies"
    assert scored["outcome"].value_counts()["unknown"] == 40
    counts = scored["risk"].value_counts()
    assert abs(counts["high"] - 75) < 4 and abs(counts["elevated"] - 148) < 4 and counts["low"] > 50
    high = scored[scored["risk"] == "high"]
    assert high["probability"].min() > scored[scored["risk"] == "low"]["probability"].max()
    assert high["reason_1"].notna().all()
    assert not scored.filter(like="reason").stack().str.contains("exit reason|refund|total").any()


def test_active_customers_stand_alone_riskiest_first(folder: Path) -> None:
    scored, active = (pd.read_csv(folder / "out [final]" / name) for name in ("scored.csv", "active.csv"))
    assert list(active) == list(scored)
    assert set(active["outcome"]) == {"stayed", "unknown"}
    assert len(active) == (scored["outcome"] != "left").sum()
    assert active["probability"].is_monotonic_decreasing


def test_the_terminal_says_what_matters(folder: Path) -> None:
    said = (folder / "said.txt").read_text(encoding="utf-8")
    for words in (
        "judging fold 5 of 5",
        "ROC-AUC 0.",
        "leak exit_reason alone",
        "3 rows are exact copies",
        "out [final]/report.html",
    ):
        assert words in said


def test_the_study_is_one_finished_run(folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'home' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("churn studies")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["file"] == "kunden.csv" and run.data.params["target"] == "Übergang"
    scored = pd.read_csv(folder / "out [final]" / "scored.csv").iloc[:700]
    labels = (customers(700)["left"] == "Yes").to_numpy(float)
    assert run.data.metrics["brier"] == pytest.approx(
        np.mean((scored["probability"] - labels) ** 2), abs=1e-5
    )
    assert 0.7 < run.data.metrics["auc_low"] < run.data.metrics["auc"] < run.data.metrics["auc_high"]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


SMALL = customers(300).to_csv(index=False)


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (SMALL, ["--target", "Churn"], "the file has no such column"),
        (SMALL, ["--target", "lefd"], "Did you mean left?"),
        (
            SMALL,
            ["--target", "left", "--id", "ident"],
            "--id ident: the file has no such column. Did you mean id",
        ),
        (SMALL, ["--target", "left", "--keep", "nothing"], "--keep nothing"),
        (SMALL, ["--target", "left", "--time", "contract"], "neither dates nor numbers"),
        (
            customers(300).assign(day="2024-01-31").to_csv(index=False),
            ["--target", "left", "--time", "day"],
            "the same in",
        ),
        (
            customers(300).assign(row=range(300)).to_csv(index=False),
            ["--target", "left", "--time", "row"],
            "different in",
        ),
        (SMALL, ["--target", "left", "--time", "months", "--groups", "region"], "name one of them"),
        (SMALL, ["--target", "left", "--id", "left"], "name the same column"),
        (SMALL, ["--target", "left", "--groups", "region"], "--groups makes 3 groups"),
        (SMALL, ["--target", "contract"], "--positive VALUE"),
        (SMALL, ["--target", "left", "--positive", "Maybe"], "no such value"),
        (customers(60).to_csv(index=False), ["--target", "left"], "a study needs at least 50"),
        ("a,left\n" + "1,Yes\n" * 200, ["--target", "left"], "is constant"),
        (
            "id,left\n" + "".join(f"K{at},{at % 2}\n" for at in range(300)),
            ["--target", "left"],
            "No column is left",
        ),
        (b"PK\x03\x04", ["--target", "left"], "a zip archive"),
        (SMALL, ["--target", "left", "--drop", "pryce"], "--drop pryce: the file has no such column"),
        (SMALL, ["--target", "left", "--drop", "price", "--keep", "price"], "name the same column, price"),
        (SMALL, ["--target", "left", "--drop", "left"], "name the same column, left"),
        (SMALL, ["--target", "left", "--offer", "300"], "the offer costs 300 and the customer is worth 200"),
        (SMALL, ["--target", "left", "--contact", "-1"], "--contact: Input should be greater"),
        (SMALL, ["--target", "left", "--sheet", "a"], "is no Excel workbook"),
        (SMALL, [], "Missing option '--target'"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    tmp_path: Path, content: str | bytes, words: list[str], said: str
) -> None:
    done = study(tmp_path / "home", str(write(tmp_path, content)), *words, "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_columns_are_dropped_and_the_economics_are_those_of_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in LEARNERS if name != "ridge_logistic_regression"]:
        monkeypatch.delitem(LEARNERS, name)
    file = write(tmp_path, gzip.compress(SMALL.encode()), "small.csv.gz")
    money = ("--lifetime-value", "480", "--offer", "25", "--contact", "2", "--alpha", "1", "--beta", "3")
    done = study(tmp_path / "home", str(file), "--target", "left", "--id", "id", "--drop", "PRICE", *money)
    assert done.exit_code == 0, done.output
    text = (tmp_path / "small_study" / "report.html").read_text(encoding="utf-8")
    page = Page(text).text
    assert "worth 480, an offer costs 25, a contact costs 2, and 25%" in page
    assert "The amounts are those of the options" in page
    assert "left out: as asked by --drop" in page
    assert "price" not in (tmp_path / "small_study" / "scored.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [[], ["--out", "file_study"], ["--out", "file_study/deeper"]])
def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file_study").write_text("no folder")
    monkeypatch.setattr("churn_assets.cli.study_file.run_study", lambda *args: pytest.fail("worked"))
    done = study(tmp_path / "home", str(write(tmp_path, SMALL)), "--target", "left", *words)
    assert done.exit_code == 2
    assert "--out" in done.output and "Traceback" not in done.output


def test_help_teaches() -> None:
    done = CliRunner().invoke(cli, ["study", "--help"])
    assert done.exit_code == 0
    for words in ("Examples:", "--leave-out Joined", "5,000,000", "report.html", "scored.csv", "leak"):
        assert words in done.output


def test_no_spark_is_near() -> None:
    code = "import sys, churn_assets.cli.study_file, churn_assets.tracking.studies; print('pyspark' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.skipif(not TELCO.is_file(), reason=f"{TELCO.name} is not beside this checkout (shared/data)")
def test_telco(tmp_path: Path) -> None:
    """The figures that the project promises; above .86 there would be a leak."""
    from churn_assets.study.preparation import Request
    from churn_assets.study.study import run_study

    found = run_study(Request(TELCO, "Churn", id="customerID"))
    best = found.evaluation.best
    assert 0.849 <= best.mean.auc < 0.86
    assert best.metrics.brier <= 0.1345
    assert found.evaluation.chosen_inside.auc > 0.848
    assert list(found.prepared.left_out) == ["customerID", "TotalCharges"]
