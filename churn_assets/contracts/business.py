"""churn.yaml as a whole: its sections, composed and checked against each other and the sources."""

from dataclasses import dataclass

from pydantic import Field

from churn_assets.contracts.calendar import Calendar
from churn_assets.contracts.customer_months import MonthColumn, check_columns
from churn_assets.contracts.economics import Economics
from churn_assets.contracts.eligibility import Eligibility
from churn_assets.contracts.features import Feature, FeatureLine, features_of
from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.monitoring import Monitoring
from churn_assets.contracts.place import Place
from churn_assets.contracts.protected import ProtectedAttribute, check_reads, marked
from churn_assets.contracts.retraining import Retraining
from churn_assets.contracts.section import Section
from churn_assets.contracts.segments import Segments
from churn_assets.contracts.source import Source
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.training import Training
from churn_assets.contracts.windows import Windows


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

    def with_sources(self, sources: Sources, place: Place) -> "Business":
        """The business with its sources, after each section has checked what it names.

        Raises:
            DeclarationError: a source, column, driver or feature that does not exist, or sections that contradict.
        """
        self.calendar.check(place.at("calendar"), self.windows)
        labelled = self.label.check(place.at("label"), sources, self.windows)
        self.eligibility.check(place.at("eligibility"), self.label)
        for position, attribute in enumerate(self.protected):
            attribute.check(place.at("protected", position), sources)
        check_reads(self.protected, self.features, place.at("features"))
        features = features_of(
            self.features, place.at("features"), sources, labelled, self.windows.observation_months
        )
        self.segments.check(place.at("segments"), features)
        self.monitoring.check(place.at("monitoring"), sources)
        check_columns(self.customer_months, place.at("customer_months"), sources)
        return Business(self, sources.all, marked(features, self.protected))


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
        return self.file.calendar.first_snapshot_month(self.file.windows)

    @property
    def protected(self) -> tuple[ProtectedAttribute, ...]:
        """Attributes that models are judged by."""
        return tuple(self.file.protected)

    @property
    def label_source(self) -> Source:
        """The source that says who left."""
        return self.source(self.file.label.source)
