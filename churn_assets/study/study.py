"""One study from file to folder: read, understand, look for leaks, judge, explain, score, report."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.models.money import Economics, MaximumProfit, expected_maximum_profit
from churn_assets.scores.reasons import main_drivers, reasons
from churn_assets.study.columns import LEFT_OUT_BECAUSE, Column, learnable, understand
from churn_assets.study.drivers import Driver, Segment, features_of, global_drivers, segments
from churn_assets.study.errors import StudyError, column_named
from churn_assets.study.evaluation import Evaluation, FinalModel, fit_final, judge
from churn_assets.study.folds import SEED, Rows, group_codes
from churn_assets.study.leaks import Finding, column_findings, figure_findings, file_findings
from churn_assets.study.reading import FlatFile, read
from churn_assets.study.target import MINIMUM_OF_EACH, Target, understand_target

# Learned from and judged on: more rows hardly change a figure, and cost minutes. Whole groups are drawn.
MODEL_ROWS = 200_000
# Explained to find global drivers and segments.
EXPLAINED_ROWS = 20_000
SCORED_AT_ONCE = 100_000
SMALL = 1_000
NO_REASONS = "nothing raises the risk"

Progress = Callable[[str], Any]


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        file: a delimited text file, one row per customer (or per customer and moment).
        target: column that says who left.
        id: column that names the customer; rows of one customer are never on both sides of a fold.
        time: column that says when a row was observed; later rows are then judged by earlier ones.
        groups: column of what else must not be torn apart (household, account).
        positive, leave_out: see `target.understand_target`.
        keep: columns to use although they look like leaks.
        economics: of a campaign.
    """

    file: Path
    target: str
    id: str | None = None
    time: str | None = None
    groups: str | None = None
    positive: str | None = None
    leave_out: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    economics: Economics = field(default_factory=Economics)


@dataclass(frozen=True)
class Study:
    """What a study found.

    Attributes:
        request, file, target: what was asked, read and understood.
        columns: all but the target, in the order of the file.
        left_out: column -> why it was not learned from.
        findings: leaks and warnings.
        rows: of the file; labelled: with a known outcome; modelled: learned from and judged on.
        evaluation, model: figures out of fold, and the model fitted on all modelled rows.
        drivers, segments: strongest first; riskiest first.
        money: EMPC of the chosen contender out of fold.
        alone: the best ROC-AUC that a single column reaches, with its name.
        scored: id (or row), probability, scored_by, risk, reason_1..3, a row per row of the file.
    """

    request: Request
    file: FlatFile
    target: Target
    columns: tuple[Column, ...]
    left_out: dict[str, str]
    findings: tuple[Finding, ...]
    rows: int
    labelled: int
    modelled: int
    evaluation: Evaluation
    model: FinalModel
    drivers: tuple[Driver, ...]
    segments: tuple[Segment, ...]
    money: MaximumProfit
    scored: pd.DataFrame

    def figures(self) -> dict[str, float]:
        """The numbers of the study by name, for MLflow."""
        best = self.evaluation.best
        found = {
            "auc": best.mean.auc,
            "auc_low": best.mean.low,
            "auc_high": best.mean.high,
            "auc_chosen_inside_folds": self.evaluation.chosen_inside.auc,
            "auc_shuffled_labels": self.evaluation.shuffled.auc,
            "empc": self.money.profit,
            "empc_fraction": self.money.fraction,
            "rows": float(self.rows),
            "modelled": float(self.modelled),
            "leaks": float(sum(finding.kind == "leak" for finding in self.findings)),
        }
        metrics = (
            "pr_auc",
            "brier",
            "log_loss",
            "calibration_slope",
            "calibration_intercept",
            "lift_top_decile",
        )
        found |= {name: float(getattr(best.metrics, name)) for name in metrics}
        return found | {
            f"auc.{contender.name}": contender.mean.auc for contender in self.evaluation.contenders
        }


def run_study(request: Request, progress: Progress = lambda message: None) -> Study:
    """Study a file; writes nothing.

    Args:
        progress: receives a line at the start of each step.

    Raises:
        StudyError: the file or the request cannot be studied; see its message.
    """
    progress("reading the file")
    file = read(request.file)
    request = _resolved(request, file)
    target = understand_target(
        request.target, file.table[request.target], request.positive, request.leave_out
    )
    progress("understanding its columns")
    columns = _columns(request, file)
    repeated = _exact_copies(request, file)
    times = _times(request, columns)
    groups = group_codes(*(_keys(file, name) for name in (request.id, request.groups)))
    known = ~np.isnan(target.labels) & ~repeated
    if times is not None:
        known &= times.notna().to_numpy()
    used = _drawn(np.flatnonzero(known), groups)
    progress("looking for leaks")
    left_out = {c.name: LEFT_OUT_BECAUSE[c.kind] for c in columns if c.kind in LEFT_OUT_BECAUSE}
    left_out |= _by_role(request)
    labels = target.labels[used]
    part = [_taken(column, used) for column in columns if column.name not in left_out]
    findings = column_findings(part, labels, request.target)
    keep = {column_named(name, (c.name for c in columns), "--keep") for name in request.keep}
    leaks = {f.column for f in findings if f.kind == "leak" and f.column not in keep}
    left_out |= {str(name): "looks like a leak, see below" for name in leaks}
    features = [column for column in columns if column.name not in left_out]
    frame = learnable(features, times)
    if frame.empty or not len(frame.columns):
        raise StudyError("No column is left to learn from; see --keep, or bring more columns.")
    modelled = frame.iloc[used].reset_index(drop=True)
    rows = Rows(
        labels,
        None if groups is None else groups[used],
        None if times is None else times.iloc[used].to_numpy("datetime64[ns]"),
    )
    findings += file_findings(modelled, labels, rows.groups)
    findings += _about_the_file(request, file, target, repeated, known)
    keys = _names(request, file)
    with _threads(len(used)):
        progress("fold 1 judged next")
        evaluation = judge(modelled, rows, keys.iloc[used].reset_index(drop=True), progress)
        shuffled = evaluation.shuffled
        findings += figure_findings(evaluation.best.mean.auc, shuffled.low, shuffled.high)
        progress("fitting the final model")
        model = fit_final(modelled, rows, evaluation)
        progress("scoring every row, with reasons")
        scored = _scored(frame, features, model, evaluation, used, keys, request)
    explained, explained_rows = _explained(modelled, model, evaluation)
    told = features_of(features)
    at = np.searchsorted(evaluation.judged, explained_rows)
    return Study(
        request=request,
        file=file,
        target=target,
        columns=tuple(column for column in columns if column.name != request.target),
        left_out=left_out,
        findings=tuple(findings),
        rows=len(frame),
        labelled=int((~np.isnan(target.labels)).sum()),
        modelled=len(used),
        evaluation=evaluation,
        model=model,
        drivers=tuple(global_drivers(modelled, labels, explained, told)),
        segments=tuple(
            segments(evaluation.best.probability[at], evaluation.labels[at], main_drivers(explained, told))
        ),
        money=expected_maximum_profit(evaluation.labels, evaluation.best.log_odds, request.economics),
        scored=scored,
    )


def _resolved(request: Request, file: FlatFile) -> Request:
    """The request with column names as the file spells them.

    Raises:
        StudyError: a named column is not there, or has two roles.
    """
    names = file.table.column_names
    found: dict[str, Any] = {"target": column_named(request.target, names, "--target")}
    for role in ("id", "time", "groups"):
        if (name := getattr(request, role)) is not None:
            found[role] = column_named(name, names, f"--{role}")
    for name in request.keep:
        column_named(name, names, "--keep")
    for role in ("id", "time", "groups"):
        if found.get(role) == found["target"]:
            raise StudyError(f"--{role} and --target name the same column, {found['target']}.")
    return replace(request, **found)


def _columns(request: Request, file: FlatFile) -> list[Column]:
    names = [name for name in file.table.column_names if name != request.target]
    return [understand(name, file.table[name], file.delimiter == ",") for name in names]


def _times(request: Request, columns: list[Column]) -> pd.Series | None:
    """Time of observation per row; a number (week 17, 2024) is taken as days, which keeps its order."""
    if request.time is None:
        return None
    column = next(column for column in columns if column.name == request.time)
    if column.kind == "date" and column.values is not None:
        return column.values
    if column.kind == "number" and column.values is not None:
        return pd.Series(
            pd.to_datetime(column.values, unit="D", origin="2000-01-01", utc=True, errors="coerce")
        )
    raise StudyError(
        f"--time {request.time}: neither dates nor numbers (for example {column.example}). Write dates as 2024-12-31."
    )


def _by_role(request: Request) -> dict[str, str]:
    said = {
        "time": "the time of observation: it orders the rows",
        "groups": "groups the rows",
        "id": "names the customer",
    }
    return {getattr(request, role): words for role, words in said.items() if getattr(request, role)}


def _keys(file: FlatFile, name: str | None) -> pd.Series | None:
    if name is None:
        return None
    texts = file.table[name].to_pandas().str.strip()
    return texts.where(texts != "")


def _names(request: Request, file: FlatFile) -> pd.Series:
    """What a row is called: its id, or its number in the file (the first row under the header is 1)."""
    if request.id is None:
        return pd.Series(np.arange(1, file.table.num_rows + 1))
    return file.table[request.id].to_pandas()


def _exact_copies(request: Request, file: FlatFile) -> NDArray[np.bool_]:
    """Rows that repeat an earlier row in every field, a customer's id (or any column that differs per row) included.

    Without an id a file of few columns may hold alike customers; they count as copies only if the file names customers.
    """
    if request.id is None and len(file.table.column_names) < 6:
        return np.zeros(file.table.num_rows, dtype=bool)
    hashes = np.zeros(file.table.num_rows, dtype=np.uint64)
    for name in file.table.column_names:
        encoded = file.table[name].dictionary_encode().combine_chunks()
        encoded = encoded.chunk(0) if hasattr(encoded, "chunk") else encoded
        of_text = pd.util.hash_array(encoded.dictionary.to_numpy(zero_copy_only=False), categorize=False)
        hashes = hashes * np.uint64(1_000_003) + of_text[encoded.indices.to_numpy(zero_copy_only=False)]
    copies: NDArray[np.bool_] = pd.Series(hashes).duplicated().to_numpy()
    return copies


def _drawn(rows: NDArray[np.intp], groups: NDArray[np.int64] | None) -> NDArray[np.intp]:
    """At most about MODEL_ROWS of the rows, by whole groups, in the order of the file."""
    if len(rows) <= MODEL_ROWS:
        return rows
    random = np.random.default_rng(SEED)
    if groups is None:
        return np.sort(random.choice(rows, MODEL_ROWS, replace=False))
    draw = random.random(int(groups.max()) + 1)
    return rows[draw[groups[rows]] < MODEL_ROWS / len(rows)]


def _taken(column: Column, rows: NDArray[np.intp]) -> Column:
    if column.values is None:
        return column
    return replace(column, values=column.values.iloc[rows].reset_index(drop=True))


def _about_the_file(
    request: Request, file: FlatFile, target: Target, repeated: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Iterator[Finding]:
    if file.crooked:
        yield Finding(None, "warning", f"The file was read as {file.words()}.")
    if repeated.any():
        words = f"{int(repeated.sum()):,} rows are exact copies of another row and were learned from once."
        yield Finding(None, "warning", words)
    churned = int((target.labels[known] == 1).sum())
    if min(churned, int(known.sum()) - churned) < MINIMUM_OF_EACH:
        raise StudyError(
            f"Without exact copies{' and rows without a time' if request.time else ''} {churned:,} of {int(known.sum()):,} "
            f"rows churned; a study needs at least {MINIMUM_OF_EACH} of each kind."
        )
    if known.sum() < SMALL:
        words = f"Only {int(known.sum()):,} rows: the intervals are wide, and every figure is a rough one."
        yield Finding(None, "warning", words)


def _threads(rows: int) -> Any:
    """Small fits lose time when they share the cores."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1) if rows < MODEL_ROWS // 2 else nullcontext()


def _scored(
    frame: pd.DataFrame,
    features: list[Column],
    model: FinalModel,
    evaluation: Evaluation,
    used: NDArray[np.intp],
    keys: pd.Series,
    request: Request,
) -> pd.DataFrame:
    """A probability with reasons per row: out of fold where the row was judged, by the final model elsewhere."""
    told = features_of(features)
    typical = {part.feature: part.median for part in model.transformation.parts if hasattr(part, "median")}
    probability, why = [], []
    for start in range(0, len(frame), SCORED_AT_ONCE):
        part = frame.iloc[start : start + SCORED_AT_ONCE].reset_index(drop=True)
        matrix = model.transformation.transform(part)
        probability.append(model.probability(matrix))
        why += reasons(part, model.contributions(matrix), told, typical)
    p = np.concatenate(probability)
    judged = used[evaluation.judged]
    p[judged] = evaluation.best.probability
    out_of_fold = np.zeros(len(frame), dtype=bool)
    out_of_fold[judged] = True
    result = pd.DataFrame({request.id or "row": keys, "probability": np.round(p, 6)})
    result["scored_by"] = np.where(out_of_fold, "out of fold", "final model")
    result["risk"] = pd.Series(_tiers_of(p))
    for at in range(3):
        result[f"reason_{at + 1}"] = [row[at] for row in why]
    return result


def _tiers_of(probability: NDArray[np.float64]) -> NDArray[np.object_]:
    from churn_assets.study.drivers import tiers

    return tiers(probability)


def _explained(
    modelled: pd.DataFrame, model: FinalModel, evaluation: Evaluation
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Contributions of a sample of the judged rows, and their positions among the modelled rows."""
    rows = evaluation.judged
    if len(rows) > EXPLAINED_ROWS:
        rows = np.sort(np.random.default_rng(SEED).choice(rows, EXPLAINED_ROWS, replace=False))
    return model.contributions(model.transformation.transform(modelled.iloc[rows])), rows
