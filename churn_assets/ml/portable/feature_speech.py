"""The values of the features of some rows as reasons: what is said of each, and which of them are none."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.expressions import names_read
from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.sentences import UNKNOWN, NumberSentences, WordSentences
from churn_assets.ml.portable.told import NumericFeatures, Told, are_known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]


class FeatureSpeech:
    """Speaks of the features of one model that may be named. What depends on them alone is prepared once.

    Attributes:
        nameable: these features.
        told: for each of them the feature whose value is told: another one if it speaks of that.
        numbers, words: for each of them what is said of a number, and of a word.
        read: for each of them the features that its expression reads.
        expressions: positions of those that are expressions.
        chosen: those of which only some words are reasons, each with its position in `nameable`.
    """

    def __init__(self, features: Sequence[Feature], typical: Mapping[str, float]) -> None:
        """Prepares the sentences.

        Args:
            features: those that may be reasons, and those they speak of.
            typical: feature -> median of what was learned from.
        """
        by_name = {f.name: f for f in features}
        self.nameable = [f for f in features if f.nameable]
        self.told = [by_name.get(f.speaks_of or "", f) for f in self.nameable]
        self.numbers = [NumberSentences(f, typical.get(f.name)) for f in self.told]
        self.words = [WordSentences(f) for f in self.told]
        self.read = [names_read(f.sql or "") for f in self.nameable]
        self.expressions = {at for at, f in enumerate(self.nameable) if f.sql is not None}
        self.chosen = [(at, f) for at, f in enumerate(self.nameable) if f.reason_values]
        self._features, self._typical = features, typical
        self._number_names = [f.name for f in features if f.kind == "number"]
        self._numeric: dict[tuple[str, ...], NumericFeatures] = {}

    def of(self, columns: "Columns", rows: int) -> "Spoken":
        """Speaks of some rows.

        Args:
            columns: feature -> values, numbers with NaN, words with None.
            rows: their number.
        """
        # a number that a frame holds as objects is told in words
        names = tuple([name for name in self._number_names if columns[name].dtype.kind in "biuf"])
        if names not in self._numeric:
            self._numeric[names] = NumericFeatures(names, self._features, self._typical)
        return Spoken(self, self._numeric[names], columns, rows)


class Spoken:
    """The values of some rows."""

    def __init__(
        self, speech: FeatureSpeech, numeric: NumericFeatures, columns: "Columns", rows: int
    ) -> None:
        self._speech, self._numeric, self._columns, self._rows = speech, numeric, columns, rows
        self._values: Told = numeric.told(columns, rows)

    def silent(self) -> "NDArray[np.bool_]":
        """(nameable features, rows): values that are no reason."""
        import numpy as np

        of_numbers = self._numeric.silent(self._values, self._columns)
        found = np.zeros((len(self._speech.nameable), self._rows), dtype=bool)
        found[self._numeric.nameable_at] = of_numbers[self._numeric.nameable_from]
        for place, feature in self._speech.chosen:
            if feature.name not in self._numeric.place:
                found[place] = [
                    feature.missing is None if value is None else str(value) not in feature.reason_values
                    for value in self._columns[feature.name].tolist()
                ]
        return found

    def sentences(self, at: "NDArray[np.intp]", rows: "NDArray[np.intp]") -> list[str]:
        """Returns the reasons that values are: of these nameable features, each in one of these rows."""
        values, of_values, window = self._values, self._numeric.told_from[at], self._numeric.usual_from[at]
        told = zip(
            at.tolist(),
            rows.tolist(),
            of_values.tolist(),
            values.known[of_values, rows].tolist(),
            values.usual[window, rows].tolist(),
            values.change[window, rows].tolist(),
            strict=True,
        )
        numbers, expressions = self._speech.numbers, self._speech.expressions
        return [
            (feature in expressions and self._of_unknown(feature, row))
            or (numbers[feature].say(value, usual, change) if place >= 0 else self._word(feature, row))
            for feature, row, place, value, usual, change in told
        ]

    def sentence(self, at: int, row: int) -> str:
        """Returns `sentences` of one value."""
        import numpy as np

        return self.sentences(np.array([at]), np.array([row]))[0]

    def _word(self, at: int, row: int) -> str:
        return self._speech.words[at].say(self._columns[self._speech.told[at].name][row])

    def _of_unknown(self, at: int, row: int) -> str | None:
        """Returns what is said of an expression without a value, in place of the value that it tells."""
        feature = self._speech.nameable[at]
        if not math.isnan(self._columns[feature.name][row]):
            return None
        if not self._is_read_from_known(at, row):
            return f"{feature.words}: {UNKNOWN}"
        return None if self._speech.told[at] is feature else feature.missing

    def _is_read_from_known(self, at: int, row: int) -> bool:
        """Returns whether an expression reads only known values: else its result is unknown, too."""
        read = self._speech.read[at]
        of_row = {name: self._columns[name][row : row + 1] for name in read if name in self._columns}
        return bool(are_known(read, of_row, 1)[0])
