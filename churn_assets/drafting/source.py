"""One source as drafted: its files, its columns, and what the contract says about them."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.contracts.custom_properties import Delivery, Role
from churn_assets.drafting.columns import DraftColumn, Habits, guess_column
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FileGroup
from churn_assets.drafting.names import column_names
from churn_assets.drafting.sample import ASCII, FileSample, read_sample

MOST_ROWS = 1_000_000  # of a source, shared by its files
LEAST_ROWS = 2000  # of a file


@dataclass(frozen=True)
class DraftSource:
    """A source with its guesses; what is not guessed yet is empty.

    Attributes:
        name: of the source.
        group: its files.
        samples: how each file is written.
        columns: in the order of the files.
        places, extract_days: per row, the number of its file, and the day of its extract (NaT if unknown).
        days: per file, its extract day; None if unknown.
        customer, key, event_time, spell, role, delivery: as in the contract; columns by their names in the lake.
        voluntary: values of the reason of an end that are the customer's choice.
        refers_to: the entity that its customers belong to.
        least_known: least share of a month's ids that were known before; None if the files do not show it.
        hints: properties of the contract that a person may take in, each with its comment.
        notes: comments, by what they are about.
        doubts: what to review.
    """

    name: str
    group: FileGroup
    samples: tuple[FileSample, ...]
    columns: tuple[DraftColumn, ...]
    places: NDArray[np.int64]
    days: tuple[date | None, ...]
    customer: str = ""
    role: Role = "event"
    delivery: Delivery = "changes"
    key: tuple[str, ...] = ()
    event_time: str | None = None
    spell: dict[str, str] = field(default_factory=dict)
    voluntary: tuple[str, ...] = ()
    refers_to: str | None = None
    least_known: float | None = None
    hints: tuple[tuple[dict[str, Any], str], ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()

    @property
    def file(self) -> str:
        """Name of the contract file, as doubts name it."""
        return f"contracts/{self.name}.yaml"

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return len(self.places)

    @property
    def complete(self) -> bool:
        """Whether the sample holds all rows of all files."""
        cut = self.group.origin is not None and not self.group.origin.complete
        return not cut and all(sample.complete for sample in self.samples)

    def column(self, name: str) -> DraftColumn:
        """Returns the column of that name in the lake."""
        return next(column for column in self.columns if column.name == name)

    def doubt(self, rank: int, about: str, words: str) -> Doubt:
        """Returns a doubt about something of this source."""
        return Doubt(rank, f"{self.file}, {about}" if about else self.file, words)

    def codes(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Returns per row a number for its values of these columns together; equal values, equal numbers."""
        found = np.zeros(self.rows, dtype=np.int64)
        for name in names:
            column = self.column(name)
            _, found = np.unique(found * (column.distinct + 1) + column.codes + 1, return_inverse=True)
        return found


def read_source(group: FileGroup) -> DraftSource:
    """Returns the columns of a source with their types, as its files show them.

    Raises:
        DraftError: a file cannot be read, or its files are written in different ways.
    """
    rows = max(LEAST_ROWS, MOST_ROWS // len(group.files))
    samples = tuple(read_sample(file, rows) for file in group.files)
    if not any(sample.table.num_rows for sample in samples):
        raise DraftError(f"{samples[0].file.name} has a header but no rows. Leave it out.")
    _refuse_unlike(group.name, samples)
    table = pa.concat_tables([_plain(sample.table) for sample in samples], promote_options="permissive")
    sizes = [sample.table.num_rows for sample in samples]
    places = np.repeat(np.arange(len(samples)), sizes)
    days = tuple(file.day for file in group.files)
    first = samples[0]
    habits = Habits(
        format=first.format,
        delimiter=first.delimiter,
        files=tuple(file.name for file in group.files),
        places=places,
        rows=np.concatenate([np.arange(1, size + 1) for size in sizes]),
        extract_days=pd.DatetimeIndex(pd.to_datetime(pd.Series(days), utc=True))[places],
        day_first=None,
    )
    names = column_names(table.column_names)
    columns = [guess_column(name, names[name], table[name], habits) for name in table.column_names]
    if first.format == "csv" and (first.delimiter == ";" or any(c.decimal == "," for c in columns)):
        again = replace(habits, day_first=True)
        columns = [
            guess_column(c.physical, c.name, table[c.physical], again) if _is_ambiguous(c) else c
            for c in columns
        ]
    columns = _agreed(columns)
    source = DraftSource(group.name, group, samples, tuple(columns), places, days)
    return _with_file_doubts(source)


def _is_ambiguous(column: DraftColumn) -> bool:
    return any(sentence.startswith("day and month") for _, sentence in column.doubts)


def _agreed(columns: list[DraftColumn]) -> list[DraftColumn]:
    """Lets a column in which no row decides between day and month follow its sure neighbours."""
    sure = {c.formats[0] for c in columns if len(c.formats) == 1 and not _is_ambiguous(c)}
    result = []
    for column in columns:
        if _is_ambiguous(column) and len(column.formats) == 1 and column.formats[0] in sure:
            note = f"{column.formats[0]} as in other columns of these files; no row of this one decides"
            result.append(column.with_note(note, doubts=((2, note),)))
        else:
            result.append(column)
    return result


def _plain(table: pa.Table) -> pa.Table:
    """The table without dictionary types and with one type of text, so that files of a source go together."""
    fields = []
    for found in table.schema:
        kind = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
        fields.append(pa.field(found.name, pa.string() if pa.types.is_large_string(kind) else kind))
    return table.cast(pa.schema(fields))


def _refuse_unlike(name: str, samples: tuple[FileSample, ...]) -> None:
    first, names = samples[0], set(samples[0].table.column_names)
    for sample in samples[1:]:
        for what in ("format", "delimiter", "compression"):
            one, other = getattr(first, what), getattr(sample, what)
            if one != other:
                raise DraftError(
                    f"{first.file.name} and {sample.file.name} seem to be one source, {name}, but their {what} differs "
                    f"({one!r} and {other!r}). Write both alike, or give them names of their own."
                )
        if not names & set(sample.table.column_names):
            raise DraftError(
                f"{first.file.name} and {sample.file.name} seem to be one source, {name}, but share no column. "
                "Give them names that differ by more than a number or a date."
            )


def _with_file_doubts(source: DraftSource) -> DraftSource:
    of_columns = [source.doubt(rank, c.name, words) for c in source.columns for rank, words in c.doubts]
    encoding = _encoding_doubts(source)
    doubts = [*of_columns, *encoding, *_missing_doubts(source)]
    said = [doubt.words for doubt in encoding if doubt.place.endswith(", encoding")]
    notes = source.notes | ({"encoding": said[0]} if said else {})
    return replace(source, doubts=tuple(doubts), notes=notes)


def _encoding_doubts(source: DraftSource) -> list[Doubt]:
    """Doubts about how files are written.

    Raises:
        DraftError: two files have letters in different encodings.
    """
    written = {s.encoding: s for s in source.samples if s.encoding != ASCII}
    if len(written) > 1:
        (one, first), (other, second), *_ = written.items()
        raise DraftError(
            f"{first.file.name} is {one} and {second.file.name} is {other}, but a source has one encoding. "
            "Write both in one."
        )
    doubts: list[Doubt] = []
    of_documents = source.group.origin is not None and source.group.origin.is_asked  # JSON is UTF-8
    if any(s.encoding == ASCII for s in source.samples) and not written and not of_documents:
        said = "ASCII so far; UTF-8 is assumed. If other letters may come, ask in which encoding"
        doubts = [source.doubt(3, "encoding", said)]
    if "cp1252" in written:
        sample = written["cp1252"]
        said = f"windows-1252, because {sample.notes[0]} in {sample.file.name}; look at letters with accents"
        doubts = [source.doubt(2, "encoding", said)]
    for sample in source.samples:
        others = (
            sample.notes[1:] if sample.encoding == "cp1252" else sample.notes
        )  # the first is about the encoding
        doubts += [source.doubt(2, sample.file.name, note) for note in others]
    return doubts


def _missing_doubts(source: DraftSource) -> list[Doubt]:
    doubts = []
    given = [(s.file.name, set(s.table.column_names)) for s in source.samples]
    for column in source.columns:
        without = [name for name, columns in given if column.physical not in columns]
        if without:
            said = f"missing in {len(without)} of {len(source.samples)} files, such as {without[0]}: renamed?"
            doubts.append(source.doubt(2, column.name, said))
    return doubts
