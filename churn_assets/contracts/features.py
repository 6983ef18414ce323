"""The section `features` of churn.yaml; each line declares one feature per window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from churn_assets.contracts.expressions import mistakes_in
from churn_assets.contracts.phrases import check_phrase, for_window
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.section import Name
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.sources import Sources, check_values
from churn_assets.contracts.validation import peek
from churn_assets.contracts.windows import Windows
from churn_assets.contracts.words import closest, listed

Aggregate = Literal[
    "sum",
    "mean",
    "count",
    "count_ever",
    "share",
    "trend",
    "recency",
    "tenure",
    "days_to_expiry",
    "attribute",
    "change",
    "change_recency",
]
WINDOWED = frozenset({"sum", "mean", "count", "share", "trend", "change"})
NEEDS: dict[str, tuple[str, ...]] = {
    "sum": ("measure",),
    "mean": ("measure",),
    "trend": ("measure",),
    "share": ("category", "value"),
    "attribute": ("column",),
    "change": ("column",),
    "change_recency": ("column",),
}
FILTERED = frozenset(
    {"sum", "mean", "count", "count_ever", "share", "trend", "recency"}
)  # may have a `where`
BY_ROLE: dict[str, frozenset[str]] = {
    "event": frozenset({"sum", "mean", "count", "count_ever", "share", "trend", "recency", "tenure"}),
    "treatment": frozenset({"sum", "mean", "count", "count_ever", "share", "trend", "recency"}),
    "spell": frozenset({"tenure", "days_to_expiry", "attribute", "change", "change_recency"}),
    "entity": frozenset({"attribute"}),
}
OBSERVED = frozenset({"recency", "change_recency"})  # look back over the whole observation window
COLUMNS = ("measure", "column", "category")  # keys that name a column


class FeatureLine(BaseModel):
    """One line under `features` in churn.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = Field(None, description="name of the contract; of spells only that of the label")
    aggregate: Aggregate | None = Field(
        None,
        description=(
            "events, treatments: `sum`, `mean`, `count`, `share`, `trend` (by window), `count_ever`, "
            "`recency`; events: `tenure`; spells: `tenure`, `days_to_expiry`, `attribute`, `change` "
            "(by window), `change_recency`; entities: `attribute`"
        ),
    )
    measure: str | None = Field(None, description="the numeric column that `sum`, `mean` and `trend` read")
    column: str | None = Field(
        None, description="the column that `attribute`, `change` (a number) and `change_recency` read"
    )
    category: str | None = Field(None, description="for `share`: the column whose `value` is counted")
    value: str | None = Field(None, description="for `share`: the value")
    where: str | None = Field(
        None, description="SQL condition on the rows of events or treatments that count"
    )
    months: list[int] = Field(
        [],
        description=(
            "windows in whole months that end at as_of; within W, for `trend` within half of W, as it"
            " compares with as many months before; `recency` and `change_recency` look back over W"
        ),
    )
    days: list[Literal[7, 14]] = Field(
        [], description="windows of the last 7 or 14 days, for `sum`, `mean` and `count`"
    )
    name: Name | None = Field(
        None,
        description="the middle of the feature's name instead of the column; of an expression its whole name",
    )
    sql: str | None = Field(
        None, description="SQL expression over `tenure_days`, other features and expressions above it"
    )
    driver: str = Field("other", description="group of features, named in scores and segment rules")
    words: str | None = Field(None, description="what a person reads; without it the name")
    says: str | None = Field(
        None,
        description=(
            'a reason in words, such as `"{value} support ticket{s} {window} (typical {typical})"`: '
            "`{value}`, `{typical}` (the median of what was learned from), both also as `{value:%}` "
            "(a share as a percentage) and `{value:+}` (with its sign), `{s}` (nothing after 1, else "
            "`s`), `{window}` (`in the last 3 months`); of a trend `{value}` is `up 20 %` or `down 20"
            " %`. Without it the reason is `words: value (typical ...)`"
        ),
    )
    missing: str | None = Field(
        None,
        description=(
            "a reason in words where there is no value, with `{window}`; declare it only where a "
            "missing value always means this. Without it `words: unknown`"
        ),
    )
    actionable: bool = Field(
        False,
        description="you can change it for a customer, so `churn-assets what-if` may ask; not for expressions",
    )
    explainable: bool = Field(
        True, description="it may be said to a customer as a reason; what is `actionable` always may"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.sql is not None:
            if self.source or self.aggregate or not self.name:
                raise ValueError("an expression has `name` and `sql`, and neither source nor aggregate")
            if self.actionable:
                raise ValueError("an expression is not actionable: what it is made of may be")
            self._reads_only("an expression")
            if self.months or self.days:
                raise ValueError("an expression has no windows: the features that it reads have them")
            return self
        if not self.source or not self.aggregate:
            raise ValueError("needs `source` and `aggregate`, or `name` and `sql`")
        needs = NEEDS.get(self.aggregate, ())
        for key in needs:
            if getattr(self, key) is None:
                raise ValueError(f"the aggregate {self.aggregate} needs `{key}`")
        self._reads_only(
            f"the aggregate {self.aggregate}", *needs, *(["where"] if self.aggregate in FILTERED else [])
        )
        if (self.aggregate in WINDOWED) != bool(self.months or self.days):
            raise ValueError(
                f"the aggregate {self.aggregate} {'needs' if self.aggregate in WINDOWED else 'has no'} windows"
            )
        windowed = self.months or self.days or self.aggregate in OBSERVED
        if not windowed and "{window}" in f"{self.says} {self.missing}":
            raise ValueError("{window} needs a line with windows; this line has none")
        if self.days and self.aggregate not in ("sum", "count", "mean"):
            raise ValueError("windows in days are for sum, mean and count")
        for key, windows in (("months", self.months), ("days", self.days)):
            if len(set(windows)) < len(windows):
                raise ValueError(f"a window stands twice in `{key}`: {windows}; remove one")
        return self

    def _reads_only(self, who: str, *keys: str) -> None:
        for key in ("measure", "column", "category", "value", "where"):
            if key not in keys and getattr(self, key) is not None:
                raise ValueError(
                    f"{who} does not read `{key}`; take it out, or choose an aggregate that does"
                )


@dataclass(frozen=True)
class Feature:
    """One column of features/customer_snapshots.

    `actionable`: the business can change it for a customer, so `what-if` accepts it. `explainable`: it may be given to
    a customer as a reason. `protected`: it reads a protected attribute, so no reason names it.

    `says` is the template of a reason (see phrases.py), `missing` the reason for a missing value; without them the
    reason uses `words`.

    `months` or `days` is the length of the window: of `recency` and `change_recency` the whole observation window. Both
    are None if the aggregate has no window: the state of a spell or an entity, `tenure`, and `count_ever`, which counts
    all rows up to as_of. A trend over m months is `(last - before) / (last + before)` of the measure in the last m
    months and the m months before, in [-1, 1]. It is null if both are 0, if one is negative (more refunds than
    purchases), and for customers who came after the earlier window began.
    """

    name: str
    kind: Literal["number", "category"]
    driver: str
    words: str
    source: str | None = None
    aggregate: Aggregate | None = None
    measure: str | None = None
    column: str | None = None
    category: str | None = None
    value: str | None = None
    where: str | None = None
    months: int | None = None
    days: int | None = None
    sql: str | None = None
    says: str | None = None
    missing: str | None = None
    actionable: bool = False
    explainable: bool = True
    protected: bool = False

    @property
    def nameable(self) -> bool:
        """Whether a reason may name the feature."""
        return (self.actionable or self.explainable) and not self.protected

    @property
    def spark_type(self) -> str:
        """Type of the column in the snapshot table."""
        return "double" if self.kind == "number" else "string"


def _name(line: FeatureLine) -> str:
    """Returns the name without the window: source, own name or column, aggregate."""
    if line.aggregate == "tenure":
        return "tenure_days"
    parts: list[str | None] = [line.source, line.name or line.measure or line.column]
    if line.aggregate == "share":
        parts = [line.source, line.name or f"{line.category}_{line.value}"]
    if line.aggregate in ("recency", "days_to_expiry", "change_recency"):
        suffix = line.aggregate if line.aggregate == "days_to_expiry" else f"{line.aggregate}_days"
        return "_".join(str(p) for p in [*parts, suffix] if p)
    if line.aggregate != "attribute":
        parts.append(line.aggregate)
    return "_".join(str(p) for p in parts if p)


def names_of(line: FeatureLine) -> list[str]:
    """Returns the names of a line's features, one per window."""
    if line.sql is not None:
        return [str(line.name)]
    base = _name(line)
    windows = [*(f"{m}m" for m in line.months), *(f"{d}d" for d in line.days)]
    return [f"{base}_{window}" for window in windows] or [base]


def expand(line: FeatureLine, source: Source | None, observation_months: int) -> list[Feature]:
    """Returns the features of one line, one per window; `source` is None for an expression."""
    if source is None:
        name = str(line.name)
        return [
            Feature(
                name,
                "number",
                line.driver,
                line.words or name.replace("_", " "),
                sql=line.sql,
                says=line.says,
                missing=line.missing,
                explainable=line.explainable,
            )
        ]
    base = _name(line)
    words = line.words or base.replace("_", " ")
    kind = _kind(line, source)

    def feature(months: int | None = None, days: int | None = None) -> Feature:
        length = f"{months}m" if months else f"{days}d" if days else None
        if line.aggregate in OBSERVED:
            months = observation_months
        last = f"last {_counted(months, 'month') if months else _counted(days or 0, 'day')}"
        return Feature(
            f"{base}_{length}" if length else base,
            kind,
            line.driver,
            f"{words}, {last}" if length else words,
            source.name,
            line.aggregate,
            line.measure,
            line.column,
            line.category,
            line.value,
            line.where,
            months,
            days,
            says=for_window(line.says, f"in the {last}"),
            missing=for_window(line.missing, f"in the {last}"),
            actionable=line.actionable,
            explainable=line.explainable,
        )

    if line.aggregate not in WINDOWED:
        return [feature()]
    return [feature(months=m) for m in line.months] + [feature(days=d) for d in line.days]


def _kind(line: FeatureLine, source: Source) -> Literal["number", "category"]:
    of_words = line.aggregate == "attribute" and source.column(str(line.column)).type not in NUMERIC
    return "category" if of_words else "number"


def _counted(number: int, unit: str) -> str:
    return unit if number == 1 else f"{number} {unit}s"


@dataclass(frozen=True)
class Features:
    """The features of all readable lines.

    `names` and `drivers` are what segments may refer to; they include those of lines that could not be read.
    """

    all: tuple[Feature, ...]
    names: Names
    drivers: Names


@dataclass(frozen=True)
class _ReadLine:
    """A line with misspelt names corrected, and its source if that could be read.

    `sure` is false if the names of its features are uncertain: they contain the name of an unknown source or column.
    """

    place: Place
    line: FeatureLine
    source: Source | None
    sure: bool


def read_features(
    place: Place, sources: Sources, labelled: Source | None, windows: Windows | None
) -> Features:
    """Checks each line of the section and returns the features in the same order.

    Args:
        place: of the section.
        sources: the sources that lines may read; of the spell sources only `labelled`.
        labelled: the source of the label; None if it could not be read.
        windows: contains W, the longest window of a feature; None if it could not be read.
    """
    lines = [read for item in place.items() if (read := _read_line(item, sources)) is not None]
    features: list[Feature] = []
    unread: list[str] = []
    for read in lines:
        _check_windows(read, windows)
        if not (read.line.sql or _is_readable(read, sources, labelled)):
            unread += names_of(read.line)
            continue
        _check_says(read)
        for feature in expand(read.line, read.source, (windows or Windows()).observation_months):
            if feature.name in {f.name for f in features}:
                read.place.refuse(f"two features are called {feature.name}", "give one line a `name`")
            features.append(feature)
    names = tuple(dict.fromkeys([*(f.name for f in features), *unread]))
    complete = 0 < len(lines) == len(list(place.items())) and all(read.sure for read in lines)
    _check_expressions(lines, complete)
    return Features(tuple(features), Names(names, complete), _drivers(place))


def _read_line(place: Place, sources: Sources) -> _ReadLine | None:
    line = peek(FeatureLine, place)
    if line is None:
        return None
    if line.source is None:
        return _ReadLine(place, line, None, sure=True)
    source = sources.find(line.source, place.at("source"))
    if source is None:
        return _ReadLine(place, line, None, sure=line.source in sources.names.known)
    meant: dict[str, str | None] = {"source": source.name}
    for key in COLUMNS:
        if (name := getattr(line, key)) is not None:
            meant[key] = sources.attribute_name(source, name, place.at(key))
    if line.value is not None and (column := source.attribute(meant["category"])) is not None:
        meant["value"] = check_values(column, [line.value], place.at("value"))[0]
    known = {key: name for key, name in meant.items() if name is not None}
    return _ReadLine(place, line.model_copy(update=known), source, sure=known == meant)


def _check_windows(read: _ReadLine, windows: Windows | None) -> None:
    line, reach = read.line, 2 if read.line.aggregate == "trend" else 1
    for position, months in enumerate(line.months if windows else []):
        if windows and not 1 <= months * reach <= windows.observation_months:
            read.place.at("months", position).refuse(
                f"a window of {months} months of a {line.aggregate} does not fit into "
                f"{windows.observation_months} months"
            )


def _check_says(read: _ReadLine) -> None:
    """Reports a `says` with placeholders or formats that the feature does not have."""
    line = read.line
    if line.says is None:
        return
    of_words = read.source is not None and (
        line.aggregate == "trend" or _kind(line, read.source) == "category"
    )
    try:
        check_phrase(line.says, of_words)
    except ValueError as error:
        read.place.at("says").refuse(str(error))


def _is_readable(read: _ReadLine, sources: Sources, labelled: Source | None) -> bool:
    """Returns whether the source has the aggregate and columns that the line reads; reports what does not fit."""
    line, source, place = read.line, read.source, read.place
    if source is None:
        return False
    if line.aggregate not in BY_ROLE[source.role]:
        known = sorted(BY_ROLE[source.role])
        place.at("aggregate").refuse(
            f"a source of role {source.role} has no aggregate {line.aggregate}",
            f"use one of {listed(known)}",
            closest(line.aggregate, known),
        )
        return False
    if source.role == "spell" and labelled is not None and source.name != labelled.name:
        place.at("source").refuse(
            f"features of a spell come from the label source {labelled.name}, not from {source.name}"
        )
    if line.aggregate == "days_to_expiry" and source.spell and source.spell.expires_on is None:
        place.at("aggregate").refuse(
            f"{source.name} declares no spell.expiresOn", "declare it in the contract"
        )
    sources.check_where(line.where, source, place.at("where"))
    columns = {key: source.attribute(name) for key in COLUMNS if (name := getattr(line, key)) is not None}
    for key, column in columns.items():
        if column and (key == "measure" or line.aggregate == "change") and column.type not in NUMERIC:
            place.at(key).refuse(f"{column.name} of {source.name} is of type {column.type}, not a number")
    return None not in columns.values()


def _check_expressions(lines: Sequence[_ReadLine], complete: bool) -> None:
    """Checks what the expressions read.

    An expression may read every feature of a source, also from a line below it, but only expressions above it.
    """
    readable = ["tenure_days", *(n for read in lines if not read.line.sql for n in names_of(read.line))]
    for read in lines:
        if read.line.sql is not None:
            here = read.place.at("sql")
            for wrong in mistakes_in(read.line.sql, readable if complete else None):
                if not here.is_settled:
                    here.refuse(*wrong)
            readable.append(str(read.line.name))


def _drivers(place: Place) -> Names:
    """Returns the drivers of all lines, including lines that could not be read."""
    default = FeatureLine.model_fields["driver"].default
    items = list(place.items())
    found = [item.at("driver").content(default if peek(FeatureLine, item) else None) for item in items]
    known = tuple(dict.fromkeys(driver for driver in found if isinstance(driver, str)))
    return Names(known, bool(found) and all(isinstance(driver, str) for driver in found))
