"""Runs `churn-assets study`: shows progress, writes the files and prints a short result."""

import time
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd
from rich.console import Console

from churn_assets.cli.garbage import rare_collections
from churn_assets.reporting.progress_display import display_on
from churn_assets.reporting.words import spoken
from churn_assets.settings import Settings
from churn_assets.study.errors import StudyError
from churn_assets.study.folds import FOLDS
from churn_assets.study.preparation import Request
from churn_assets.study.report import report
from churn_assets.study.study import Study, run_study

REPORT, SCORED, ACTIVE = "report.html", "scored.csv", "active.csv"
# reading, columns, leaks, each fold, comparison, final model, scores, report, MLflow
STEPS = 8 + FOLDS
# Steps whose time tells that of the others: usual seconds of each against one fold.
_WEIGHTS = {
    "comparing the learners": 0.1,
    "fitting the final model": 0.4,
    "scoring every row, with reasons": 0.2,
}


def study_file(request: Request, out: Path | None, settings: Settings, console: Console) -> Path:
    """Runs a study, writes its files, logs it to MLflow, and prints the result.

    Args:
        request: the file and how to study it.
        out: folder for the files, created if missing; default `<file>_study` beside the file.
        settings: for MLflow.
        console: for progress and result.

    Returns:
        The folder.

    Raises:
        StudyError: the file or the request cannot be studied, or the folder cannot be written.
    """
    started = time.perf_counter()
    out = out or request.file.with_name(f"{_stem(request.file)}_study")
    _refuse_unwritable(out)
    weights = FOLDS + sum(_WEIGHTS.values())
    with rare_collections(), display_on(console, "study", STEPS, _weigh, weights) as display:
        study = run_study(request, display.go_on)
        display.go_on("writing the report")
        page = report(study)
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / REPORT).write_text(page, encoding="utf-8")
            study.scored.to_csv(out / SCORED, index=False)
            active(study.scored).to_csv(out / ACTIVE, index=False)
        except OSError as error:
            raise _unwritable(out, error) from error
        display.go_on("logging to MLflow")
        run_id = _log(study, out / REPORT, settings)
    _tell(study, out, run_id, time.perf_counter() - started, console)
    return out


def active(scored: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows that did not leave and have a probability, riskiest first, in the columns of scored.csv."""
    rows = scored[(scored["outcome"] != "left") & scored["probability"].notna()]
    return rows.sort_values("probability", ascending=False, kind="stable")


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".GZ").rpartition(".")[0] or file.stem


def _weigh(step: str) -> float:
    return 1.0 if step.startswith("judging fold") else _WEIGHTS.get(step, 0.0)


def _refuse_unwritable(out: Path) -> None:
    """Raises StudyError, before the work starts, if the folder (or its nearest existing parent) is not writable."""
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    try:
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> StudyError:
    return StudyError(
        f"{out} cannot be written ({error.strerror or error}). Name a folder that can by --out FOLDER."
    )


def _log(study: Study, page: Path, settings: Settings) -> str:
    from churn_assets.tracking.studies import log_study

    settings.home_path.mkdir(parents=True, exist_ok=True)
    request = study.prepared.request
    params = {
        "file": request.file.name,
        "target": request.target,
        "positive": study.prepared.target.churn(),
        "time": request.time or "",
        "groups": request.groups or "",
        "chosen": study.evaluation.chosen,
        "calibration": study.model.calibration.method,
        "features": str(len(study.model.transformation.features)),
        "left_out": ", ".join(study.prepared.left_out),
    }
    name = f"{_stem(request.file)} {request.target}"
    return log_study(settings.mlflow_uri, settings.mlflow_artifacts, name, params, study.figures(), page)


def _tell(study: Study, out: Path, run_id: str, seconds: float, console: Console) -> None:
    best = study.evaluation.best
    console.print(
        f"{study.prepared.file.words()}. {study.prepared.target.words()}.", highlight=False, markup=False
    )
    console.print(
        f"[bold]ROC-AUC {best.mean.auc:.4f}[/] ({best.mean.low:.4f} to {best.mean.high:.4f}), Brier "
        f"{best.metrics.brier:.4f}, lift {best.metrics.lift_top_decile:.1f} in the top tenth: {spoken(best.name)}.",
        highlight=False,
    )
    for driver in study.drivers[:3]:
        console.print(f"  {driver.words}: {driver.sentence()}", highlight=False, markup=False)
    for finding in sorted(study.findings, key=lambda finding: not finding.first):
        console.print(f"[{'red' if finding.kind == 'leak' else 'yellow'}]{finding.kind}[/] ", end="")
        console.print(finding.words, highlight=False, markup=False)
    console.print(
        f"{out / REPORT}, {out / SCORED}, {out / ACTIVE}; MLflow run {run_id}; {seconds:.0f} s.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
