"""The section `features` of churn.yaml: a line becomes one feature per window, each with its name and its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from churn_assets.contracts.expressions import wrong_expression
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.sources import Sources, check_where

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
DAY_WINDOWS = (7, 14)


class FeatureLine(BaseModel):
    """One line under `features` in churn.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = None
    aggregate: Aggregate | None = None
    measure: str | None = None
    column: str | None = None
    category: str | None = None
    value: str | None = None
    where: str | None = None
    months: list[int] = []
    days: list[Literal[7, 14]] = []
    name: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")
    sql: str | None = None
    driver: str = "other"
    words: str | None = None
    actionable: bool = False
    explainable: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.sql is not None:
            if self.source or self.aggregate or not self.name:
                raise ValueError("an expression has `name` and `sql`, and neither source nor aggregate")
            if self.actionable:
                raise ValueError("an expression is not actionable: what it is made of may be")
            self._reads_only("an expression")
            if self.months or self.days:
                raise ValueError("an expression has no windows: what it is made of has them")
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

    `actionable`: we can change it for a customer, so that asking "what if" makes sense. `explainable`: it may be said
    to a customer as a reason. `protected`: it is (allowed to be) a protected attribute, which no reason names.

    `months` or `days` is the window's length, both None where the aggregate has none; `count_ever` counts all there has
    been. A trend over m months is
    `(last - before) / (last + before)` of the measure in the last m months and the m months before, in [-1, 1]. It is
    null where both are 0, and where one is negative, as with more refunds than purchases.
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
    actionable: bool = False
    explainable: bool = True
    protected: bool = False

    @property
    def nameable(self) -> bool:
        """Whether a reason may name it."""
        return (self.actionable or self.explainable) and not self.protected

    @property
    def spark_type(self) -> str:
        """Type of the column in the snapshot table."""
        return "double" if self.kind == "number" else "string"


def _check_columns(line: FeatureLine, source: Source) -> None:
    available = {c.name: c for c in source.attributes}
    for role, name in (("measure", line.measure), ("column", line.column), ("category", line.category)):
        if name is None:
            continue
        if name not in available:
            raise ValueError(
                f"{role} {name} is not a usable column of {source.name}; it has {', '.join(available)}"
            )
        if (role == "measure" or line.aggregate == "change") and available[name].type not in NUMERIC:
            raise ValueError(f"{role} {name} of {source.name} is a {available[name].type}, not a number")
    if line.aggregate == "days_to_expiry" and (source.spell is None or source.spell.expires_on is None):
        raise ValueError(f"{source.name} declares no expiresOn")


def _name(line: FeatureLine) -> str:
    """Name without the window: source, own name or column, aggregate."""
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


def expand(line: FeatureLine, source: Source | None, observation_months: int) -> list[Feature]:
    """The features of one line, one per window.

    Raises:
        ValueError: an aggregate that the source's role does not know, a missing column, a window beyond W.
    """
    if source is None:
        name = str(line.name)
        return [
            Feature(
                name,
                "number",
                line.driver,
                line.words or name.replace("_", " "),
                sql=line.sql,
                explainable=line.explainable,
            )
        ]
    if line.aggregate not in BY_ROLE[source.role]:
        known = ", ".join(sorted(BY_ROLE[source.role]))
        raise ValueError(f"a source of role {source.role} has no aggregate {line.aggregate}; it has {known}")
    _check_columns(line, source)
    base = _name(line)
    words = line.words or base.replace("_", " ")
    kind: Literal["number", "category"] = "number"
    if line.aggregate == "attribute" and source.column(str(line.column)).type not in NUMERIC:
        kind = "category"

    def feature(name: str, words: str, months: int | None = None, days: int | None = None) -> Feature:
        return Feature(
            name,
            kind,
            line.driver,
            words,
            source.name,
            line.aggregate,
            line.measure,
            line.column,
            line.category,
            line.value,
            line.where,
            months,
            days,
            actionable=line.actionable,
            explainable=line.explainable,
        )

    if line.aggregate not in WINDOWED:
        return [feature(base, words)]
    reach = 2 if line.aggregate == "trend" else 1
    for months in line.months:
        if months < 1 or months * reach > observation_months:
            raise ValueError(
                f"a window of {months} months of a {line.aggregate} does not fit into {observation_months} months"
            )
    by_month = [
        feature(f"{base}_{m}m", f"{words}, last month" if m == 1 else f"{words}, last {m} months", months=m)
        for m in line.months
    ]
    return by_month + [feature(f"{base}_{d}d", f"{words}, last {d} days", days=d) for d in line.days]


def features_of(
    lines: Sequence[FeatureLine], place: Place, sources: Sources, labelled: Source, observation_months: int
) -> tuple[Feature, ...]:
    """The features of all lines, in their order.

    Args:
        lines: the section.
        place: of the section.
        sources: what the lines may read; of spells only `labelled`.
        labelled: the source of the label.
        observation_months: W, which no window exceeds.

    Raises:
        DeclarationError: a line reads what is not there, or two features have one name.
    """
    features: list[Feature] = []
    for position, line in enumerate(lines):
        here = place.at(position)
        source = sources.find(line.source, here.at("source")) if line.source else None
        if source is not None:
            if source.role == "spell" and source.name != labelled.name:
                here.refuse(
                    f"features of a spell come from the label source {labelled.name}, not from {source.name}."
                )
            check_where(line.where, source, here.at("where"))
        try:
            features += expand(line, source, observation_months)
        except ValueError as error:
            here.refuse(str(error))
    names = [f.name for f in features]
    for name in {n for n in names if names.count(n) > 1}:
        place.refuse(f"two features are called {name}.", "give one line a `name`.")
    _check_expressions(lines, place, features)
    return tuple(features)


def _check_expressions(lines: Sequence[FeatureLine], place: Place, features: Sequence[Feature]) -> None:
    """An expression reads the features of sources, wherever they stand, and expressions above it."""
    readable = ["tenure_days", *(f.name for f in features if f.sql is None)]
    for position, line in enumerate(lines):
        if line.sql is not None:
            if wrong := wrong_expression(line.sql, readable):
                place.at(position, "sql").refuse(wrong)
            readable.append(str(line.name))
