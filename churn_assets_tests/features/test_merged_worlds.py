"""Random customers who are merged into each other: the survivor is like one customer who had all rows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.contracts.business import Business
from churn_assets_tests.features.frames import REFUSED, day
from churn_assets_tests.features.merged import (
    AS_OF,
    ENDS,
    SCHEMAS,
    Row,
    World,
    compute,
    listed,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="`test_merged_history` computes merges on both engines")


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


def many_worlds(random: Random, count: int) -> World:
    """Several worlds in one, since a run of Spark costs the same for all."""
    whole = World()
    for number in range(count):
        whole = joined(whole, random_world(random, f"{number} "))
    return whole


def joined(one: World, other: World) -> World:
    """The rows of both."""
    return World(*([*getattr(one, name), *getattr(other, name)] for name in SCHEMAS))


def apart(world: World, prefix: str) -> World:
    """The same world with other names: of customers, spells and tickets."""

    def named(name: str) -> list[Row]:
        texts = {1, 4} if name == "customers" else {1, 2}
        rows = getattr(world, name)
        return [tuple(f"{prefix}{v}" if i in texts and v else v for i, v in enumerate(row)) for row in rows]

    return World(*(named(name) for name in SCHEMAS))


@settings(max_examples=2)
@given(st.integers(0, 2**32))
def test_the_survivor_is_like_one_customer_who_had_all_rows_from_the_beginning(
    spark: "SparkSession", merging: Business, seed: int
) -> None:
    """At each as_of_date, and for labels on the day that settles them, held against a world without merges."""
    whole, settled = many_worlds(Random(seed), 15), day("07-15")
    known_by = {str(index): ENDS[index] for index in AS_OF} | {"labels": settled}
    told = {name: said(whole, until) for name, until in known_by.items()}
    expected = World()
    for name, (owners, _) in told.items():
        expected = joined(expected, apart(whole.of(owners), f"{name}|"))
    found = compute(spark, merging, whole, labels="07-15")
    one = compute(spark, merging, expected, told=[], labels="07-15")
    compared = 0
    for index in AS_OF:
        owners, doubtful = told[str(index)]
        mine = {(w, i): row for (w, i), row in _of(one.people, str(index)).items() if i == index}
        for who, row in mine.items():
            reason = row["excluded"]
            if who[0] in doubtful and reason != "not_active":
                reason = "unknown"
            assert found.people[who] == row | {"excluded": reason}, who
        others = {key for key in found.people if key[1] == index} - mine.keys()
        assert others <= {(who, index) for who in owners}
        assert {found.people[key]["excluded"] for key in others} <= {"merged", "not_active"}
        for name, features in one.features.items():
            mine = {key: row for key, row in _of(features, str(index)).items() if key[1] == index}
            here = {k: r for k, r in found.features[name].items() if k[1] == index and k[0] not in owners}
            assert here == mine, name
            compared += len(mine)
    assert compared > 50
    owners, doubtful = told["labels"]
    outcomes = {who.partition("|")[2]: o for who, o in one.outcomes.items() if who.startswith("labels|")}
    for who, outcome in outcomes.items():
        if who in owners:
            assert found.outcomes[who] not in ("stayed", "ended_before")
            assert found.outcomes[who] == "merged" or outcomes[owners[who]] != "stayed"
        else:
            reason = "unknown" if who in doubtful and outcome == "stayed" else outcome
            assert found.outcomes[who] == reason, who


def _of(rows: dict[Row, dict[str, Any]], prefix: str) -> dict[Row, dict[str, Any]]:
    """Those of a world that `apart` has named, by the names before; without the key in the row."""
    return {
        (who.removeprefix(f"{prefix}|"), index): row | {"customer_key": who.removeprefix(f"{prefix}|")}
        for (who, index), row in rows.items()
        if who.startswith(f"{prefix}|")
    }


def test_a_merge_that_is_told_after_the_as_of_date_changes_nothing(
    spark: "SparkSession", merging: Business
) -> None:
    random = Random(3)
    whole = many_worlds(random, 10)
    names = sorted({row[1] for row in whole.customers})
    poison = [listed("08-01", who, random.choice(names)) for who in names]
    before = compute(spark, merging, whole, labels="07-15")
    poisoned = replace(whole, customers=[*whole.customers, *poison])
    assert compute(spark, merging, poisoned, labels="07-15") == before
    assert any(row["excluded"] == "merged" for row in before.people.values())
