"""What features tell about: which of them say the same, and which one holds a customer's own history."""

import re
from collections.abc import Sequence
from dataclasses import replace

from churn_assets.contracts.feature import Feature

WITH_HISTORY = frozenset({"sum", "count"})
_OF_ITSELF = frozenset({"tenure", "days_to_expiry"})  # read no column


def with_topics(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Returns the features with `about` set where it is not declared.

    Features of a source are about the column, the value and the condition that they read, whatever the window. An
    expression is about what it speaks of, or about what it reads if that is one topic beside the tenure.
    """
    topics: dict[str, str] = {f.name: f.about or _topic(f) for f in features if f.sql is None}
    for feature in features:
        if feature.sql is not None:
            read = {topics[n] for n in re.findall(r"\w+", feature.sql) if n in topics and n != "tenure_days"}
            one = next(iter(read)) if len(read) == 1 else feature.name
            topics[feature.name] = feature.about or topics.get(feature.speaks_of or "", one)
    return tuple(replace(f, about=topics[f.name]) for f in features)


def _topic(feature: Feature) -> str:
    if feature.aggregate in _OF_ITSELF:
        return f"{feature.source} {feature.aggregate}"
    read = (feature.measure or feature.column or feature.category, feature.value, feature.where)
    return " ".join([str(feature.source), *(part for part in read if part)])


def longest_windows(features: Sequence[Feature]) -> dict[str, Feature]:
    """Returns name of a feature -> the feature that computes the same over the longest window in months.

    Features without a longer window are left out.
    """
    longest: dict[tuple[str | None, ...], Feature] = {}
    windowed = [f for f in features if f.aggregate in WITH_HISTORY]
    for feature in windowed:
        if feature.months and feature.months > (getattr(longest.get(_same(feature)), "months", 0) or 0):
            longest[_same(feature)] = feature
    found = {f.name: longest.get(_same(f)) for f in windowed}
    return {
        f.name: other
        for f in windowed
        if (other := found[f.name]) is not None and (f.days or (f.months or 0) < (other.months or 0))
    }


def _same(feature: Feature) -> tuple[str | None, ...]:
    return feature.source, feature.aggregate, feature.measure, feature.where
