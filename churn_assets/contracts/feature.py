"""A feature: a line of the section `features` in churn.yaml, and the features that it declares, one per window."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from churn_assets.contracts.default_phrases import default_missing, default_texts
from churn_assets.contracts.phrases import Says, Texts, filled
from churn_assets.contracts.section import Name
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.units import PERCENT

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
IN_DAYS = frozenset({"recency", "tenure", "days_to_expiry", "change_recency"})
CURRENCY = "currency"  # stands for that of churn.yaml in a unit
WEEKS = {7: "week", 14: "2 weeks"}
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
    unit: str | None = Field(
        None,
        description=(
            "the unit of the values, for people: `MB`, `minutes`, `days`, `%` of a share, `currency` for that of "
            "churn.yaml; default: the unit of the column in its contract, `days` or `%` where the aggregate tells"
        ),
    )
    says: Says = None
    missing: str | None = Field(
        None,
        description=(
            "a reason in words where there is no value, with `{window}`; declare it only where a missing value "
            "always means this. Without it the reason says that the value is unknown, or that nothing happened "
            "where the aggregate leaves no doubt"
        ),
    )
    speaks_of: str | None = Field(
        None,
        description=(
            "of an expression: the feature whose value the reason tells instead, where it differs from what is "
            "usual for the customer"
        ),
    )
    reason_when: Literal["higher", "lower"] | None = Field(
        None,
        description=(
            "`higher` or `lower`: only values above or below the typical one are reasons (of a `trend` or a "
            "`change` only rises or falls; where a text compares with what is usual for the customer, above or below "
            "that). Set it where other values would read as good news. A missing value is then a reason only with "
            "`missing`"
        ),
    )
    reason_values: list[str] = Field(
        [], description="of words: only these values are reasons; otherwise as `reason_when`"
    )
    about: str | None = Field(
        None,
        description=(
            "what a reason is about; of features about the same only the strongest is a reason. Default: the column "
            "and the condition that it reads"
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
        texts = " ".join([*(text for _, text in self.texts), self.missing or ""])
        for place in ("{window}", "{span}", "{before}"):
            if not windowed and place in texts:
                raise ValueError(f"{place} needs a line with windows; this line has none")
        if self.speaks_of:
            raise ValueError("only an expression may speak of another feature: `speaks_of` needs `sql`")
        if self.days and self.aggregate not in ("sum", "count", "mean"):
            raise ValueError("windows in days are for sum, mean and count")
        for key, windows in (("months", self.months), ("days", self.days)):
            if len(set(windows)) < len(windows):
                raise ValueError(f"a window stands twice in `{key}`: {windows}; remove one")
        return self

    @property
    def texts(self) -> Texts:
        """The declared texts of reasons, by key."""
        return self.says.texts() if self.says else ()

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

    `says` contains the texts of reasons (see phrases.py) and `missing` the one for a missing value, with the window
    filled in. Features with the same `about` tell the same, so only one of them is a reason. See `FeatureLine` for
    `unit`, `speaks_of`, `reason_when` and `reason_values`.

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
    unit: str | None = None
    says: Texts = ()
    missing: str | None = None
    speaks_of: str | None = None
    reason_when: Literal["higher", "lower"] | None = None
    reason_values: tuple[str, ...] = ()
    about: str | None = None
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


def expand(
    line: FeatureLine, source: Source | None, observation_months: int, currency: str = "EUR"
) -> list[Feature]:
    """Returns the features of one line, one per window; `source` is None for an expression."""
    base = str(line.name) if source is None else _name(line)
    words = line.words or base.replace("_", " ")
    unit, kind = _unit(line, source, currency), "number" if source is None else kind_of(line, source)
    texts = dict(line.texts)
    if "text" not in texts:
        texts = default_texts(line.aggregate, words, unit, kind == "category") | texts
    silent = (
        line.speaks_of or line.reason_when or line.reason_values
    )  # then a missing value is no reason unless its text is declared
    missing = line.missing or (None if silent else default_missing(line.aggregate, words, unit))

    def feature(months: int | None = None, days: int | None = None) -> Feature:
        length = f"{months}m" if months else f"{days}d" if days else None
        if line.aggregate in OBSERVED:
            months = observation_months
        span = _counted(months, "month") if months else _counted(days or 0, "day")
        last = f"the last {WEEKS.get(days or 0, span)}"
        places = {"window": f"in {last}", "span": last, "before": f"the {span} before"}
        return Feature(
            name=f"{base}_{length}" if length else base,
            kind=kind,
            driver=line.driver,
            words=f"{words}, last {span}" if length else words,
            source=source.name if source else None,
            aggregate=line.aggregate,
            measure=line.measure,
            column=line.column,
            category=line.category,
            value=line.value,
            where=line.where,
            months=months,
            days=days,
            sql=line.sql,
            unit=unit,
            says=tuple((key, filled(text, **places)) for key, text in texts.items()),
            missing=filled(missing, **places) if missing else None,
            speaks_of=line.speaks_of,
            reason_when=line.reason_when,
            reason_values=tuple(line.reason_values),
            about=line.about,
            actionable=line.actionable,
            explainable=line.explainable,
        )

    if line.aggregate not in WINDOWED:
        return [feature()]
    return [feature(months=m) for m in line.months] + [feature(days=d) for d in line.days]


def _unit(line: FeatureLine, source: Source | None, currency: str) -> str | None:
    """Returns the unit of the values: as declared, else of the aggregate or the column; None if there is none."""
    if line.unit is not None:
        return line.unit.replace(CURRENCY, currency)
    if line.aggregate in IN_DAYS:
        return "days"
    if line.aggregate == "share":
        return PERCENT
    column = source.attribute(line.measure or line.column) if source else None
    return column.unit if column and line.aggregate not in ("count", "count_ever", "trend") else None


def kind_of(line: FeatureLine, source: Source) -> Literal["number", "category"]:
    """Returns what the values of a line's features are."""
    of_words = line.aggregate == "attribute" and source.column(str(line.column)).type not in NUMERIC
    return "category" if of_words else "number"


def _counted(number: int, unit: str) -> str:
    return unit if number == 1 else f"{number} {unit}s"
