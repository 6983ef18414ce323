"""What merged customers did counts for their survivors, from the day on which the merge is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.cells import features_from_cells, monthly_cells, terms_of
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.features.population import population
from churn_assets.features.states import entity_features, spell_features
from churn_assets.history.merges import merges
from churn_assets.months import month_end, month_from_index
from churn_assets_tests.features.frames import JULY, JUNE, MAY, REFUSED, by_key, day, declared, silver
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
FEATURES = {
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


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """The telecom business, whose customers tell into whom they were merged."""
    folder = business_copy(tmp_path_factory.mktemp("merging"), "telecom")
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    return load_business(folder)


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
        dates = cohorts([month_from_index(MAY)], business.file.windows, [day(labels)])
        given = churn_labels(snapshots, spells, business, dates, None, entities)
        outcomes = {r["customer_key"]: r["outcome"] for r in given.collect()}
    told_of = ("excluded", "tenure_days", "running", "unknown", "in_notice")
    people = by_key(running.select("customer_key", "as_of_index", *told_of), "customer_key", "as_of_index")
    features = {
        name: by_key(frame.drop("known_index"), "customer_key", "as_of_index")
        for name, frame in found.items()
    }
    running.unpersist()
    return Computed(people, features, outcomes)


def test_the_survivor_has_the_history_of_both_from_the_day_on_which_the_merge_is_known(
    spark: "SparkSession", merging: Business
) -> None:
    world = World(
        customers=[listed("04-30", "A"), listed("04-30", "S"), listed("06-14", "A", "S")],
        subscriptions=[spell("04-07", "old", "A", "2023-01-01"), spell("05-07", "new", "S", "2025-04-01")],
        tickets=[ticket("04-30", "1", "A", "04-20", 5), ticket("05-31", "2", "S", "05-20", 7)],
    )
    found = compute(spark, merging, world)
    assert {key: row["excluded"] for key, row in found.people.items()} == {
        ("A", MAY): None,
        ("A", JUNE): "merged",
        ("A", JULY): "merged",
        **{("S", i): None for i in AS_OF},
    }
    since = day("2023-01-01"), day("2025-04-01")
    assert [found.people["S", i]["tenure_days"] for i in AS_OF] == [
        (ENDS[MAY] - since[1]).days,
        (ENDS[JUNE] - since[0]).days,
        (ENDS[JULY] - since[0]).days,
    ]
    events = found.features["tickets"]
    messages = {key: row["tickets_message_count_sum_3m"] for key, row in events.items()}
    assert messages == {("A", MAY): 5, ("S", MAY): 7, ("S", JUNE): 12, ("S", JULY): 7}
    assert [events["S", i]["tickets_count_ever"] for i in AS_OF] == [1, 2, 2]
    assert found.features["subscriptions"]["S", JULY]["subscriptions_monthly_price"] == 10


def test_the_survivor_runs_while_any_spell_of_either_runs(spark: "SparkSession", merging: Business) -> None:
    """Also who had no spell; and who hands the spell on under its own id has nothing counted twice."""
    world = World(
        customers=[
            *(listed("04-30", who) for who in ("A", "S", "B", "T", "C", "U")),
            *(listed("05-14", a, s) for a, s in (("A", "S"), ("B", "T"), ("C", "U"))),
        ],
        subscriptions=[
            spell("04-07", "A", "A"),
            spell("05-07", "S", "S", ended="05-02", reason="price"),
            spell("04-07", "B", "B", price=20.0),
            spell("04-07", "C", "C", "2024-05-01"),
            spell("05-14", "C", "U", "2024-05-01"),
            spell("04-07", "U", "U", "2024-08-01"),
        ],
        tickets=[ticket("05-31", "C", "C", "05-10"), ticket("06-30", "C", "U", "05-10")],
    )
    found = compute(spark, merging, world)
    assert {who: found.people[who, JUNE]["running"] for who in ("S", "T", "U")} == dict.fromkeys("STU", True)
    assert found.people["U", JUNE]["tenure_days"] == (ENDS[JUNE] - day("2024-05-01")).days
    assert ("C", JUNE) not in found.people, "nothing of the spell is left to the merged customer"
    assert found.features["subscriptions"]["T", JUNE]["subscriptions_monthly_price"] == 20
    assert {key: row["tickets_count_ever"] for key, row in found.features["tickets"].items()} == {
        ("U", i): 1 for i in AS_OF
    }


def test_a_spell_that_is_known_by_its_customer_keeps_its_own_changes(
    spark: "SparkSession", merging: Business
) -> None:
    """The key of the source is then the customer: after the merge the spell has another one than its key."""
    source = replace(merging.source("subscriptions"), key=(merging.source("subscriptions").customer,))
    business = replace(
        merging, sources=tuple(source if s.name == source.name else s for s in merging.sources)
    )
    world = World(
        customers=[listed("04-30", "A"), listed("04-30", "S"), listed("05-31", "A", "S")],
        subscriptions=[
            spell("04-07", "A", "A", price=10.0),
            spell("06-14", "A", "A", price=13.0),
            spell("04-07", "S", "S", "2023-01-01", ended="05-02", price=90.0),
        ],
    )
    found = compute(spark, business, world, [JUNE]).features["subscriptions"]["S", JUNE]
    assert found["subscriptions_monthly_price"] == 13
    assert found["subscriptions_monthly_price_change_1m"] == 3
    assert found["subscriptions_monthly_price_change_recency_days"] == 16


def test_attributes_are_the_survivors_own(spark: "SparkSession", merging: Business) -> None:
    world = World(customers=[listed("04-30", "A"), listed("04-30", "S"), listed("05-31", "A", "S")])
    source = merging.source("customers")
    [feature] = declared(source, {"aggregate": "attribute", "column": "segment"})
    versions = world.frame(spark, merging, "customers")
    found = by_key(entity_features(versions, source, AS_OF, [feature]), "customer_key", "as_of_index")
    assert {found["S", i][feature.name] for i in AS_OF} == {"segment of S"}


def test_whose_merge_leads_nowhere_is_unknown_and_hands_nothing_on(
    spark: "SparkSession", merging: Business
) -> None:
    everybody = ("A", "B", "stray", "doubtful", "S")
    world = World(
        customers=[
            *(listed("04-30", who) for who in everybody),
            *(listed("05-31", a, s) for a, s in (("A", "B"), ("B", "A"), ("stray", "?"), ("doubtful", "S"))),
            (day("06-30"), "doubtful", None, None, None, REFUSED),
        ],
        subscriptions=[spell("04-07", who, who, f"2024-01-0{n}") for n, who in enumerate(everybody, 1)],
    )
    found = compute(spark, merging, world, labels="07-15")
    assert {who: tuple(found.people[who, i]["excluded"] for i in (MAY, JUNE)) for who in everybody} == {
        **dict.fromkeys(("A", "B", "stray"), ("unknown", "unknown")),
        "doubtful": ("merged", "unknown"),
        "S": (None, None),
    }
    assert [found.people["S", i]["tenure_days"] for i in (MAY, JUNE)] == [
        (ENDS[MAY] - day("2024-01-04")).days,
        (ENDS[JUNE] - day("2024-01-05")).days,
    ]
    assert found.outcomes == dict.fromkeys(everybody[:4], "unknown") | {"S": "stayed"}


OUTCOMES = {
    # the spells of the merged customer A and of the survivor S; what became of A and of S, who both ran on 31 May
    "both run": ([], [], "merged", "stayed"),
    "the source ends the spell of A": ([("06-20", "price")], [], "merged", "stayed"),
    "the spell of S ends": ([], [("06-20", "price")], "merged", "stayed"),
    "both end": ([("06-20", "price")], [("06-22", "price")], "churned", "churned"),
    "both end, A first and not by choice": (
        [("06-12", "death")],
        [("06-22", "price")],
        "involuntary_end",
        "churned",
    ),
    "A ends before the as_of_date, told later": ([("05-20", "price")], [], "merged", "stayed"),
}


def test_the_label_of_the_survivor_looks_at_the_spells_of_both(
    spark: "SparkSession", merging: Business
) -> None:
    """As known when the cohort is settled; the merge came to light in its outcome window."""
    world = World()
    for case, (of_a, of_s, *_) in OUTCOMES.items():
        a, s = f"A {case}", f"S {case}"
        world.customers += [listed("04-30", a), listed("04-30", s), listed("06-30", a, s)]
        for who, ends in ((a, of_a), (s, of_s)):
            world.subscriptions.append(spell("04-07", who, who))
            world.subscriptions += [spell("06-30", who, who, ended=end, reason=why) for end, why in ends]
    world.customers += [listed("04-30", "A rekeyed"), listed("04-30", "S rekeyed")]
    world.customers.append(listed("06-30", "A rekeyed", "S rekeyed"))
    world.subscriptions += [spell("04-07", "rekeyed", "A rekeyed"), spell("06-30", "rekeyed", "S rekeyed")]
    found = compute(spark, merging, world, labels="07-15").outcomes
    expected = {case: (a, s) for case, (*_, a, s) in OUTCOMES.items()} | {"rekeyed": ("merged", "stayed")}
    assert {case: (found[f"A {case}"], found[f"S {case}"]) for case in expected} == expected


def test_by_inactivity_the_survivor_is_seen_where_either_was(
    spark: "SparkSession", tmp_path_factory: Any
) -> None:
    folder = business_copy(
        tmp_path_factory.mktemp("events"),
        "telecom",
        label={"policy": "inactivity", "source": "tickets"},
        eligibility={"min_tenure_days": 0, "active_within_days": 60},
    )
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    business = load_business(folder)
    world = World(
        customers=[
            *(listed("04-30", who) for who in ("A", "S", "B", "T")),
            *(listed("06-30", a, s) for a, s in (("A", "S"), ("B", "T"))),
        ],
        tickets=[
            *(ticket("05-31", f"{who} 1", who, "05-20") for who in ("A", "S", "B", "T")),
            ticket("06-30", "A 2", "A", "06-20"),
        ],
    )
    entities = {"customers": world.frame(spark, business, "customers")}
    events = world.frame(spark, business, "tickets")
    people = spark.createDataFrame(
        [(w, ENDS[MAY]) for w in ("A", "S", "B", "T")], "customer_key string, as_of_date date"
    )
    dates = cohorts([month_from_index(MAY)], business.file.windows, [day("07-31")])
    given = churn_labels(people, events, business, dates, None, entities)
    assert {r["customer_key"]: r["outcome"] for r in given.collect()} == {
        "A": "stayed",  # was active in the outcome window
        "S": "stayed",  # by A
        "B": "merged",  # could not be active any more
        "T": "churned",
    }
    merged = merges(entities, business, [(ENDS[i], ENDS[i]) for i in AS_OF])
    known = by_key(population(events, business, AS_OF, merged=merged), "customer_key", "as_of_index")
    assert {key: row["excluded"] for key, row in known.items()} == {
        **{(who, MAY): None for who in ("A", "S", "B", "T")},
        ("A", JUNE): "merged",
        ("S", JUNE): None,
        ("B", JUNE): "merged",
        ("T", JUNE): None,
        ("A", JULY): "merged",
        ("S", JULY): None,
        ("B", JULY): "not_active",
        ("T", JULY): "not_active",
    }


# --- random worlds


def random_world(random: Random, prefix: str) -> World:
    """Three customers who are merged into each other, into themselves and into strangers, and back."""
    people, world = [f"{prefix}{letter}" for letter in "ABC"], World()
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(210)]
    for who in people:
        world.customers.append(listed("01-31", who))
        for month in range(2, 8):
            into = random.choice([None, None, None, *people, f"{prefix}stranger"])
            known = date(2025, month, random.randrange(1, 29))
            if random.random() < 0.15:
                world.customers.append((known, who, None, None, None, REFUSED))
            elif random.random() < 0.6:
                world.customers.append((known, who, "active", None, into))
        for number in range(random.randrange(3)):
            owner, told = who, sorted(random.sample(days, random.randrange(1, 4)))
            start = date(2024, 6, 1) + timedelta(days=random.randrange(380))
            for known in told:
                owner = random.choice(people) if random.random() < 0.2 else owner
                end = start + timedelta(days=random.randrange(500)) if random.random() < 0.3 else None
                row = known, f"{who} {number}", owner, float(random.choice([10, 20, 30])), start, None, None
                row = (*row, end, random.choice(["price", "death"]) if end else None)
                if random.random() < 0.1:
                    row = (*row[:3], *(None,) * 6, REFUSED)
                world.subscriptions.append(row)
        for number in range(random.randrange(6)):
            opened = random.choice(days)
            moment = datetime(opened.year, opened.month, opened.day, 12, tzinfo=UTC)
            for late in sorted(random.sample(range(60), random.randrange(1, 3))):
                told_of = (
                    random.choice(["network", "billing"]),
                    random.choice([None, 1, 5]),
                    random.randrange(4),
                )
                known = opened + timedelta(days=late)
                world.tickets.append(
                    (known, f"{who} {number}", random.choice([who] * 4 + people), moment, None, *told_of)
                )
    return world


def said(world: World, until: date) -> tuple[dict[str, str], set[str]]:
    """Merged customer -> who goes on, and those of whom that is unknown, by what is known on a day. The slow way."""
    rows: dict[str, list[Row]] = {}
    for row in sorted(world.customers, key=lambda r: r[0]):
        if row[0] <= until:
            rows.setdefault(row[1], []).append(row)
    into: dict[str, str | None] = {}
    for who, told in rows.items():
        accepted = [row[4] for row in told if row[-1] != REFUSED]
        if accepted and accepted[-1] not in (None, who):
            into[who] = None if told[-1][-1] == REFUSED else accepted[-1]
    ends, doubtful = {}, set()
    for who in into:
        at: str | None = who
        for _ in range(5):
            at = into.get(at, at) if at else None
        if at is None or at in into or at not in rows:
            doubtful.add(who)
        else:
            ends[who] = at
    return ends, doubtful


@settings(max_examples=2)
@given(st.integers(0, 2**32))
def test_the_survivor_is_like_one_customer_who_had_all_rows_from_the_beginning(
    spark: "SparkSession", merging: Business, seed: int
) -> None:
    random, whole = Random(seed), World()
    for number in range(25):
        world = random_world(random, f"{number} ")
        for name in SCHEMAS:
            getattr(whole, name).extend(getattr(world, name))
    settled = day("07-15")
    found = compute(spark, merging, whole, labels="07-15")
    compared = 0
    for index in AS_OF:
        owners, doubtful = said(whole, ENDS[index])
        one = compute(spark, merging, whole.of(owners), [index], told=[])
        for who, row in one.people.items():
            expected = row["excluded"]
            if who[0] in doubtful and expected != "not_active":
                expected = "unknown"
            assert found.people[who] == row | {"excluded": expected}, who
        assert {key for key in found.people if key[1] == index} - one.people.keys() <= {
            (w, index) for w in owners
        }
        for who in owners:
            told = found.people.get((who, index), {"excluded": "not_active"})["excluded"]
            assert told in ("merged", "not_active")
        for name, features in one.features.items():
            here = {key: row for key, row in found.features[name].items() if key[1] == index}
            gone = {(who, index) for who in owners}
            assert {key: row for key, row in here.items() if key not in gone} == features
            compared += len(features)
    assert compared > 100
    owners, doubtful = said(whole, settled)
    one = compute(spark, merging, whole.of(owners), [JULY], told=[], labels="07-15")
    for who, outcome in one.outcomes.items():
        if who in owners:
            assert found.outcomes[who] not in ("stayed", "ended_before")
            assert found.outcomes[who] == "merged" or one.outcomes[owners[who]] != "stayed"
        else:
            expected = "unknown" if who in doubtful and outcome == "stayed" else outcome
            assert found.outcomes[who] == expected, who


def test_a_merge_that_is_told_after_the_as_of_date_changes_nothing(
    spark: "SparkSession", merging: Business
) -> None:
    random, whole = Random(3), World()
    for number in range(10):
        world = random_world(random, f"{number} ")
        for name in SCHEMAS:
            getattr(whole, name).extend(getattr(world, name))
    names = sorted({row[1] for row in whole.customers})
    poison = [listed("08-01", who, random.choice(names)) for who in names]
    before = compute(spark, merging, whole, labels="07-15")
    poisoned = replace(whole, customers=[*whole.customers, *poison])
    assert compute(spark, merging, poisoned, labels="07-15") == before
    assert any(row["excluded"] == "merged" for row in before.people.values())


def test_a_business_without_merges_has_the_plan_of_before(spark: "SparkSession", merging: Business) -> None:
    """Neither a join nor a column more."""
    world = World(customers=[listed("04-30", "A")], subscriptions=[spell("04-07", "A", "A")])
    spells = world.frame(spark, merging, "subscriptions")
    merged = merges(
        {"customers": world.frame(spark, merging, "customers")}, merging, [(ENDS[MAY], ENDS[MAY])]
    )
    assert merged is None
    plain = population(spells, merging, [MAY])
    assert "survivor" not in _plan(plain) and "Join" not in _plan(plain)
    told = World(customers=[*world.customers, listed("04-30", "S"), listed("05-07", "A", "S")])
    some = merges({"customers": told.frame(spark, merging, "customers")}, merging, [(ENDS[MAY], ENDS[MAY])])
    assert "survivor" in _plan(population(spells, merging, [MAY], merged=some)), "the plan shows it"


def _plan(frame: "DataFrame") -> str:
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as said:
        frame.explain("extended")
    return said.getvalue()
