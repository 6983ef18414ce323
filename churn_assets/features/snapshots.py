"""features/customer_snapshots: every eligible customer at every as_of_date with all declared features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.source import Source
from churn_assets.features.cells import features_from_cells, monthly_cells, reach_months, terms_of
from churn_assets.features.population import population
from churn_assets.features.states import entity_features, spell_features
from churn_assets.history.knowledge import as_of_date_of
from churn_assets.history.merges import merges
from churn_assets.history.presence import Extracts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import keep
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_index, month_of
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

NOTHING_HAPPENED_IS_ZERO = frozenset({"sum", "count", "count_ever"})
SUMMED = frozenset({"sum", "mean", "count", "share", "trend"})  # over every event of a window


@dataclass(frozen=True)
class Snapshots:
    """Lazy frames: the snapshots, and all known customers with the reason for exclusion (null when eligible)."""

    snapshots: "DataFrame"
    people: "DataFrame"


def _versions(
    lakehouse: Lakehouse,
    business: Business,
    source: Source,
    months: Sequence[str],
    features: Sequence[Feature],
) -> "DataFrame":
    """Silver rows that the features can need; none from extracts after the last month."""
    from pyspark.sql import functions as F

    known = lakehouse.read(tables.silver(source)).where(F.col("extract_month") <= months[-1])
    if source.role not in ("event", "treatment"):
        return known
    reach = reach_months(features, business.file.windows.observation_months)
    # an event is never known before it happened, so older extracts contain no event of the window
    return known if reach is None else known.where(F.col("extract_month") >= add_months(months[0], 1 - reach))


def _observed(feature: Feature, business: Business, extracts: Extracts) -> "Column | None":
    """Where the whole window of a feature could be observed; None where that is everywhere.

    Before the first month of its source nothing was delivered, and before customers came they did nothing that a trend
    could compare with: what was not observed is null, never 0. A source that delivers as needed was not in use before
    its first extract.
    """
    from pyspark.sql import functions as F

    if feature.source is None or feature.aggregate not in SUMMED:
        return None
    source, months = business.source(feature.source), feature.months or 1
    if source.delivery == "as_needed" and not extracts.get(source.name):
        return F.lit(False)
    reach = 2 * months if feature.aggregate == "trend" else months
    at = F.col("as_of_index")
    conditions = []
    first = business.first_month(source)
    if source.delivery == "as_needed":
        first = max(first, month_of(extracts[source.name][0]))
    if first > business.file.calendar.start:
        conditions.append(at - (reach - 1) >= month_index(first))
    if feature.aggregate == "trend":
        began = F.date_add(as_of_date_of(at - reach), 1)
        conditions.append(F.col("tenure_days") >= F.datediff("as_of_date", began))
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def _source_features(
    versions: "DataFrame",
    running: "DataFrame",
    source: Source,
    as_of: Sequence[int],
    features: Sequence[Feature],
    merged: "DataFrame | None",
) -> "DataFrame":
    if source.role == "entity":  # of a merged customer none: the attributes are the survivor's own
        return entity_features(versions, source, as_of, features)
    if source.role == "spell":
        return spell_features(versions, running, source, as_of, features)
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    return features_from_cells(monthly_cells(versions, source, terms), as_of, features, merged)


def customer_snapshots(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> Snapshots:
    """Snapshots of the as_of_dates at the end of `months`, with all features and protected attributes.

    Columns: customer_key, as_of_date, known_at, tenure_days, features, protected attributes. Reads each source once,
    however many months. Uses only rows with event time and known_at on or before the as_of_date; `known_at` is the end
    of the month in which the newest of them became known.
    """
    from pyspark.sql import functions as F

    as_of = [month_index(m) for m in months]
    features = (*business.features, *(p.as_feature() for p in business.protected))
    extracts = first_extracts(lakehouse)

    def history(source: Source) -> "DataFrame":
        return lakehouse.read(tables.silver(source)).where(F.col("extract_month") <= months[-1])

    entities = {s.name: history(s) for s in business.tells_who_is_gone if s.name in extracts}
    merged = merges(entities, business, [(month_end(m), month_end(m)) for m in months])
    people = population(history(business.label_source), business, as_of, entities, extracts, merged)
    people = keep(people)
    frame = people.where("excluded IS NULL")
    known: dict[str, list[Feature]] = {}
    for feature in features:
        if feature.source is not None and feature.name != "tenure_days":
            known.setdefault(feature.source, []).append(feature)
    base = frame.select("customer_key", "as_of_index", "as_of_date", "tenure_days", "known_index")
    evidence = ["known_index"]  # months in which the rows became known; first those of eligibility and tenure
    for name, declared in known.items():
        source = business.source(name)
        versions = _versions(lakehouse, business, source, months, declared)
        known_as = f"_known_{name}"
        evidence.append(known_as)
        found = _source_features(versions, frame, source, as_of, declared, merged)
        found = found.withColumnRenamed("known_index", known_as)
        base = base.join(found, ["customer_key", "as_of_index"], "left")
        zeros: dict[str, bool | float | int | str] = {
            f.name: 0.0 for f in declared if f.aggregate in NOTHING_HAPPENED_IS_ZERO
        }
        base = base.fillna(zeros) if zeros else base
        observed = {f.name: seen for f in declared if (seen := _observed(f, business, extracts)) is not None}
        if observed:
            base = base.withColumns({name: F.when(seen, F.col(name)) for name, seen in observed.items()})
    for feature in features:
        if feature.sql is not None:
            base = base.withColumn(feature.name, F.expr(feature.sql).cast("double"))
    names = [f.name for f in features if f.name != "tenure_days"]
    newest = reduce(lambda a, b: F.greatest(a, b), (F.col(c) for c in evidence))
    base = base.withColumn("known_at", as_of_date_of(newest))
    return Snapshots(base.select("customer_key", "as_of_date", "known_at", "tenure_days", *names), people)
