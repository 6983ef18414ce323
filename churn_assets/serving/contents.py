"""Collects from the lake what a release holds."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.known_until import source_states
from churn_assets.history.people import Objections, survivors
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.scored import typical_values
from churn_assets.ml.portable.what_if import Observed, actionable, observed_range
from churn_assets.months import add_months, month_end, month_of
from churn_assets.serving.calibration import CALIBRATION, calibration_table
from churn_assets.serving.campaigns import HOLDOUT, OF_THE_NEWEST, campaign_tables, measured_tables
from churn_assets.serving.columns import catalogue_of, contact_columns, schema_of
from churn_assets.serving.current import OF_THIS_MORNING, SCORES, Current, read_current, snapshots_of
from churn_assets.serving.customers import SCORED, customer_rows
from churn_assets.serving.leaving_rates import LEAVING_RATES, rates_table
from churn_assets.serving.release.manifest import About, CurrentDay
from churn_assets.serving.release.words import FeatureWords
from churn_assets.serving.release.writing import Contents
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pyarrow as pa

# Tables that a release holds as they are in the lake, but for columns that name a person of the company, or hold what
# people wrote or what only the pipeline needs.
COPIED: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (tables.CHURN_EVENTS, ()),
    (tables.CHURN_RATES, ()),
    (tables.RETENTION_COHORTS, ()),
    (tables.RETENTION_CURVES, ()),
    (tables.LIFETIME_QUALITY, ()),
    (tables.MODEL_PERFORMANCE, ()),
    (tables.DRIFT, ()),
    (tables.PEOPLE_BALANCE, ()),
    (tables.CHAMPIONS, ("by",)),
    (tables.TRAINING_RUNS, ()),
    (tables.RISK_ALERTS, ("acknowledged_by", "note", "outbox")),
    (tables.CAMPAIGNS, ("by", "note")),
)
NEVER = "was never materialised"
OF_CAMPAIGNS = {"name", "budget", "holdout", "holdout_months", "exploration", "list_days"}


class NothingScored(RuntimeError):
    """There are no scores with segments, so there is nothing to release."""


class Inconsistent(RuntimeError):
    """The tables of the lake do not fit each other; the message says which, and what to run."""


def scored_days(lakehouse: Lakehouse) -> dict[date, str]:
    """Scored as_of_date -> model version whose scores the segments use.

    Raises:
        NothingScored: there are no segments.
        Inconsistent: the newest scores have no segments.
    """
    if not lakehouse.exists(tables.CUSTOMER_SEGMENTS) or not lakehouse.exists(tables.CHURN_SCORES):
        raise NothingScored
    by = ["as_of_date", "model_version"]
    counts = lakehouse.aggregate(tables.CUSTOMER_SEGMENTS, by, [("customer_key", "count")]).to_pylist()
    versions = {row["as_of_date"]: row["model_version"] for row in counts}
    newest = max(lakehouse.slices(tables.CHURN_SCORES, "as_of_date"), default=None)
    if newest is None:
        raise NothingScored
    if newest not in versions:
        raise Inconsistent(
            f"The scores of {newest} have no segments. Run `churn-assets run score --from {newest:%Y-%m}`."
        )
    return dict(sorted(versions.items()))


def read_contents(
    lakehouse: Lakehouse, tracking: Tracking, business: Business, objected: Objections
) -> Contents:
    """Everything that a release of the newest scored cohort holds.

    Raises:
        NothingScored: there are no scores.
        Inconsistent: tables do not fit each other.
        VersionGone: MLflow no longer has the model of the newest scores.
    """
    days = scored_days(lakehouse)
    newest, version = list(days.items())[-1]
    model = tracking.load_version(version)
    morning = read_current(lakehouse, business, model, newest)
    found, absent = _tables(lakehouse, business, days, model, objected, morning)
    current = _add_current(morning, found, absent, objected)
    training = _training(lakehouse, version)
    statuses = found["customers"]["status"].value_counts().to_pylist()
    counts = {str(row["values"]): int(row["counts"]) for row in statuses}
    counts |= {"customers": found["customers"].num_rows, SCORED: counts.get(SCORED, 0)}
    counts |= {"objected": len(objected.keys), "objection_unanswered": objected.unanswered}
    states = source_states(lakehouse, business, month_of(newest))
    # what delivers as needed and never has says nothing about how old the rest is
    known = [s.until for s in states if s.until or business.source(s.source).delivery != "as_needed"]
    about = About(
        business=business.name,
        model_version=version,
        trained_as_of=str(training["trained_as_of"]) if training else "",
        as_of_date=str(newest),
        as_of_dates=[str(day) for day in days],
        known_until=str(min(day for day in known if day)) if all(known) and known else None,
        stale_from=_stale_from(business, newest),
        counts=counts,
        current=current,
    )
    card = tracking.card(training["mlflow_run_id"]) if training else {}
    return Contents(
        about,
        found,
        absent,
        model,
        feature_words(lakehouse, business, model),
        _business(business),
        catalogue_of(business, found),
        card,
    )


def _add_current(
    morning: Current | str, found: "dict[str, pa.Table]", absent: dict[str, str], objected: Objections
) -> CurrentDay | None:
    """Adds the tables of this morning to those that are found, or the reason to those that are absent."""
    if isinstance(morning, str):
        absent.update(dict.fromkeys(OF_THIS_MORNING, morning))
        return None
    found.update({name: _sorted(without(rows, objected.keys)) for name, rows in morning.tables.items()})
    return replace(morning.about, customers=found[OF_THIS_MORNING[0]].num_rows)


def _stale_from(business: Business, newest: date) -> str | None:
    """The day from which on the scores of the next month are overdue; None after the calendar's end."""
    following, end = add_months(month_of(newest), 1), business.file.calendar.end
    if end is not None and following > end:
        return None
    return str(month_end(following) + timedelta(days=business.file.service_levels.score_days))


def _training(lakehouse: Lakehouse, version: str) -> dict[str, Any] | None:
    if not lakehouse.exists(tables.TRAINING_RUNS):
        return None
    rows = lakehouse.arrow(tables.TRAINING_RUNS, None, [("model_version", "=", version)]).to_pylist()
    return rows[0] if rows else None


def _tables(
    lakehouse: Lakehouse,
    business: Business,
    days: Mapping[date, str],
    model: PortableModel,
    objected: Objections,
    morning: Current | str,
) -> "tuple[dict[str, pa.Table], dict[str, str]]":
    """Returns the tables but those of this morning, and why others are absent."""
    import pyarrow as pa

    for table in (tables.CUSTOMERS, tables.CUSTOMER_MONTHS, tables.CHURN_EVENTS):
        if not lakehouse.exists(table):
            raise Inconsistent(f"{table.path} {NEVER}. Materialise the assets of gold.")
    newest = max(days)
    scores, segments = (
        _of_days(lakehouse, tables.CHURN_SCORES, days),
        _of_days(lakehouse, tables.CUSTOMER_SEGMENTS, days),
    )
    of_newest: list[tuple[str, str, object]] = [("as_of_date", "=", newest)]
    current = {
        name: _on(rows, newest).to_pandas() for name, rows in (("scores", scores), ("segments", segments))
    }
    views = {"lifetimes": tables.EXPECTED_LIFETIMES, "lifetime_values": tables.LIFETIME_VALUES}
    current |= {
        name: lakehouse.arrow(table, None, of_newest).to_pandas()
        for name, table in views.items()
        if lakehouse.exists(table)
    }
    if len(current["scores"]) != len(current["segments"]):
        raise Inconsistent(
            f"{len(current['scores']):,} scores of {newest} stand beside {len(current['segments']):,} segments. "
            f"Run `churn-assets run score --from {newest:%Y-%m}`."
        )
    also = set() if isinstance(morning, str) else set(morning.tables[SCORES]["customer_key"].to_pylist())
    customers = customer_rows(lakehouse, business, month_of(newest), current, also)
    found = {
        "customers": pa.Table.from_pandas(customers, schema_of("customers", business), preserve_index=False),
        "scores": scores.select(schema_of("scores", business).names),
        "segments": segments,
        "snapshots": snapshots_of(lakehouse, tables.CUSTOMER_SNAPSHOTS, business, model, newest),
        "customer_months": _customer_months(lakehouse, business),
        LEAVING_RATES.name: rates_table(lakehouse),
    }
    absent: dict[str, str] = {}
    for table, dropped in COPIED:
        _put(table.name, _copied(lakehouse, table, dropped), found, absent)
    contacted = contacts(lakehouse, business)
    untold = "no source of the role treatment has passed silver"
    _put("contacts", untold if contacted is None else contacted, found, absent)
    _put(CALIBRATION.name, calibration_table(lakehouse), found, absent)
    planned = campaign_tables(lakehouse)
    for name in (*(table.name for table in OF_THE_NEWEST), HOLDOUT.name):
        _put(name, planned if isinstance(planned, str) else planned[name], found, absent)
    for name, told in measured_tables(lakehouse).items():
        _put(name, told, found, absent)
    found = {name: _sorted(without(rows, objected.keys)) for name, rows in found.items()}
    found["segment_sizes"] = _segment_sizes(found["segments"], business)
    found["objections"] = pa.table({"customer_key": pa.array(sorted(objected.keys), pa.string())})
    return found, absent


def _copied(lakehouse: Lakehouse, table: Table, dropped: Sequence[str]) -> "pa.Table | str":
    if not lakehouse.exists(table):
        return f"{table.path} {NEVER}"
    rows = lakehouse.arrow(table)
    return rows.drop_columns([c for c in dropped if c in rows.column_names])


def _put(name: str, rows: "pa.Table | str", found: "dict[str, pa.Table]", absent: dict[str, str]) -> None:
    """Adds a table to those that are found; a sentence, why there is none, to those that are absent."""
    if isinstance(rows, str):
        absent[name] = rows
    else:
        found[name] = rows


def without(rows: "pa.Table", keys: Set[str]) -> "pa.Table":
    """The rows that are of none of these customers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not keys or "customer_key" not in rows.column_names:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["customer_key"], pa.array(sorted(keys), pa.string()))))


def _sorted(rows: "pa.Table") -> "pa.Table":
    """Rows in the order by which readers look them up."""
    order = ("customer_key", "as_of_date", "month", "happened_on", "ended_on")
    keys = [column for column in order if column in rows.column_names]
    return rows.sort_by([(key, "ascending") for key in keys]) if keys else rows


def _on(rows: "pa.Table", day: date) -> "pa.Table":
    import pyarrow.compute as pc

    return rows.filter(pc.field("as_of_date") == day)


def _of_days(lakehouse: Lakehouse, table: Table, days: Mapping[date, str]) -> "pa.Table":
    """The rows of these days by these versions."""
    import pyarrow as pa

    wanted = pa.table({"as_of_date": pa.array(days, pa.date32()), "model_version": pa.array(days.values())})
    return lakehouse.arrow(table).join(wanted, ["as_of_date", "model_version"], join_type="left semi")


def _customer_months(lakehouse: Lakehouse, business: Business) -> "pa.Table":
    hidden = {
        name
        for p in business.protected
        if not p.allowed_as_feature
        for name in (p.column, f"{p.source}_{p.column}")
    }
    names = [name for name in lakehouse.columns(tables.CUSTOMER_MONTHS) if name not in hidden]
    return lakehouse.arrow(tables.CUSTOMER_MONTHS, names)


def contacts(lakehouse: Lakehouse, business: Business) -> "pa.Table | None":
    """Every contact as its source tells it now, and the customer's first ending after it; None without a source."""
    import pandas as pd
    import pyarrow as pa

    sources = [s for s in business.of_role("treatment") if _has_told(lakehouse, s)]
    if not sources:
        return None
    names_of = contact_columns(business)
    heirs = survivors(lakehouse, business)
    endings = lakehouse.arrow(tables.CHURN_EVENTS, ["customer_key", "ended_on"]).to_pandas()
    endings = endings.assign(left_on=pd.to_datetime(endings["ended_on"])).drop(columns="ended_on")
    parts = []
    for source in sources:
        own = list(names_of[source.name])
        names = dict.fromkeys([*source.silver_key, "customer_key", str(source.event_time), *own])
        versions = lakehouse.arrow(
            tables.silver(source), [*names, "known_at", "sequence", "refused"]
        ).to_pandas()
        newest = versions.sort_values(["known_at", "sequence"]).drop_duplicates(
            list(source.silver_key), keep="last"
        )
        newest = newest[~newest["refused"].astype(bool)]
        day = pd.to_datetime(newest[str(source.event_time)], utc=True).dt.tz_localize(None).dt.normalize()
        key = newest["customer_key"].replace(heirs) if heirs else newest["customer_key"]
        told = newest[own].rename(columns=names_of[source.name])
        told = told.assign(customer_key=key, source=source.name, happened_on=day)
        told = pd.merge_asof(
            told.sort_values("happened_on"),
            endings.sort_values("left_on"),
            left_on="happened_on",
            right_on="left_on",
            by="customer_key",
            direction="forward",
        )
        days = {
            name: told[name].dt.date.where(told[name].notna(), None) for name in ("happened_on", "left_on")
        }
        parts.append(pa.Table.from_pandas(told.assign(**days), preserve_index=False))
    rows = pa.concat_tables(parts, promote_options="permissive").replace_schema_metadata(None)
    first = ["customer_key", "source", "happened_on"]
    dates = {"happened_on": pa.date32(), "left_on": pa.date32()}
    rows = rows.select([*first, *(n for n in rows.column_names if n not in first)])
    return rows.cast(pa.schema([pa.field(f.name, dates.get(f.name, f.type)) for f in rows.schema]))


def _has_told(lakehouse: Lakehouse, source: Source) -> bool:
    """Whether contacts of a source are known; one that delivers as needed is not in use before its first row."""
    if not lakehouse.exists(tables.silver(source)):
        return False
    return source.delivery != "as_needed" or lakehouse.count(tables.silver(source)) > 0


def _segment_sizes(segments: "pa.Table", business: Business) -> "pa.Table":
    by = ["as_of_date", "segment", "action", "driver"]
    sizes = segments.group_by(by).aggregate([("customer_key", "count"), ("probability", "mean")])
    named = sizes.rename_columns([*by, "customers", "mean_probability"])
    return named.select(schema_of("segment_sizes", business).names).sort_by(
        [(name, "ascending") for name in by]
    )


def feature_words(lakehouse: Lakehouse, business: Business, model: PortableModel) -> Sequence[FeatureWords]:
    """The declared features with units, typical values and, where we can change them, observed values."""
    known, typical = set(model.transformation.features), typical_values(model)
    columns = {c.name: c for c in tables.customer_snapshots(business).columns}
    can = {f.name for f in actionable(model, business.features)}
    return [
        FeatureWords(
            replace(feature),
            feature.name in known,
            typical.get(feature.name),
            _observed(lakehouse, model, feature.name) if feature.name in can else None,
            columns[feature.name].unit,
            columns[feature.name].meaning,
        )
        for feature in business.features
    ]


def _observed(lakehouse: Lakehouse, model: PortableModel, name: str) -> Observed:
    """Values of the train cohorts, read one feature at a time: all together may not fit into memory."""
    days = [date.fromisoformat(day) for day in model.about["split"]["train"]]
    rows = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, [name], [("as_of_date", "in", days)])
    return observed_range(model, rows.to_pandas()[name])


def _treated(business: Business) -> list[dict[str, Any]]:
    """Which rows of `contacts` are treatments: source, column (None: every row) and the values that say so."""
    names = contact_columns(business)
    return [
        {
            "source": rule.source,
            "column": names[rule.source].get(rule.column) if rule.column else None,
            "values": rule.values,
        }
        for rule in business.file.monitoring.treated
        if rule.source in names
    ]


def _business(business: Business) -> dict[str, Any]:
    file = business.file
    return {
        "name": business.name,
        "currency": file.currency,
        "windows": file.windows.model_dump(),
        "label": file.label.model_dump(),
        "eligibility": file.eligibility.model_dump(),
        "segments": file.segments.model_dump(),
        "customer_months": [column.model_dump() for column in file.customer_months],
        "capacity": file.training.capacity,
        "rise": file.alerts.rise,
        "score_days": file.service_levels.score_days,
        "calendar": file.calendar.model_dump(mode="json"),
        "treatments": [source.name for source in business.of_role("treatment")],
        "treated": _treated(business),
        "campaigns": None if file.campaigns is None else file.campaigns.model_dump(include=OF_CAMPAIGNS),
    }
