"""features/customer_snapshots: every eligible customer at every as_of_date with all declared features."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.source import Source
from churn_assets.features.cells import features_from_cells, monthly_cells, reach_months, terms_of
from churn_assets.features.observed import hidden_ends, observed
from churn_assets.features.population import population
from churn_assets.features.states import entity_features, spell_features
from churn_assets.history.known_days import PassedExtracts, passed_until_now
from churn_assets.history.merges import merges
from churn_assets.history.periods import Periods
from churn_assets.history.presence import Extracts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import computed_apart, keep, release
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NOTHING_HAPPENED_IS_ZERO = frozenset({"sum", "count", "count_ever"})
ELIGIBLE = "excluded IS NULL"
PART_KEY = ("customer_key", "as_of_index")
BASE = (*PART_KEY, "as_of_date", "tenure_days", "known_index")


@dataclass(frozen=True)
class Snapshots:
    """Lazy frames: the snapshots, and all known customers with the reason for exclusion (null when eligible)."""

    snapshots: "DataFrame"
    people: "DataFrame"
    kept: "tuple[DataFrame, ...]" = ()

    def and_those_of(self, other: "Snapshots") -> "Snapshots":
        """The rows of both."""
        return Snapshots(
            self.snapshots.unionByName(other.snapshots),
            self.people.unionByName(other.people),
            (*self.kept, *other.kept),
        )

    def release(self) -> None:
        """Frees the frames that are `kept` for several uses."""
        for frame in self.kept:
            release(frame)


@dataclass(frozen=True)
class _Days:
    """as_of dates on which periods end, ascending."""

    periods: Periods
    days: Sequence[date]

    @property
    def indexes(self) -> list[int]:
        """Their periods."""
        return [self.periods.index(day) for day in self.days]

    def first_month(self, reach: int) -> str:
        """The month in which a window of `reach` months begins that ends on the first of the days."""
        return month_of(self.periods.end(self.indexes[0] - reach) + timedelta(days=1))


def _known(lakehouse: Lakehouse, source: Source, last: date) -> "DataFrame":
    """Silver rows of a source that were known at the end of a day."""
    from pyspark.sql import functions as F

    rows = lakehouse.read(tables.silver(source)).where(F.col("extract_month") <= month_of(last))
    return rows if last == month_end(month_of(last)) else rows.where(F.col("known_at") <= F.lit(last))


def _versions(
    lakehouse: Lakehouse,
    business: Business,
    source: Source,
    as_of: _Days,
    features: Sequence[Feature],
) -> "DataFrame":
    """Silver rows that the features can need; none from extracts after the last day."""
    from pyspark.sql import functions as F

    known = _known(lakehouse, source, as_of.days[-1])
    if source.role not in ("event", "treatment"):
        return known
    reach = reach_months(features, business.file.windows.observation_months)
    # an event is never known before it happened, so older extracts contain no event of the window
    return known if reach is None else known.where(F.col("extract_month") >= as_of.first_month(reach))


def _source_features(
    versions: "DataFrame",
    running: "DataFrame",
    source: Source,
    as_of: _Days,
    features: Sequence[Feature],
    merged: "DataFrame | None",
) -> "DataFrame":
    indexes, periods = as_of.indexes, as_of.periods
    if source.role == "entity":  # of a merged customer none: the attributes are the survivor's own
        return entity_features(versions, source, indexes, features, periods)
    if source.role == "spell":
        return spell_features(versions, running, source, indexes, features, periods)
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    cells = monthly_cells(versions, source, terms, periods)
    return features_from_cells(cells, indexes, features, merged, periods)


def customer_snapshots(
    lakehouse: Lakehouse, business: Business, days: Sequence[date], now: PassedExtracts | None = None
) -> Snapshots:
    """Snapshots of these as_of_dates, with all features and protected attributes.

    Columns: customer_key, as_of_date, known_at, tenure_days, features, protected attributes. Uses only rows with event
    time and known_at on or before the as_of_date; `known_at` is the end of the period in which the newest of them
    became known. Reads each source once for all days that fall on the same day of the month, and on month ends.

    Args:
        lakehouse: whose silver is read.
        business: whose features.
        days: the as_of_dates.
        now: what has passed silver; None: it is looked up.
    """
    groups: dict[Periods, list[date]] = {}
    for day in sorted(set(days)):
        groups.setdefault(Periods.that_end_on(day), []).append(day)
    passed = now or passed_until_now(lakehouse, business)
    built = [_snapshots_of(lakehouse, business, passed, _Days(*group)) for group in groups.items()]
    return reduce(Snapshots.and_those_of, built)


def _snapshots_of(lakehouse: Lakehouse, business: Business, now: PassedExtracts, as_of: _Days) -> Snapshots:
    """`customer_snapshots` of days on which the same periods end."""
    parts = SnapshotParts(business, as_of.days, now, first_extracts(lakehouse))
    merged = parts.merged(lakehouse)
    people = keep(parts.people(lakehouse, merged))
    eligible = people.where(ELIGIBLE)
    base = eligible.select(*BASE)
    for name in parts.features:
        found = parts.of_source(lakehouse, name, eligible, merged)
        if len(as_of.days) == 1:  # of many dates it would be too much to hold
            found = computed_apart(found)
        base = parts.with_what_was_observed(base.join(found, [*PART_KEY], "left"), name)
    return Snapshots(parts.finished(base), people, (people,))


class SnapshotParts:
    """What snapshots are joined of: who is eligible, and the features of each source.

    Each part is a frame of its own over the silver of a lake, so that a caller that holds parts can compute a single
    one anew, or that of some customers.

    Attributes:
        features: source -> its features and protected attributes, in the order in which they are joined.
        extracts: see `history.presence`.
    """

    def __init__(
        self, business: Business, days: Sequence[date], now: PassedExtracts, extracts: Extracts
    ) -> None:
        """Prepares; computes nothing.

        Args:
            business: whose features.
            days: as_of_dates on which the same periods end, ascending.
            now: what has passed silver.
            extracts: see `history.presence`.
        """
        self.extracts = extracts
        self._business, self._as_of = business, _Days(Periods.that_end_on(days[0]), days)
        self._all = (*business.features, *(p.as_feature() for p in business.protected))
        self.features: dict[str, list[Feature]] = {}
        for feature in self._all:
            if feature.source is not None and feature.name != "tenure_days":
                self.features.setdefault(feature.source, []).append(feature)
        self._hidden = hidden_ends(self._all, business, now, self._as_of.periods, self._as_of.indexes)

    def _telling(self, lakehouse: Lakehouse) -> "dict[str, DataFrame]":
        """The versions of entities that tell who is gone or was merged."""
        telling = [s for s in self._business.tells_who_is_gone if s.name in self.extracts]
        return {s.name: _known(lakehouse, s, self._as_of.days[-1]) for s in telling}

    def merged(self, lakehouse: Lakehouse) -> "DataFrame | None":
        """See `history.merges`."""
        dates = [(day, day) for day in self._as_of.days]
        return merges(self._telling(lakehouse), self._business, dates, self._as_of.periods)

    def people(self, lakehouse: Lakehouse, merged: "DataFrame | None") -> "DataFrame":
        """See `population`; snapshots are about those who are ELIGIBLE."""
        business, as_of = self._business, self._as_of
        labelled, telling = _known(lakehouse, business.label_source, as_of.days[-1]), self._telling(lakehouse)
        return population(labelled, business, as_of.indexes, telling, self.extracts, merged, as_of.periods)

    def of_source(
        self, lakehouse: Lakehouse, name: str, eligible: "DataFrame", merged: "DataFrame | None"
    ) -> "DataFrame":
        """The features of one source: PART_KEY, `known_as`, and a column per feature; nobody without rows.

        Args:
            lakehouse: whose silver is read.
            name: of the source.
            eligible: `people` who are ELIGIBLE.
            merged: as `merged` gives it.
        """
        source, declared = self._business.source(name), self.features[name]
        versions = _versions(lakehouse, self._business, source, self._as_of, declared)
        found = _source_features(versions, eligible, source, self._as_of, declared, merged)
        return found.withColumnRenamed("known_index", known_as(name))

    def with_what_was_observed(self, joined: "DataFrame", name: str) -> "DataFrame":
        """BASE beside the features of a source: zero where nothing happened, null where a window was not observed."""
        from pyspark.sql import functions as F

        declared, periods = self.features[name], self._as_of.periods
        zeros: dict[str, bool | float | int | str] = {
            f.name: 0.0 for f in declared if f.aggregate in NOTHING_HAPPENED_IS_ZERO
        }
        joined = joined.fillna(zeros) if zeros else joined
        asked = {f.name: observed(f, self._business, self.extracts, periods, self._hidden) for f in declared}
        seen = {name: where for name, where in asked.items() if where is not None}
        if not seen:
            return joined
        return joined.withColumns({name: F.when(where, F.col(name)) for name, where in seen.items()})

    def finished(self, joined: "DataFrame") -> "DataFrame":
        """The snapshots, of BASE with the features of all sources beside it."""
        from pyspark.sql import functions as F

        for feature in self._all:
            if feature.sql is not None:
                joined = joined.withColumn(feature.name, F.expr(feature.sql).cast("double"))
        # periods in which the rows became known; first those of eligibility and tenure
        evidence = ["known_index", *(known_as(name) for name in self.features)]
        newest = reduce(lambda a, b: F.greatest(a, b), (F.col(c) for c in evidence))
        joined = joined.withColumn("known_at", self._as_of.periods.end_of(newest))
        names = [f.name for f in self._all if f.name != "tenure_days"]
        return joined.select("customer_key", "as_of_date", "known_at", "tenure_days", *names)


def known_as(name: str) -> str:
    """The column of a source's part that tells in which period the newest of its rows became known."""
    return f"_known_{name}"
