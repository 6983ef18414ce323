"""All of churn.yaml: composes its sections and checks them against each other and against the sources."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pydantic import Field

from churn_assets.contracts.alerts import Alerts, check_alerts
from churn_assets.contracts.calendar import Calendar
from churn_assets.contracts.campaigns import Campaigns, check_campaigns
from churn_assets.contracts.channels import ChannelLine, check_channels
from churn_assets.contracts.churn_rates import ChurnRates, check_churn_rates
from churn_assets.contracts.contradictions import Contradictions
from churn_assets.contracts.customer_months import MonthColumn, check_columns
from churn_assets.contracts.daily import Daily
from churn_assets.contracts.economics import Economics, check_economics
from churn_assets.contracts.eligibility import Eligibility
from churn_assets.contracts.feature import Feature, FeatureLine
from churn_assets.contracts.features import Features, read_features
from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.merges import Merges
from churn_assets.contracts.monitoring import Monitoring, check_treated
from churn_assets.contracts.offers import OfferLine, check_offers
from churn_assets.contracts.people import People
from churn_assets.contracts.place import Place
from churn_assets.contracts.protected import ProtectedAttribute, check_reads, marked, read_protected
from churn_assets.contracts.retraining import Retraining
from churn_assets.contracts.section import Name, Section
from churn_assets.contracts.segments import Segments, check_segments
from churn_assets.contracts.service_levels import ServiceLevels
from churn_assets.contracts.source import Source
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.sql.written import Difference, WrittenSql, differences_of, written_at, written_in
from churn_assets.contracts.training import Training
from churn_assets.contracts.units import Currency
from churn_assets.contracts.validation import peek, read
from churn_assets.contracts.windows import Windows
from churn_assets.contracts.yaml_file import YamlDocument
from churn_assets.months import day_of, month_end, month_of


class BusinessFile(Section):
    """churn.yaml as written."""

    name: Name = Field(
        description="small letters, digits and `_`; the MLflow experiment and model are called `churn_<name>`"
    )
    owner: str = Field(
        "team:retention",
        description="the owner of the assets in Dagster: `team:<name>`, or an e-mail address",
    )
    calendar: Calendar
    windows: Windows = Windows()
    label: LabelRule
    eligibility: Eligibility = Eligibility()
    people: People = People()
    contradictions: Contradictions = Contradictions()
    merges: Merges = Merges()
    features: list[FeatureLine] = Field(min_length=1)
    protected: list[ProtectedAttribute] = Field([])
    customer_months: list[MonthColumn] = Field([])
    churn_rates: ChurnRates = ChurnRates()
    training: Training
    retraining: Retraining = Retraining()
    monitoring: Monitoring = Monitoring()
    currency: Currency = Field(
        "EUR", description="currency of all amounts, in texts for people: a code of ISO 4217"
    )
    economics: Economics = Economics()
    segments: Segments
    offers: list[OfferLine] = Field([])
    campaigns: Campaigns | None = None
    daily: Daily = Daily()
    alerts: Alerts = Alerts()
    channels: list[ChannelLine] = Field([])
    service_levels: ServiceLevels = ServiceLevels()


@dataclass(frozen=True)
class Business:
    """A business: churn.yaml, its sources, and one `Feature` for each window of each feature line.

    `written` is all SQL, patterns and formats of its files, `digests` the name and SHA-256 of each file.
    """

    file: BusinessFile
    sources: tuple[Source, ...]
    features: tuple[Feature, ...]
    written: tuple[WrittenSql, ...]
    digests: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Name of the business; part of the names of the MLflow experiment and model."""
        return self.file.name

    def source(self, name: str) -> Source:
        """Returns the source of that name, which must exist; `read_business` checks the names in churn.yaml."""
        return next(s for s in self.sources if s.name == name)

    def of_role(self, *roles: str) -> tuple[Source, ...]:
        """Returns all sources with one of these roles, in contract order."""
        return tuple(s for s in self.sources if s.role in roles)

    def first_month(self, source: Source) -> str:
        """Returns the first month (`YYYY-MM`) in which extracts of the source are expected."""
        return max(source.first_month or self.file.calendar.start, self.file.calendar.start)

    def history_months(self, source: Source) -> int | None:
        """Returns how many months of a source a snapshot is made of, its own included; None: all of them.

        The state of a spell, a merge, or the state of an entity that delivers only changes may have been told in any
        earlier month.
        """
        once = source.role == "entity" and (source.delivery != "full" or source.merged_into)
        if source.name == self.file.label.source or source.role == "spell" or once:
            return None
        if source.role == "entity":
            return self.file.windows.observation_months
        endless = any(f.source == source.name and not (f.months or f.days) for f in self.features)
        return None if endless else self.file.windows.observation_months

    @property
    def first_snapshot_month(self) -> str:
        """First month (`YYYY-MM`) whose whole observation window is inside the calendar."""
        return self.file.calendar.first_snapshot_month(self.file.windows)

    def midmonth_days(self, months: Iterable[str]) -> list[date]:
        """Returns the as_of dates of `training.as_of_days` in these months, ascending.

        Without days that end a month, which are cohorts, and days whose observation window begins before the calendar.
        """
        observed = (m for m in months if m > self.first_snapshot_month)
        found = (day_of(m, day) for m in observed for day in self.file.training.as_of_days)
        return sorted(day for day in found if day != month_end(month_of(day)))

    @property
    def protected(self) -> tuple[ProtectedAttribute, ...]:
        """Protected attributes; the fairness metrics compare their groups."""
        return tuple(self.file.protected)

    @property
    def label_source(self) -> Source:
        """The source that the label is computed from."""
        return self.source(self.file.label.source)

    @property
    def tells_who_is_gone(self) -> tuple[Source, ...]:
        """The entities that tell who was merged, or who is gone because they no longer list them."""
        return tuple(s for s in self.of_role("entity") if s.delivery == "full" or s.merged_into)

    @cached_property
    def sql_differences(self) -> tuple[Difference, ...]:
        """What is not proven to mean the same on Spark and on Sail, with its place and what to write instead.

        With any of it, only Spark may compute the tables of the business.
        """
        return differences_of(self.written)

    @property
    def tells_merges(self) -> tuple[Source, ...]:
        """The entities that tell who was merged."""
        return tuple(s for s in self.of_role("entity") if s.merged_into)


def read_business(document: YamlDocument, sources: Sources) -> Business | None:
    """Reads churn.yaml and checks each section against the others and the sources; None if it cannot be read.

    Adds the mistakes to `document.mistakes`. A section that cannot be read causes no mistakes in other sections.
    """
    if not document.readable:
        return None
    top = Place(document)
    file = read(BusinessFile, top)
    windows, label = peek(Windows, top.at("windows")), peek(LabelRule, top.at("label"))
    calendar, eligibility = peek(Calendar, top.at("calendar")), peek(Eligibility, top.at("eligibility"))
    if calendar and windows:
        calendar.check(top.at("calendar"), windows)
    if eligibility and label:
        eligibility.check(top.at("eligibility"), label)
    labelled = label.check(top.at("label"), sources, windows) if label else None
    protected = read_protected(top.at("protected"), sources)
    check_reads(protected, top.at("features"))
    currency = file.currency if file else str(top.at("currency").content("EUR"))
    features = read_features(top.at("features"), sources, labelled, windows, currency)
    check_segments(top.at("segments"), features)
    check_treated(top.at("monitoring", "treated"), sources)
    check_columns(top.at("customer_months"), sources)
    check_churn_rates(top.at("churn_rates"), top.at("customer_months"), sources, labelled)
    check_economics(top.at("economics"), top.at("customer_months"), features, label)
    offers = check_offers(top.at("offers"), features)
    check_campaigns(top, sources, offers, features)
    check_channels(top.at("channels"))
    check_alerts(top.at("alerts"), features, top.at("channels"), peek(Daily, top.at("daily")))
    if file is None:
        return None
    written = (*(w for c in sources.contracts for w in written_in(c)), *_written(top, sources, features))
    return Business(file, sources.all, marked(features.all, protected), written)


def _written(top: Place, sources: Sources, features: Features) -> Iterator[WrittenSql]:
    """The SQL of churn.yaml: conditions on rows of silver, and expressions and conditions over the snapshot."""
    conditions = [top.at("label"), *top.at("features").items(), *top.at("customer_months").items()]
    for place in conditions:
        source = next((s for s in sources.all if s.name == place.at("source").content()), None)
        if source is not None:
            yield from written_at(
                place.at("where"), "expression", {c.name: c.spark_type for c in source.attributes}
            )
    for place in (*top.at("features").items(), *top.at("alerts", "rules").items()):
        yield from written_at(place.at("sql"), "expression", features.types)
    for place in top.at("offers").items():
        yield from written_at(place.at("where"), "expression", features.types)
