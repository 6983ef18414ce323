"""The columns of the tables of a release: types of those that only a release has, and the meaning of all."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.gold_columns import free_names
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.shared_columns import CUSTOMER_KEY, SOURCE, described
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.serving.calibration import CALIBRATION
from churn_assets.serving.campaigns import HOLDOUT, PLAN
from churn_assets.serving.current import DAYS, FORMER_DAYS, OF_A_DAY, SCORES, SNAPSHOTS
from churn_assets.serving.customers import VALUE_COLUMNS
from churn_assets.serving.leaving_rates import LEAVING_RATES

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONAL_SCORES = ("as_of_date", "model_version", "raw", "probability", "decile", "driver")
STATUS = LakeColumn(
    "status",
    "string",
    "scored, or why there is no score: too_new, in_notice, former, unknown, disappeared, merged or not_scored.",
)
OWN_OF_CUSTOMERS = (
    STATUS,
    LakeColumn("status_reason", "string", "Why there is no score, as a sentence; null where there is one."),
)
ENDED_ON = LakeColumn("ended_on", "date", "Day on which the last contract of a former customer ended.")
SURVIVOR_KEY = LakeColumn(
    "survivor_key", "string", "customer_key of the customer into whom this one was merged."
)
HAPPENED_ON = LakeColumn("happened_on", "date", "Day of the contact.")
LEFT_ON = LakeColumn(
    "left_on", "date", "Day of the customer's first ending on or after the contact; null while there is none."
)
SIZE = LakeColumn("customers", "long", "Customers of the segment with this main driver.", "customers")
MEAN = LakeColumn("mean_probability", "double", "Mean of their probabilities.", "0 to 1")


def release_tables(business: Business) -> dict[str, Table]:
    """Name -> table of a release, with the columns that it may have."""
    found = {table.name: table for table in tables.catalogue(business)}
    scores, segments = tables.CHURN_SCORES, tables.CUSTOMER_SEGMENTS
    of = {c.name: c for t in (tables.EXPECTED_LIFETIMES, segments, scores) for c in t.columns}
    lifetimes = [
        c for c in tables.EXPECTED_LIFETIMES.columns if c.name.startswith(("expected", "horizon", "survival"))
    ]
    worth = [c for c in tables.LIFETIME_VALUES.columns if c.name in VALUE_COLUMNS]
    current = [of[n] for n in (*OPTIONAL_SCORES, *REASON_NAMES)]
    current += [of[n] for n in ("segment", "action", "risk_tier", "value_tier", "value")]
    sizes = (of["as_of_date"], of["segment"], of["action"], of["driver"], SIZE, MEAN)
    nobody = "customer_key of who objected to profiling; no other table of the release holds it."
    found["customers"] = Table(
        "serving",
        "customers",
        "one row per known customer who does not object to profiling",
        columns=(CUSTOMER_KEY, *OWN_OF_CUSTOMERS, *current, *lifetimes, *worth, ENDED_ON, SURVIVOR_KEY),
    )
    found["scores"] = replace(scores, name="scores")
    found["segments"] = replace(segments, name="segments")
    found["snapshots"] = replace(tables.customer_snapshots(business), name="snapshots")
    found[SCORES] = replace(tables.CURRENT_SCORES, name=SCORES)
    found[SNAPSHOTS] = replace(tables.current_snapshot(business), name=SNAPSHOTS)
    found[DAYS] = Table(
        "serving",
        DAYS,
        f"one row per customer with a current score and day, of the newest {FORMER_DAYS} days",
        columns=tuple(c for c in tables.CURRENT_SCORES.columns if c.name in OF_A_DAY),
    )
    found["segment_sizes"] = Table(
        "serving", "segment_sizes", "one row per as_of_date, segment and main driver", columns=sizes
    )
    found["objections"] = Table(
        "serving",
        "objections",
        "one row per customer who objects to profiling",
        columns=(replace(CUSTOMER_KEY, meaning=nobody),),
    )
    found[LEAVING_RATES.name] = LEAVING_RATES
    found[CALIBRATION.name] = CALIBRATION
    found[PLAN.name], found[HOLDOUT.name] = PLAN, HOLDOUT
    found["contacts"] = Table("serving", "contacts", "one row per contact", columns=_of_contacts(business))
    return found


def contact_columns(business: Business) -> dict[str, dict[str, str]]:
    """Treatment source -> its columns -> its names in `contacts`; the customer and the day have their own."""
    taken = {"customer_key", "source", "happened_on", "left_on"}
    return {
        s.name: free_names(s, [c.name for c in s.attributes if c.name != s.event_time], taken)
        for s in business.of_role("treatment")
    }


def _of_contacts(business: Business) -> tuple[LakeColumn, ...]:
    columns = [CUSTOMER_KEY, SOURCE, HAPPENED_ON]
    for source, names in contact_columns(business).items():
        of = business.source(source)
        columns += [replace(described(of.column(own)), name=name) for own, name in names.items()]
    return (*columns, LEFT_ON)


def schema_of(name: str, business: Business) -> "pa.Schema":
    """Arrow schema of a table that only a release has."""
    return release_tables(business)[name].rows([]).schema


def catalogue_of(business: Business, held: Mapping[str, "pa.Table"]) -> dict[str, Any]:
    """Table -> its grain, and name, type, meaning and unit of its columns, for the tables that a release holds."""
    known = release_tables(business)
    found = {}
    for name, rows in held.items():
        meanings = {c.name: c for c in known[name].columns}
        found[name] = {
            "grain": known[name].grain,
            "columns": [
                {
                    "name": field.name,
                    "type": str(field.type),
                    "meaning": meanings[field.name].meaning if field.name in meanings else "",
                    "unit": meanings[field.name].unit if field.name in meanings else None,
                }
                for field in rows.schema
            ],
        }
    return found
