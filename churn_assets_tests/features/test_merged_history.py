"""What merged customers did counts for their survivors, from the day on which the merge is known."""

from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.features.population import population
from churn_assets.features.states import entity_features
from churn_assets.history.merges import merges
from churn_assets.months import month_end, month_from_index
from churn_assets_tests.features.frames import JULY, JUNE, MAY, REFUSED, by_key, day, declared
from churn_assets_tests.features.merged import (
    AS_OF,
    ENDS,
    World,
    compute,
    listed,
    merging_business,
    spell,
    ticket,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
    business = merging_business(
        tmp_path_factory.mktemp("events"),
        label={"policy": "inactivity", "source": "tickets"},
        churn_rates=None,
        eligibility={"min_tenure_days": 0, "active_within_days": 60},
        features=[{"source": "tickets", "aggregate": "count", "months": [1]}],
        segments={
            "risk": {"high": 0.9, "elevated": 0.7},
            "value": {"feature": "tickets_count_1m", "high": 0.67, "middle": 0.33},
            "rules": [{"name": "all", "action": "none"}],
        },
    )
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
    dates = cohorts([month_end(month_from_index(MAY))], business.file.windows, [day("07-31")])
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
    with redirect_stdout(StringIO()) as said:
        frame.explain("extended")
    return said.getvalue()
