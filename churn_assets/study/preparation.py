"""Prepares a study: reads the file, infers its columns, and selects features and rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.contracts.economics import Economics
from churn_assets.counts import counted
from churn_assets.inference.numerals import is_blank
from churn_assets.study.columns import LEFT_OUT_BECAUSE, FileColumn, learnable, understand
from churn_assets.study.errors import StudyError, column_named
from churn_assets.study.folds import Rows, drawn, group_codes
from churn_assets.study.leaks import LeakFinding, column_findings, file_findings, repeated_ids
from churn_assets.study.reading import FlatFile, read
from churn_assets.study.target import MINIMUM_OF_EACH, Target, understand_target

# At most about this many rows are learned from and judged: more hardly change a figure and cost minutes.
MODEL_ROWS = 100_000
SMALL = 1_000


@dataclass(frozen=True)
class Request:
    """The user's request.

    Attributes:
        file: a delimited text file, one row per customer (or per customer and moment).
        target: column with the outcome.
        id: column that identifies the customer; rows of one customer stay together in a fold.
        time: column with the time of observation of a row; later rows are then judged by a model of earlier ones.
        groups: column of other rows that stay together in a fold (household, account); excludes time.
        positive, leave_out, negative: see `target.understand_target`.
        keep: columns to use although they look like leaks.
        economics: economics of a campaign.
    """

    file: Path
    target: str
    id: str | None = None
    time: str | None = None
    groups: str | None = None
    positive: str | None = None
    leave_out: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    negative: str | None = None
    economics: Economics = field(default_factory=Economics)


@dataclass(frozen=True)
class Prepared:
    """A file prepared for learning and judging.

    Attributes:
        request: with column names as the file spells them.
        file, target: as read and understood.
        columns: all but the target, in the order of the file; features: those that are learned from.
        left_out: column -> why it is not learned from.
        findings: leaks and warnings about columns and file.
        keys: id of every row of the file, else its number from 1.
        frame: features of every row of the file.
        used: ascending positions of the rows that are learned from and judged.
        rows: labels, groups and times of the used rows.
    """

    request: Request
    file: FlatFile
    target: Target
    columns: tuple[FileColumn, ...]
    features: tuple[FileColumn, ...]
    left_out: dict[str, str]
    findings: tuple[LeakFinding, ...]
    keys: pd.Series
    frame: pd.DataFrame
    used: NDArray[np.intp]
    rows: Rows

    @property
    def modelled(self) -> pd.DataFrame:
        """Features of the used rows."""
        return self.frame.iloc[self.used].reset_index(drop=True)

    @property
    def modelled_keys(self) -> pd.Series:
        """Keys of the used rows."""
        return self.keys.iloc[self.used].reset_index(drop=True)


def prepare(request: Request, progress: Callable[[str], Any] = lambda message: None) -> Prepared:
    """Reads a file, infers its columns, finds its leaks, and selects features and rows.

    Raises:
        StudyError: the file or the request cannot be studied; see its message.
    """
    progress("reading the file")
    file = read(request.file)
    request = _resolved(request, file)
    target = understand_target(
        request.target, file.table[request.target], request.positive, request.leave_out, request.negative
    )
    progress("understanding its columns")
    columns = [
        understand(name, file.table[name], file.delimiter)
        for name in file.table.column_names
        if name != request.target
    ]
    times, reference = _times(request, columns)
    copies = _exact_copies(request, file)
    groups = group_codes(*(_texts(file, name) for name in (request.id, request.groups)))
    known = ~np.isnan(target.labels) & ~copies & (True if times is None else times.notna().to_numpy())
    _refuse_few(target, known, request)
    used = drawn(np.flatnonzero(known), groups, MODEL_ROWS)
    labels = target.labels[used]
    progress("looking for leaks")
    features, left_out, findings = _selected(request, columns, used, labels, groups is not None)
    frame = learnable(features, reference)
    together = None if groups is None else groups[used]
    if together is not None and len(np.unique(together)) == len(used):
        together = None  # every group has one used row; the others are copies or have no outcome
    rows = Rows(
        labels,
        together,
        None if times is None else times.iloc[used].to_numpy("datetime64[ns]"),
    )
    named = request.id is not None or request.groups is not None
    findings += file_findings(
        frame.iloc[used].reset_index(drop=True), labels, together, times is not None, named
    )
    findings += _about_the_file(file, copies, known)
    return Prepared(
        request,
        file,
        target,
        tuple(columns),
        tuple(features),
        left_out,
        tuple(findings),
        pd.Series(np.arange(1, len(frame) + 1)) if request.id is None else file.table[request.id].to_pandas(),
        frame,
        used,
        rows,
    )


def _selected(
    request: Request,
    columns: list[FileColumn],
    used: NDArray[np.intp],
    labels: NDArray[np.float64],
    grouped: bool,
) -> tuple[list[FileColumn], dict[str, str], list[LeakFinding]]:
    """Returns the features, column -> why it is not one, and the leaks and warnings about single columns.

    Raises:
        StudyError: no column is left.
    """
    left_out = {c.name: LEFT_OUT_BECAUSE[c.kind] for c in columns if c.kind in LEFT_OUT_BECAUSE}
    left_out |= _by_role(request)
    roles = (request.id, request.time, request.groups)
    findings = repeated_ids([column for column in columns if column.name not in roles], grouped)
    ids = {finding.column for finding in findings}
    part = [
        _taken(column, used) for column in columns if column.name not in left_out and column.name not in ids
    ]
    findings += column_findings(part, labels, request.target)
    left_out |= {
        finding.column: "looks like a leak, see above"
        for finding in findings
        if finding.kind == "leak" and finding.column is not None and finding.column not in request.keep
    }
    features = [column for column in columns if column.name not in left_out]
    if not features:
        raise StudyError(
            "No column is left to learn from: all were left out. See --keep, or bring more columns."
        )
    return features, left_out, findings


def _resolved(request: Request, file: FlatFile) -> Request:
    """Returns the request with column names as the file spells them.

    Raises:
        StudyError: no such column; the target has a second role; both time and groups.
    """
    names = file.table.column_names
    found: dict[str, Any] = {"target": column_named(request.target, names, "--target")}
    for role in ("id", "time", "groups"):
        if (name := getattr(request, role)) is not None:
            found[role] = column_named(name, names, f"--{role}")
    found["keep"] = tuple(column_named(name, names, "--keep") for name in request.keep)
    if request.time is not None and request.groups is not None:
        raise StudyError(
            "--time judges later rows by earlier ones and --groups keeps rows together: name one of them."
        )
    for role in ("id", "time", "groups"):
        if found.get(role) == found["target"]:
            raise StudyError(f"--{role} and --target name the same column, {found['target']}.")
    return replace(request, **found)


def _times(request: Request, columns: list[FileColumn]) -> tuple[pd.Series | None, pd.Series | None]:
    """Returns the time of observation per row, and the same as the reference for other dates; None without --time.

    Numbers (week 17, 202401) order the rows by rank and give no reference.

    Raises:
        StudyError: the column contains neither dates nor numbers.
    """
    if request.time is None:
        return None, None
    column = next(column for column in columns if column.name == request.time)
    if column.values is None or column.kind not in ("date", "number"):
        wrong = {
            "constant": "the same in every row, so that no row is later than another",
            "id": "different in every row and no date: it identifies rows and is not the time of observation",
        }.get(column.kind, "neither dates nor numbers")
        raise StudyError(
            f"--time {request.time}: {wrong} (for example {column.example}). Name a column of dates (2024-12-31) or of "
            "periods (202412)."
        )
    if column.kind == "date":
        return column.values, column.values
    return pd.Series(pd.to_datetime(column.values.rank(method="dense"), unit="D", utc=True)), None


def _by_role(request: Request) -> dict[str, str]:
    said = {
        "time": "the time of observation: it orders the rows",
        "groups": "groups the rows",
        "id": "names the customer",
    }
    return {getattr(request, role): words for role, words in said.items() if getattr(request, role)}


def _texts(file: FlatFile, name: str | None) -> pd.Series | None:
    if name is None:
        return None
    texts = pc.utf8_trim_whitespace(file.table[name])
    found: pd.Series = texts.to_pandas()
    return found.where(~is_blank(texts))


def _exact_copies(request: Request, file: FlatFile) -> NDArray[np.bool_]:
    """Returns a mask of the rows that repeat an earlier row in every field, ids included.

    Without --id, different customers can be equal in a file of fewer than 6 columns; no row then counts as a copy.
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


def _taken(column: FileColumn, rows: NDArray[np.intp]) -> FileColumn:
    if column.values is None:
        return column
    return replace(column, values=column.values.iloc[rows].reset_index(drop=True))


def _refuse_few(target: Target, known: NDArray[np.bool_], request: Request) -> None:
    churned = int((target.labels[known] == 1).sum())
    if min(churned, int(known.sum()) - churned) < MINIMUM_OF_EACH:
        raise StudyError(
            f"Without exact copies{' and rows without a time' if request.time else ''}, {churned:,} of "
            f"{int(known.sum()):,} rows churned; a study needs at least {MINIMUM_OF_EACH} of each kind."
        )


def _about_the_file(
    file: FlatFile, copies: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Iterator[LeakFinding]:
    if file.crooked:
        yield LeakFinding(None, "warning", f"The file was read as {file.words()}.")
    if copies.any():
        is_copy = counted(int(copies.sum()), "row is an exact copy", "rows are exact copies")
        words = f"{is_copy} of another row; each is used once in training."
        yield LeakFinding(None, "warning", words)
    if known.sum() < SMALL:
        words = f"Only {int(known.sum()):,} rows: the intervals are wide, and all figures are rough."
        yield LeakFinding(None, "warning", words)
