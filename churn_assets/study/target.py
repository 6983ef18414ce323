"""The target column in any of its usual spellings as 0 and 1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.study.errors import StudyError
from churn_assets.study.numerals import is_blank

# Fewer churners (or stayers) in the whole file, and five folds hold too few each to measure anything.
MINIMUM_OF_EACH = 50
_POSITIVE = frozenset(
    {"1", "1.0", "yes", "y", "true", "t", "ja", "j", "oui", "o", "si", "sí", "s", "sim"}
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
    }
)
_NEGATIVE = frozenset(
    {"0", "0.0", "no", "n", "false", "f", "nein", "non", "não", "nao"}
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


@dataclass(frozen=True)
class Target:
    """The target, understood.

    Attributes:
        name: its column.
        labels: 1 churned, 0 stayed, NaN unknown or left out; a value per row of the file.
        positive: spellings that count as churned.
        counts: spelling -> rows, the most frequent first; blank is `(blank)`.
        left_out: spellings that the user set aside.
    """

    name: str
    labels: NDArray[np.float64]
    positive: tuple[str, ...]
    counts: dict[str, int]
    left_out: tuple[str, ...]

    @property
    def known(self) -> int:
        """Rows that churned or stayed."""
        return int(np.count_nonzero(~np.isnan(self.labels)))

    def words(self) -> str:
        """What was counted as what."""
        counted = ", ".join(f"{spelling} {rows:,}" for spelling, rows in list(self.counts.items())[:8])
        aside = f"; {', '.join(self.left_out)} left out" if self.left_out else ""
        return f"{' or '.join(self.positive)} is churn ({counted}{aside})"


def understand_target(
    name: str, column: pa.ChunkedArray, positive: str | None = None, left_out: Sequence[str] = ()
) -> Target:
    """Labels of a target column; spellings are compared without case and surrounding blanks.

    Args:
        positive: the value that means churned; needed where the spelling does not tell.
        left_out: values of rows that are neither (joined in the meantime, still in trial).

    Raises:
        StudyError: constant; too few of one kind; more than two values or unknown ones and no `positive`; `positive`
            or `left_out` is no value of the column.
    """
    trimmed = pc.utf8_trim_whitespace(column)
    encoded = pc.dictionary_encode(trimmed).combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    spellings = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    blank = is_blank(encoded.dictionary)
    counts = np.bincount(codes, minlength=len(spellings))
    order = sorted(range(len(spellings)), key=lambda at: (-counts[at], spellings[at]))
    listed = {("(blank)" if blank[at] else spellings[at]): int(counts[at]) for at in order}
    folded = [spelling.casefold() for spelling in spellings]
    known = ", ".join(f"{value} ({rows:,})" for value, rows in list(listed.items())[:8]) + (
        ", …" if len(listed) > 8 else ""
    )
    for value, option in [(positive, "--positive"), *((value, "--leave-out") for value in left_out)]:
        if value is not None and value.strip().casefold() not in folded:
            raise StudyError(f"{option} {value}: the target {name} has no such value. It has: {known}.")
    aside = {value.strip().casefold() for value in left_out}
    meaning = np.full(len(spellings), np.nan)
    for at, spelling in enumerate(folded):
        if spelling in aside or (blank[at] and (positive is None or spelling != positive.strip().casefold())):
            continue
        meaning[at] = _meaning(spelling, positive)
    told = [at for at in order if not (blank[at] or folded[at] in aside)]
    _refuse_unclear(name, [folded[at] for at in told], meaning[told], positive, known)
    labels = meaning[codes]
    churned, stayed = int((labels == 1).sum()), int((labels == 0).sum())
    for rows, kind in ((churned, "churned"), (stayed, "stayed")):
        if rows < MINIMUM_OF_EACH:
            raise StudyError(
                f"The target {name} has {rows:,} rows that {kind} among {churned + stayed:,}; a study needs at least "
                f"{MINIMUM_OF_EACH}. Bring more history, or check --positive. Values: {known}."
            )
    return Target(
        name,
        labels,
        tuple(spellings[at] for at in order if meaning[at] == 1),
        listed,
        tuple(spellings[at] for at in order if folded[at] in aside),
    )


def _meaning(spelling: str, positive: str | None) -> float:
    if positive is not None:
        return float(spelling == positive.strip().casefold())
    if spelling in _POSITIVE:
        return 1.0
    return 0.0 if spelling in _NEGATIVE else np.nan


def _refuse_unclear(
    name: str, spellings: list[str], meaning: NDArray[np.float64], positive: str | None, known: str
) -> None:
    if len(spellings) < 2:
        raise StudyError(
            f"The target {name} is constant ({known}): there is nothing to tell apart. Name another column, or bring a "
            "file that holds both customers who left and customers who stayed."
        )
    if np.isnan(meaning).any() and positive is None:
        unclear = [spelling for spelling, value in zip(spellings, meaning, strict=True) if np.isnan(value)]
        raise StudyError(
            f"The target {name} has values whose meaning is not plain: {', '.join(unclear[:5])}. Say which one means "
            f"churned by --positive VALUE, and which rows are neither by --leave-out VALUE. Values: {known}."
        )
