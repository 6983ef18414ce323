"""Prepares a study: reads the file, infers its columns, and selects features and rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.contracts.economics import Economics
from churn_assets.counts import counted
from churn_assets.inference.numerals import is_blank
from churn_assets.reporting.words import capitalised
from churn_assets.study.columns import (
    LEFT_OUT_BECAUSE,
    FileColumn,
    learnable,
    understand,
    without_sparse,
)
from churn_assets.study.errors import StudyError, column_named
from churn_assets.study.folds import Rows, drawn, group_codes
from churn_assets.study.leak_finding import LeakFinding
from churn_assets.study.leaks import column_findings, file_findings, repeated_ids, twins
from churn_assets.study.reading import FlatFile, read
from churn_assets.study.same_columns import same_columns
from churn_assets.study.target import MINIMUM_OF_EACH, Target, understand_target
from churn_assets.study.tenure import Tenure, tenure_of
from churn_assets.study.total_lines import without_totals
from churn_assets.study.unlike_rows import unlike_rows

# At most about this many rows are learned from and judged: more hardly change a figure and cost minutes.
MODEL_ROWS = 100_000
SMALL = 1_000


@dataclass(frozen=True)
class Request:
    """The user's request.

    Attributes:
        file: a delimited text file or an Excel workbook, one row per customer (or per customer and moment).
        target: column with the outcome.
        id: column that identifies the customer; rows of one customer stay together in a fold.
        time: column with the time of observation of a row; later rows are then judged by a model of earlier ones.
        groups: column of other rows that stay together in a fold (household, account); excludes time.
        positive, leave_out, negative: see `target.understand_target`.
        keep: columns to use although they look like leaks.
        economics: economics of a campaign; None takes the values of the literature.
        drop: columns not to use.
        sheet: of a workbook; None takes the first with a header.
        tenure, tenure_unit: column that says how long each customer was there, and its unit; see `tenure_of`.
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
    economics: Economics | None = None
    drop: tuple[str, ...] = ()
    sheet: str | None = None
    tenure: str | None = None
    tenure_unit: str | None = None


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
        twin: position of the row that each row is an exact copy of, or its own.
        unlike: mask of the rows without an outcome that are not scored, see `unlike_rows`.
        tenure: how long each customer was there; None if no column says so.
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
    twin: NDArray[np.intp]
    unlike: NDArray[np.bool_]
    tenure: Tenure | None

    @property
    def economics(self) -> Economics:
        """Economics of a campaign, as given or of the literature."""
        return self.request.economics or Economics()

    def people(self, rows: NDArray[np.intp] | None = None) -> str:
        """Returns how many customers the given rows (default: the used ones) are, in words.

        If ids repeat, `1,200 rows of 400 customers`.
        """
        rows = self.used if rows is None else rows
        if self.request.id is None:
            return f"{len(rows):,} customers"
        customers = int(self.keys.iloc[rows].nunique())
        return (
            f"{len(rows):,} customers"
            if customers == len(rows)
            else f"{len(rows):,} rows of {customers:,} customers"
        )

    @property
    def unit(self) -> str:
        """What a row is: `customers`, or `rows` if ids repeat among the used ones."""
        return "rows" if " rows of " in f" {self.people()}" else "customers"

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
    file, of_file = without_totals(read(request.file, request.sheet))
    request = _resolved(request, file)
    target = understand_target(
        request.target, file.table[request.target], request.positive, request.leave_out, request.negative
    )
    progress("understanding its columns")
    columns = without_sparse(
        [
            understand(name, file.table[name], file.delimiter)
            for name in file.table.column_names
            if name != request.target
        ]
    )
    tenure = tenure_of(request.tenure, request.tenure_unit, columns)
    times, reference = _times(request, columns)
    twin = _exact_twins(request, file)
    copies = twin != np.arange(len(twin))
    groups = group_codes(*(_texts(file, name) for name in (request.id, request.groups)))
    known = ~np.isnan(target.labels) & ~copies & (True if times is None else times.notna().to_numpy())
    _refuse_few(target, known, request)
    used = drawn(np.flatnonzero(known), groups, MODEL_ROWS)
    labels = target.labels[used]
    progress("looking for leaks")
    features, left_out, findings = _selected(request, columns, used, labels, groups is not None)
    frame = learnable(features, reference)
    part = frame.iloc[used].reset_index(drop=True)
    together = None if groups is None else groups[used]
    if together is not None and len(np.unique(together)) == len(used):
        together = None  # every group has one used row; the others are copies or have no outcome
    named = request.id is not None or request.groups is not None
    findings += file_findings(part, labels, together, times is not None, named)
    alike = None if times is not None else twins(part)
    rows = Rows(
        labels,
        together
        if alike is None
        else group_codes(*(pd.Series(g) for g in (together, alike) if g is not None)),
        None if times is None else times.iloc[used].to_numpy("datetime64[ns]"),
    )
    keys, nameless = _keys(request, file)
    unlike = unlike_rows(frame, target.labels)
    findings += [*_doubts(features, times, request, columns), *unlike.findings, *of_file, *nameless]
    findings += _about_the_file(file, copies, known)
    return Prepared(
        request=request,
        file=file,
        target=target,
        columns=tuple(columns),
        features=tuple(features),
        left_out=left_out,
        findings=tuple(findings),
        keys=keys,
        frame=frame,
        used=used,
        rows=rows,
        twin=twin,
        unlike=unlike.rows,
        tenure=tenure,
    )


def _keys(request: Request, file: FlatFile) -> tuple[pd.Series, list[LeakFinding]]:
    """Returns the id of every row, else its number from 1, and a finding if ids are blank."""
    if request.id is None:
        return pd.Series(np.arange(1, file.table.num_rows + 1)), []
    keys = file.table[request.id].to_pandas()
    blank = is_blank(pc.utf8_trim_whitespace(file.table[request.id]))
    if not blank.any():
        return keys, []
    at = np.flatnonzero(blank)
    keys.iloc[at] = [f"(row {row + 1})" for row in at]
    words = (
        f"{counted(len(at), 'row has', 'rows have')} no id in {request.id}. Each counts as a customer of its own, and "
        "scored.csv names it by its row."
    )
    return keys, [LeakFinding(None, "warning", words)]


def _doubts(
    features: list[FileColumn], times: pd.Series | None, request: Request, columns: list[FileColumn]
) -> Iterator[LeakFinding]:
    """Yields a finding per column that counts and whose values could mean something else."""
    counting = [
        *features,
        *(column for column in columns if times is not None and column.name == request.time),
    ]
    for column in counting:
        if column.doubt:
            words = (
                f"The days of {column.name} are not certain. {capitalised(column.doubt)}. Write dates as 2024-12-31 if "
                "that is wrong."
            )
            yield LeakFinding(column.name, "warning", words, first=True)


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
    left_out |= dict.fromkeys(request.drop, "as asked by --drop") | _by_role(request)
    roles = (request.id, request.time, request.groups, *request.drop)
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
    told = same_columns([column for column in part if column.name not in left_out])
    left_out |= {
        name: f"says the same as {first}" for name, first in told.items() if name not in request.keep
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
    for role in ("id", "time", "groups", "tenure"):
        if (name := getattr(request, role)) is not None:
            found[role] = column_named(name, names, f"--{role}")
    for option in ("keep", "drop"):
        found[option] = tuple(column_named(name, names, f"--{option}") for name in getattr(request, option))
    if both := set(found["keep"]) & set(found["drop"]):
        raise StudyError(f"--keep and --drop name the same column, {min(both)}.")
    if found["target"] in found["drop"]:
        raise StudyError(f"--drop and --target name the same column, {found['target']}.")
    if request.time is not None and request.groups is not None:
        raise StudyError(
            "--time judges later rows by earlier ones and --groups keeps rows together: name one of them."
        )
    for role in ("id", "time", "groups", "tenure"):
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


def _exact_twins(request: Request, file: FlatFile) -> NDArray[np.intp]:
    """Returns the position of the first row that equals each row in every field, ids included.

    Without --id, different customers can be equal in a file of fewer than 6 columns; no row then counts as a copy.
    """
    if request.id is None and len(file.table.column_names) < 6:
        return np.arange(file.table.num_rows)
    hashes = np.zeros(file.table.num_rows, dtype=np.uint64)
    for name in file.table.column_names:
        encoded = file.table[name].dictionary_encode().combine_chunks()
        encoded = encoded.chunk(0) if hasattr(encoded, "chunk") else encoded
        of_text = pd.util.hash_array(encoded.dictionary.to_numpy(zero_copy_only=False), categorize=False)
        hashes = hashes * np.uint64(1_000_003) + of_text[encoded.indices.to_numpy(zero_copy_only=False)]
    codes = pd.factorize(hashes)[0]  # numbered by first appearance
    first: NDArray[np.intp] = np.flatnonzero(~pd.Series(hashes).duplicated().to_numpy())[codes]
    return first


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
