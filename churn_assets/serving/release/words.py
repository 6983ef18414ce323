"""The words of the features in a release: names, units, which we can change, and which values were observed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.what_if import Observed


def not_scored_now(day: str) -> str:
    """Why a customer has no current score, where the release holds some.

    Args:
        day: of the current scores, as the reader is told days.
    """
    return f"Not scored as of {day}: the customer left, gave notice, or cannot be scored yet."


@dataclass(frozen=True)
class FeatureWords:
    """A feature as readers of a release know it.

    Attributes:
        feature: as churn.yaml declares it.
        in_model: whether the model reads it.
        typical: median of what the model learned from; None for categories and what it does not read.
        observed: values that a what-if question may use; None where the feature is not actionable.
        unit: of a number, if it has one.
        meaning: what a value means, as a sentence.
    """

    feature: Feature
    in_model: bool
    typical: float | None
    observed: Observed | None
    unit: str | None
    meaning: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        seen = self.observed
        observed: dict[str, Any] | None = None
        if seen is not None:
            some = seen.low <= seen.high
            observed = {"values": list(seen.values), "low": None, "high": None}
            observed |= {"low": seen.low, "high": seen.high} if some else {}
        own = {"in_model": self.in_model, "typical": self.typical, "unit": self.unit, "meaning": self.meaning}
        return {"feature": asdict(self.feature), "observed": observed} | own

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "FeatureWords":
        """Inverse of `as_dict`."""
        seen, observed = stored["observed"], None
        if seen is not None:
            bounds = {} if seen["low"] is None else {"low": seen["low"], "high": seen["high"]}
            observed = Observed(tuple(seen["values"]), **bounds)
        own = {name: _as_tuples(value) for name, value in stored["feature"].items()}
        return cls(**{**stored, "feature": Feature(**own), "observed": observed})


def _as_tuples(value: Any) -> Any:
    """JSON knows lists only; the fields of a feature are tuples."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def ranges(words: Sequence[FeatureWords]) -> dict[str, Observed]:
    """Actionable feature -> values that a what-if question may use."""
    return {w.feature.name: w.observed for w in words if w.observed is not None}
