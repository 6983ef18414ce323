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
from churn_assets.features.observed import Ends, hidden_ends, observed
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
    from pyspark.sql import functions as F

    days, indexes, periods = as_of.days, as_of.indexes, as_of.periods
    features = (*business.features, *(p.as_feature() for p in business.protected))
    extracts = first_extracts(lakehouse)
    hidden = hidden_ends(features, business, now, periods, indexes)
    telling = [s for s in business.tells_who_is_gone if s.name in extracts]
    entities = {s.name: _known(lakehouse, s, days[-1]) for s in telling}
    merged = merges(entities, business, [(day, day) for day in days], periods)
    labelled = _known(lakehouse, business.label_source, days[-1])
    people = keep(population(labelled, business, indexes, entities, extracts, merged, periods))
    frame = people.where("excluded IS NULL")
    known: dict[str, list[Feature]] = {}
    for feature in features:
        if feature.source is not None and feature.name != "tenure_days":
            known.setdefault(feature.source, []).append(feature)
    base = frame.select("customer_key", "as_of_index", "as_of_date", "tenure_days", "known_index")
    evidence = [
        "known_index"
    ]  # periods in which the rows became known; first those of eligibility and tenure
    for name, declared in known.items():
        source = business.source(name)
        versions = _versions(lakehouse, business, source, as_of, declared)
        known_as = f"_known_{name}"
        evidence.append(known_as)
        found = _source_features(versions, frame, source, as_of, declared, merged)
        found = found.withColumnRenamed("known_index", known_as)
        if len(indexes) == 1:  # of many dates it would be too much to hold
            found = computed_apart(found)
        base = base.join(found, ["customer_key", "as_of_index"], "left")
        base = _with_what_was_observed(base, declared, business, extracts, periods, hidden)
    for feature in features:
        if feature.sql is not None:
            base = base.withColumn(feature.name, F.expr(feature.sql).cast("double"))
    names = [f.name for f in features if f.name != "tenure_days"]
    newest = reduce(lambda a, b: F.greatest(a, b), (F.col(c) for c in evidence))
    base = base.withColumn("known_at", periods.end_of(newest))
    columns = ["customer_key", "as_of_date", "known_at", "tenure_days", *names]
    return Snapshots(base.select(*columns), people, (people,))


def _with_what_was_observed(
    base: "DataFrame",
    features: Sequence[Feature],
    business: Business,
    extracts: Extracts,
    periods: Periods,
    hidden: Ends,
) -> "DataFrame":
    """Zero where nothing happened, null where a window was not observed."""
    from pyspark.sql import functions as F

    zeros: dict[str, bool | float | int | str] = {
        f.name: 0.0 for f in features if f.aggregate in NOTHING_HAPPENED_IS_ZERO
    }
    base = base.fillna(zeros) if zeros else base
    asked = {f.name: observed(f, business, extracts, periods, hidden) for f in features}
    seen = {name: where for name, where in asked.items() if where is not None}
    if not seen:
        return base
    return base.withColumns({name: F.when(where, F.col(name)) for name, where in seen.items()})
