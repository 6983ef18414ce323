"""A feature: a line of the section `features` in churn.yaml, and the features that it declares, one per window."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from churn_assets.contracts.reason_template import for_window
from churn_assets.contracts.section import Name
from churn_assets.contracts.source import NUMERIC, Source

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

    source: str | None = Field(
        None,
        description="the name of the contract; of several spell sources only the one of the label has "
        "features",
    )
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
            "windows in whole months that end at as_of, at most W. A `trend` compares a window with "
            "the same number of months before it, so at most W / 2. `recency` and `change_recency` "
            "always look back over W"
        ),
    )
    days: list[Literal[7, 14]] = Field(
        [], description="windows of the last 7 or 14 days, for `sum`, `mean` and `count`"
    )
    name: Name | None = Field(
        None,
        description="replaces the column in the middle of the feature's name; for an expression, the whole "
        "name",
    )
    sql: str | None = Field(
        None, description="SQL expression over `tenure_days`, other features and expressions above it"
    )
    driver: str = Field("other", description="group of features, named in scores and segment rules")
    words: str | None = Field(None, description="the words for people; default: the name")
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
        description="the company can change it for a customer, so `churn-assets what-if` may vary it; not for"
        " expressions",
    )
    explainable: bool = Field(
        True, description="it may be given as a reason; `actionable` features always may"
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

    `says` is the template of a reason (see reason_template.py), `missing` the reason for a missing value; without them
    the reason uses `words`.

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
    kind = kind_of(line, source)

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


def kind_of(line: FeatureLine, source: Source) -> Literal["number", "category"]:
    """Returns what the values of a line's features are."""
    of_words = line.aggregate == "attribute" and source.column(str(line.column)).type not in NUMERIC
    return "category" if of_words else "number"


def _counted(number: int, unit: str) -> str:
    return unit if number == 1 else f"{number} {unit}s"
