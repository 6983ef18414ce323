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

    def sentence(self, at: int, row: int) -> str:
        """Returns the reason that the value of a nameable feature is."""
        feature, told = self._speech.nameable[at], self._speech.told[at]
        if feature.sql is not None and math.isnan(self._columns[feature.name][row]):
            if not self._is_read_from_known(at, row):
                return f"{feature.words}: {UNKNOWN}"
            if told is not feature and feature.missing is not None:
                return feature.missing
        place = self._numeric.place.get(told.name)
        if place is None:
            return self._speech.words[at].say(self._columns[told.name][row])
        value, window = float(self._values.known[place, row]), self._numeric.window.get(told.name)
        if window is None:
            return self._speech.numbers[at].say(value, math.nan, math.nan)
        usual, change = self._values.usual[window, row], self._values.change[window, row]
        return self._speech.numbers[at].say(value, float(usual), float(change))

    def _is_read_from_known(self, at: int, row: int) -> bool:
        """Returns whether an expression reads only known values: else its result is unknown, too."""
        read = self._speech.read[at]
        of_row = {name: self._columns[name][row : row + 1] for name in read if name in self._columns}
        return bool(are_known(read, of_row, 1)[0])
