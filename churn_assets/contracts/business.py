"""churn.yaml as a whole: what a business calls churn, which features it looks at, how it trains and what it does."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from churn_assets.contracts.economics import Economics
from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.expressions import wrong_expression
from churn_assets.contracts.features import NUMERIC, Feature, FeatureLine, expand
from churn_assets.contracts.outcome import Eligibility, LabelRule, Windows
from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.contracts.section import Month, Section
from churn_assets.contracts.segments import Segments
from churn_assets.contracts.source import Source
from churn_assets.contracts.training import Monitoring, Retraining, Training
from churn_assets.months import add_months, month_end


class Calendar(Section):
    """First and, for a history that has ended or will end, last month of the business."""

    start: Month
    end: Month | None = None

    @field_validator("start", "end", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return None if value is None else str(value)[:7]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"the calendar ends ({self.end}) before it starts ({self.start})")
        return self

    def over(self, today: date) -> bool:
        """Whether the last month has ended before `today`; its own last day still belongs to it."""
        return self.end is not None and month_end(self.end) < today


class MonthColumn(Section):
    """One column of gold/customer_months."""

    name: str
    source: str
    aggregate: Literal["sum", "count"]
    measure: str | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if (self.aggregate == "sum") != (self.measure is not None):
            raise ValueError(f"{self.name}: a sum needs a measure, a count has none")
        return self


class BusinessFile(Section):
    """churn.yaml as written."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    owner: str = "team:retention"
    calendar: Calendar
    windows: Windows = Windows()
    label: LabelRule
    eligibility: Eligibility = Eligibility()
    features: list[FeatureLine] = Field(min_length=1)
    protected: list[ProtectedAttribute] = Field([])
    customer_months: list[MonthColumn] = Field([])
    training: Training
    retraining: Retraining = Retraining()
    monitoring: Monitoring = Monitoring()
    economics: Economics = Economics()
    segments: Segments

    def with_sources(self, sources: tuple[Source, ...], file: Path) -> "Business":
        """The business with its sources, after checking every name that churn.yaml uses.

        Raises:
            DeclarationError: a source, column, driver or feature that does not exist.
        """
        by_name = {s.name: s for s in sources}
        months = self.windows.observation_months
        if self.calendar.end and add_months(self.calendar.start, months - 1) > self.calendar.end:
            raise DeclarationError(
                file,
                "calendar",
                f"it holds no full observation window of {months} months.",
                "lengthen it or shorten the window.",
            )

        def source_of(path: str, name: str) -> Source:
            if name not in by_name:
                raise DeclarationError(
                    file, path, f"there is no source {name}.", f"use one of {', '.join(by_name)}."
                )
            return by_name[name]

        labelled = source_of("label.source", self.label.source)
        wanted = ("event", "treatment") if self.label.policy == "inactivity" else ("spell",)
        if labelled.role not in wanted:
            raise DeclarationError(
                file,
                "label",
                f"policy {self.label.policy} cannot read a source of role {labelled.role}.",
                f"needs {wanted}.",
            )
        if self.eligibility.active_within_days is not None and self.label.policy != "inactivity":
            raise DeclarationError(
                file,
                "eligibility.active_within_days",
                f"under the policy {self.label.policy} a customer is active as long as a spell runs.",
                "remove it.",
            )
        if self.label.policy == "lapse" and labelled.spell and labelled.spell.expires_on is None:
            raise DeclarationError(file, "label", "policy lapse needs spell.expiresOn in the contract.")
        if self.label.policy != "inactivity" and self.label.pause_days > self.windows.settlement_days:
            raise DeclarationError(
                file,
                "label.renewal_days",
                "a renewal may come after the label is settled.",
                f"raise windows.settlement_days to {self.label.pause_days} or more.",
            )
        for position, attribute in enumerate(self.protected):
            path = f"protected[{position}]"
            if problem := attribute.problem(source_of(path, attribute.source)):
                raise DeclarationError(file, path, *problem)
        features: list[Feature] = []
        for position, line in enumerate(self.features):
            path = f"features[{position}]"
            source = source_of(f"{path}.source", line.source) if line.source else None
            if source is not None and source.role == "spell" and source.name != labelled.name:
                raise DeclarationError(
                    file,
                    path,
                    f"features of a spell come from the label source {labelled.name}, not from {source.name}.",
                )
            read = [attribute for attribute in self.protected if attribute.is_read_by(line)]
            for attribute in read:
                if not attribute.allowed_as_feature:
                    raise DeclarationError(
                        file,
                        path,
                        f"{attribute.column} of {attribute.source} is protected, so no model may learn from it.",
                        "take the feature out, or set `allowed_as_feature: true` under protected if you may use it.",
                    )
            _check_where(line.where, source, file, path)
            try:
                expanded = expand(line, source, self.windows.observation_months)
                features += [replace(f, protected=True) for f in expanded] if read else expanded
            except (ValueError, KeyError) as error:
                raise DeclarationError(file, path, str(error).strip("'\"")) from error
        names = [f.name for f in features]
        for name in {n for n in names if names.count(n) > 1}:
            raise DeclarationError(
                file, "features", f"two features are called {name}.", "give one line a `name`."
            )
        readable = ["tenure_days", *(f.name for f in features if f.sql is None)]
        for position, line in enumerate(self.features):
            if line.sql is not None:
                if wrong := wrong_expression(line.sql, readable):
                    raise DeclarationError(file, f"features[{position}].sql", wrong)
                readable.append(str(line.name))
        worth = next((f for f in features if f.name == self.segments.value.feature), None)
        if worth is None:
            raise DeclarationError(
                file,
                "segments.value.feature",
                f"there is no feature {self.segments.value.feature}.",
                "declare it under features.",
            )
        if worth.kind != "number":
            raise DeclarationError(
                file,
                "segments.value.feature",
                f"{worth.name} is a category, which has no tiers.",
                "name a feature that is a number.",
            )
        for position, treated in enumerate(self.monitoring.treated):
            path = f"monitoring.treated[{position}]"
            source = source_of(path, treated.source)
            if source.event_time is None:
                raise DeclarationError(file, path, f"{source.name} has no event time: no treatment.")
            if treated.column and treated.column not in {c.name for c in source.attributes}:
                raise DeclarationError(file, path, f"{source.name} has no column {treated.column}.")
        drivers = {f.driver for f in features}
        for position, rule in enumerate(self.segments.rules):
            for driver in rule.when.driver or []:
                if driver not in drivers:
                    raise DeclarationError(
                        file,
                        f"segments.rules[{position}]",
                        f"no feature has the driver {driver}.",
                        f"use one of {sorted(drivers)}.",
                    )
        for position, column in enumerate(self.customer_months):
            path = f"customer_months[{position}]"
            if column.name in ("customer_key", "month", "as_of_index"):
                raise DeclarationError(
                    file, path, f"{column.name} is a column of the table itself.", "choose another name."
                )
            if column.name in {c.name for c in self.customer_months[:position]}:
                raise DeclarationError(file, path, f"two columns are called {column.name}.", "rename one.")
            source = source_of(path, column.source)
            if source.event_time is None:
                raise DeclarationError(file, path, f"{source.name} has no event time to put into a month.")
            _check_where(column.where, source, file, path)
            if column.measure and column.measure not in {c.name for c in source.attributes}:
                raise DeclarationError(file, path, f"{source.name} has no column {column.measure}.")
            if column.measure and source.column(column.measure).type not in NUMERIC:
                raise DeclarationError(
                    file, path, f"{column.measure} of {source.name} is no number.", "sum a number, or count."
                )
        return Business(self, sources, tuple(features))


def _check_where(condition: str | None, source: Source | None, file: Path, path: str) -> None:
    if condition is not None and source is not None:
        names = [c.name for c in source.columns if not c.personal]
        if wrong := wrong_expression(condition, names):
            raise DeclarationError(file, f"{path}.where", wrong)


@dataclass(frozen=True)
class Business:
    """A business: churn.yaml, its sources and the features that the lines declare, one by one."""

    file: BusinessFile
    sources: tuple[Source, ...]
    features: tuple[Feature, ...]

    @property
    def name(self) -> str:
        """Name of the business; MLflow experiment and model carry it."""
        return self.file.name

    def source(self, name: str) -> Source:
        """The source of that name; names were checked on load."""
        return next(s for s in self.sources if s.name == name)

    def of_role(self, *roles: str) -> tuple[Source, ...]:
        """All sources with one of these roles, in contract order."""
        return tuple(s for s in self.sources if s.role in roles)

    def first_month(self, source: Source) -> str:
        """First month in which extracts of the source are expected."""
        return max(source.first_month or self.file.calendar.start, self.file.calendar.start)

    @property
    def first_snapshot_month(self) -> str:
        """First month whose observation window lies wholly inside the calendar."""
        return add_months(self.file.calendar.start, self.file.windows.observation_months - 1)

    @property
    def protected(self) -> tuple[ProtectedAttribute, ...]:
        """Attributes that models are judged by."""
        return tuple(self.file.protected)

    @property
    def label_source(self) -> Source:
        """The source that says who left."""
        return self.source(self.file.label.source)
