"""Customers who are merged, their spells and tickets, and what comes out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.cells import features_from_cells, monthly_cells, terms_of
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.features.population import population
from churn_assets.features.states import spell_features
from churn_assets.history.merges import merges
from churn_assets.months import month_end, month_from_index
from churn_assets_tests.features.frames import JULY, JUNE, MAY, by_key, day, declared, silver
from churn_assets_tests.lakes import business_copy, edit_yaml, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = tuple[Any, ...]
AS_OF = [MAY, JUNE, JULY]
ENDS = {index: month_end(month_from_index(index)) for index in AS_OF}
SCHEMAS = {
    "customers": "customer_key string, status string, segment string, merged_into_key string",
    "subscriptions": "subscription_id string, customer_key string, monthly_price double, started_on date, "
    "expires_on date, notice_on date, ended_on date, end_reason string",
    "tickets": "ticket_id string, customer_key string, opened_at timestamp, closed_at timestamp, category string, "
    "satisfaction int, message_count int",
}
OWNER_AT = {"customers": 1, "subscriptions": 2, "tickets": 2}
FEATURES: dict[str, list[dict[str, Any]]] = {
    "subscriptions": [
        {"aggregate": "attribute", "column": "monthly_price"},
        {"aggregate": "change", "column": "monthly_price", "months": [1]},
        {"aggregate": "change_recency", "column": "monthly_price"},
    ],
    "tickets": [
        {"aggregate": "sum", "measure": "message_count", "months": [1, 3], "days": [7]},
        {"aggregate": "mean", "measure": "satisfaction", "months": [3]},
        {"aggregate": "count", "months": [3]},
        {"aggregate": "share", "category": "category", "value": "network", "months": [3]},
        {"aggregate": "trend", "measure": "message_count", "months": [1]},
        {"aggregate": "recency"},
        {"aggregate": "tenure"},
        {"aggregate": "count_ever"},
    ],
}


def merging_business(folder: Path, **edits: object) -> Business:
    """The telecom business, whose customers tell into whom they were merged."""
    copy = business_copy(folder, "telecom", **edits)
    edit_yaml(copy / "contracts" / "customers.yaml", tell_merges)
    return load_business(copy)


@dataclass
class World:
    """Rows of each source: known_at, then the columns of its schema."""

    customers: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    tickets: list[Row] = field(default_factory=list)

    def frame(self, spark: "SparkSession", business: Business, name: str) -> "DataFrame":
        return silver(spark, business.source(name), SCHEMAS[name], getattr(self, name))

    def of(self, owners: Mapping[str, str]) -> "World":
        """The same world, in which the spells and events of some were others' from the beginning."""

        def handed_on(name: str) -> list[Row]:
            at = OWNER_AT[name]
            return [(*r[:at], owners.get(r[at], r[at]), *r[at + 1 :]) for r in getattr(self, name)]

        return replace(self, subscriptions=handed_on("subscriptions"), tickets=handed_on("tickets"))


def listed(known: str, who: str, survivor: str | None = None) -> Row:
    return day(known), who, "active", f"segment of {who}", survivor


def spell(
    known: str,
    name: str,
    who: str,
    started: str = "2024-01-01",
    ended: str | None = None,
    reason: str | None = None,
    price: float = 10.0,
) -> Row:
    end = None if ended is None else day(ended)
    return day(known), name, who, price, day(started), None, None, end, reason


def ticket(known: str, name: str, who: str, opened: str, messages: int = 1) -> Row:
    moment = datetime.combine(day(opened), datetime.min.time(), UTC) + timedelta(hours=12)
    return day(known), name, who, moment, None, "network", 3, messages


@dataclass
class Computed:
    """By (customer, as_of_index), or by customer for labels."""

    people: dict[Row, dict[str, Any]]
    features: dict[str, dict[Row, dict[str, Any]]]
    outcomes: dict[str, str]


def compute(
    spark: "SparkSession",
    business: Business,
    world: World,
    as_of: Sequence[int] = AS_OF,
    told: Sequence[Row] | None = None,
    labels: str | None = None,
) -> Computed:
    """Population and features at each as_of month; outcomes of the cohort of May, settled on the day `labels`.

    `told`: rows of customers that tell of merges; those of the world if None.
    """
    entities = {"customers": (world if told is None else World([*told])).frame(spark, business, "customers")}
    if told == []:
        entities = {}
    merged = merges(entities, business, [(ENDS[i], ENDS[i]) for i in as_of])
    spells, events = (world.frame(spark, business, name) for name in ("subscriptions", "tickets"))
    running = population(spells, business, as_of, merged=merged).persist()
    on_spells = declared(business.source("subscriptions"), *FEATURES["subscriptions"])
    on_events = declared(business.source("tickets"), *FEATURES["tickets"])
    terms = list(dict.fromkeys(t for f in on_events for t in terms_of(f)))
    cells = monthly_cells(events, business.source("tickets"), terms)
    found = {
        "subscriptions": spell_features(spells, running, business.source("subscriptions"), as_of, on_spells),
        "tickets": features_from_cells(cells, as_of, on_events, merged),
    }
    outcomes = {}
    if labels is not None:
        everybody = sorted({(row[1], ENDS[MAY]) for row in world.customers})
        snapshots = spark.createDataFrame(everybody, "customer_key string, as_of_date date")
        dates = cohorts([ENDS[MAY]], business.file.windows, [day(labels)])
        given = churn_labels(snapshots, spells, business, dates, None, entities)
        outcomes = {r["customer_key"]: r["outcome"] for r in given.collect()}
        half = spark.createDataFrame(everybody[::2], "customer_key string, as_of_date date")
        alone = churn_labels(half, spells, business, dates, None, entities, few=True).collect()
        assert {r["customer_key"]: r["outcome"] for r in alone} == {
            who: outcomes[who] for who, _ in everybody[::2]
        }
    told_of = ("excluded", "tenure_days", "running", "unknown", "in_notice")
    people = by_key(running.select("customer_key", "as_of_index", *told_of), "customer_key", "as_of_index")
    features = {
        name: by_key(frame.drop("known_index"), "customer_key", "as_of_index")
        for name, frame in found.items()
    }
    running.unpersist()
    return Computed(people, features, outcomes)
