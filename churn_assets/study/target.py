"""Converts the target column, in any of its usual spellings, to 0 and 1."""

import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.inference.numerals import is_blank
from churn_assets.study.errors import StudyError

# With fewer churners (or stayers) in the file, each of five folds has too few to measure anything.
MINIMUM_OF_EACH = 50
_POSITIVE = frozenset(
    {"1", "yes", "y", "true", "t", "ja", "j", "oui", "o", "si", "sí", "s", "sim"}
    | {"wahr", "vrai", "vero", "verdadero", "verdadeiro"}
    | {
        "churn",
        "churned",
        "left",
        "exited",
        "attrited",
        "attrited customer",
        "lost",
        "cancelled",
        "canceled",
        "gone",
        "inactive",
    }
)
_NEGATIVE = frozenset(
    {"0", "no", "n", "false", "f", "nein", "non", "não", "nao", "falsch", "faux", "falso"}
    | {
        "stay",
        "stayed",
        "retained",
        "active",
        "existing",
        "existing customer",
        "not churned",
        "kept",
        "-1",
        "loyal",
    }
)
BLANK = "(blank)"
# 1.00, 1,0 and +1 mean 1; `True.` means true.
_DECORATION = re.compile(r"^\+|[.,]0*$")


@dataclass(frozen=True)
class Target:
    """The target column as labels.

    Attributes:
        name: of the column.
        labels: 1 churned, 0 stayed, NaN unknown or left out; a value per row of the file.
        positive: spellings that count as churned.
        counts: spelling -> rows, the most frequent first; blank is `(blank)`.
        left_out: spellings that the user left out.
    """

    name: str
    labels: NDArray[np.float64]
    positive: tuple[str, ...]
    counts: dict[str, int]
    left_out: tuple[str, ...]

    @property
    def known(self) -> int:
        """Number of rows that churned or stayed."""
        return int(np.count_nonzero(~np.isnan(self.labels)))

    def words(self) -> str:
        """Returns which values count as churned, with the rows per value."""
        counted = ", ".join(f"{spelling} {rows:,}" for spelling, rows in list(self.counts.items())[:8])
        aside = f"; {', '.join(self.left_out)} left out" if self.left_out else ""
        return f"{self.churn()} is churn ({counted}{aside})"

    def churn(self) -> str:
        """Returns the values that count as churned, the first four by name if there are more (dates of leaving)."""
        more = f" or {len(self.positive) - 4:,} others" if len(self.positive) > 4 else ""
        return " or ".join(self.positive[:4]) + more


def understand_target(
    name: str,
    column: pa.ChunkedArray,
    positive: str | None = None,
    left_out: Sequence[str] = (),
    negative: str | None = None,
) -> Target:
    """Converts a target column to labels; spellings are compared without case and surrounding blanks.

    All spellings of a blank are one value. Its label is unknown unless `positive` or `negative` is "" or one of those
    spellings.

    Args:
        positive: the value that means churned; all others then mean stayed. Required if a spelling is not recognised.
        left_out: values of rows that are neither (joined in the meantime, still in trial).
        negative: the value that means stayed; all others then mean churned. With both, blanks and `left_out` are the
            only other values allowed.

    Raises:
        StudyError: constant; too few rows of one kind; a value of unknown meaning; `positive`, `negative` or `left_out`
            is not a value of the column; `positive` equals `negative`.
    """
    shown, codes = _encoded(column)
    folded = [spelling.casefold() for spelling in shown]
    counts: Counter[str] = Counter()
    for spelling, rows in zip(shown, np.bincount(codes, minlength=len(shown)), strict=True):
        counts[spelling] += int(rows)
    listed = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    known = ", ".join(f"{value} ({rows:,})" for value, rows in list(listed.items())[:8]) + (
        ", …" if len(listed) > 8 else ""
    )
    _refuse_absent(name, positive, negative, left_out, folded, known)
    yes, no = (None if value is None else _folded(value) for value in (positive, negative))
    aside = {_folded(value) for value in left_out}
    meaning = {spelling: _meaning(spelling, yes, no, aside) for spelling in folded}
    told = [
        spelling
        for spelling in meaning
        if (spelling not in aside and spelling != BLANK) or spelling in (yes, no)
    ]
    _refuse_unclear(name, {spelling: meaning[spelling] for spelling in told}, BLANK in listed, known)
    labels = np.array([meaning[spelling] for spelling in folded])[codes]
    _refuse_few(name, labels, known)
    return Target(
        name,
        labels,
        tuple(value for value in listed if meaning[value.casefold()] == 1),
        listed,
        tuple(value for value in listed if value.casefold() in aside),
    )


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Returns the different spellings, without blanks around them, and the position of each row's spelling in them."""
    encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(column)).combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return _shown(encoded.dictionary), encoded.indices.to_numpy(zero_copy_only=False)


def _refuse_absent(
    name: str,
    positive: str | None,
    negative: str | None,
    left_out: Sequence[str],
    folded: Container[str],
    known: str,
) -> None:
    """Raises StudyError if a value that the user names is not in the column, or is named as both kinds."""
    options = [
        (positive, "--positive"),
        (negative, "--negative"),
        *((value, "--leave-out") for value in left_out),
    ]
    for value, option in options:
        if value is not None and _folded(value) not in folded:
            raise StudyError(f"{option} {value}: the target {name} has no such value. It has: {known}.")
    if positive is not None and negative is not None and _folded(positive) == _folded(negative):
        raise StudyError(f"--positive and --negative name the same value of the target {name}, {positive}.")


def _refuse_few(name: str, labels: NDArray[np.float64], known: str) -> None:
    """Raises StudyError if too few rows churned or stayed."""
    churned, stayed = int((labels == 1).sum()), int((labels == 0).sum())
    for rows, kind in ((churned, "churned"), (stayed, "stayed")):
        if rows < MINIMUM_OF_EACH:
            raise StudyError(
                f"The target {name} has {rows:,} rows that {kind} among {churned + stayed:,}; a study needs at least "
                f"{MINIMUM_OF_EACH}. Bring more history, or check --positive. Values: {known}."
            )


def _shown(spellings: pa.Array) -> list[str]:
    """Returns the spellings with every blank replaced by BLANK."""
    shown: list[str] = pc.if_else(pa.array(is_blank(spellings)), BLANK, spellings).to_pylist()
    return shown


def _folded(value: str) -> str:
    """Returns a value named by the user, normalised like the values of the column."""
    return _shown(pa.array([value.strip()]))[0].casefold()


def _meaning(spelling: str, positive: str | None, negative: str | None, aside: Container[str]) -> float:
    if spelling in aside:
        return np.nan
    if spelling in (positive, negative):
        return float(spelling == positive)
    if spelling == BLANK or (positive is not None and negative is not None):
        return np.nan
    if positive is not None or negative is not None:
        return float(positive is None)
    plain = _DECORATION.sub("", spelling)
    if plain in _POSITIVE:
        return 1.0
    return 0.0 if plain in _NEGATIVE else np.nan


def _refuse_unclear(name: str, meaning: dict[str, float], blank: bool, known: str) -> None:
    """Raises StudyError unless `meaning` (value -> 1, 0, NaN if unknown) has both kinds and no unknown one."""
    for_blanks = (
        ' Where blank means that the customer stayed, say --negative ""; where it means left, --positive "".'
    )
    unclear = [spelling for spelling, value in meaning.items() if np.isnan(value)]
    if len(meaning) < 2 or (not unclear and len(set(meaning.values())) < 2):
        raise StudyError(
            f"The target {name} is constant{' but for blanks' if blank else ''} ({known}): there is nothing to tell "
            "apart. Name another column, or bring a file that holds both customers who left and customers who stayed."
            + (for_blanks if blank and meaning else "")
        )
    if unclear:
        raise StudyError(
            f"The target {name} has values whose meaning is not plain: {', '.join(unclear[:5])}. Say which one means "
            "churned by --positive VALUE (or stayed by --negative VALUE), and which rows are neither by --leave-out "
            f"VALUE. Values: {known}." + (for_blanks if blank else "")
        )
