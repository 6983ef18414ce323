"""Ids that come in another spelling are told before they get a key (case 8)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import MonthRule
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import findings
from churn_assets.silver.known_ids import Before, judge_ids
from churn_assets.silver.load import MonthBlocked
from churn_assets_tests.lakes import edit_yaml, ingest, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAN, FEB, MAR = "2025-01", "2025-02", "2025-03"
OLD = [f"00{12345 + n}" for n in range(50)]
SHORT = [f"001D00000{n:06d}" for n in range(50)]  # ids of Salesforce, 15 characters
Delivered = Mapping[tuple[str, str], Sequence[str]]

SAME_FRAMES = pytest.mark.one_engine(reason="another case of the same frames")
# `test_a_business_that_grows_fast_does_not_block` reads keys on both engines
WITH_KEYS = pytest.param(
    "with keys", marks=pytest.mark.one_engine(reason="the spellings are judged alike, with keys or without")
)


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """Customers, and subscriptions and tickets that refer to them."""
    return load_business(small_business(tmp_path_factory.mktemp("business")))


@pytest.fixture
def judge(spark: "SparkSession", business: Business) -> Callable[..., tuple[list[Problem], list[str]]]:
    """Problems and withheld ids of what sources delivered in months."""

    def judged(
        delivered: Delivered,
        keyed: Sequence[str] | None = None,
        began: Mapping[str, str | Before] | None = None,
        of: Business = business,
    ) -> tuple[list[Problem], list[str]]:
        rows = [(source, month, name) for (source, month), names in delivered.items() for name in names]
        ids = spark.createDataFrame(rows, "source string, extract_month string, customer_id string")
        known = None if keyed is None else spark.createDataFrame([(k,) for k in keyed], "customer_id string")
        earlier = {name: b if isinstance(b, Before) else Before(b) for name, b in (began or {}).items()}
        found = judge_ids(of, ids, known, earlier)
        withheld = [] if found.withheld is None else [r[0] for r in found.withheld.collect()]
        return found.problems, sorted(withheld)

    return judged


@pytest.mark.parametrize(
    ("old", "respelt", "kind"),
    [
        (OLD, [name.lstrip("0") for name in OLD], "leading zeros"),
        (OLD, [f"{name}\u00a0" for name in OLD], "spaces"),
        (OLD, [f"\u200b{name}" for name in OLD], "spaces"),
        (OLD, [f"{name}.0" for name in OLD], "a decimal point"),
        (OLD, [f"{name.lstrip('0')}.00" for name in OLD], "leading zeros"),
        (SHORT, [f"{name}AAQ" for name in SHORT], "a check of 3 characters (Salesforce)"),
        ([f"{name}AAQ" for name in SHORT], SHORT, "a check of 3 characters (Salesforce)"),
    ],
)
@pytest.mark.parametrize("history", ["in the range", WITH_KEYS])
def test_ids_of_a_source_in_another_spelling_block_its_month(
    judge: Callable[..., tuple[list[Problem], list[str]]],
    old: list[str],
    respelt: list[str],
    kind: str,
    history: str,
) -> None:
    mixed = [*old[:40], *respelt[40:]]
    march = {("customers", MAR): old, ("subscriptions", MAR): mixed}
    before = {("customers", JAN): old, ("subscriptions", JAN): old}
    problems, withheld = (
        judge(before | march)
        if history == "in the range"
        else judge(march, keyed=old, began={"customers": JAN})
    )
    assert [(p.source, p.month, p.rule, p.severity) for p in problems] == [
        ("subscriptions", MAR, "idOverlap", "block")
    ]
    assert (problems[0].count, problems[0].of) == (10, 50)
    assert f"10 of 50 ids (20.0%) are new and look like a known id in another spelling: 10 by {kind}." in (
        problems[0].evidence
    )
    assert withheld == sorted(respelt[40:])
    assert not [name for name in (*old, *respelt) if name in str(problems)], "no ids in Dagster"


def test_the_same_in_the_entity_itself(judge: Callable[..., tuple[list[Problem], list[str]]]) -> None:
    new = [name.lstrip("0") for name in OLD]
    problems, withheld = judge(
        {("customers", JAN): OLD, ("customers", FEB): new, ("customers", MAR): new, ("tickets", FEB): OLD[:9]}
    )
    assert [(p.source, p.month, p.severity) for p in problems] == [
        ("customers", FEB, "block"),
        ("customers", MAR, "block"),
    ]
    assert (
        "0.0% of 50 ids are known" in problems[0].evidence and "50 by leading zeros" in problems[0].evidence
    )
    assert withheld == sorted(new)


def test_a_first_load_is_held_against_the_related_source(
    judge: Callable[..., tuple[list[Problem], list[str]]],
) -> None:
    problems, _ = judge({("customers", JAN): OLD, ("subscriptions", JAN): [n.lstrip("0") for n in OLD]})
    assert [(p.source, p.month, p.severity) for p in problems] == [("subscriptions", JAN, "block")]


@SAME_FRAMES
def test_other_ids_without_any_likeness_block_from_the_second_extract_on(
    judge: Callable[..., tuple[list[Problem], list[str]]],
) -> None:
    other = [f"N-{n}" for n in range(50)]
    assert judge({("customers", JAN): OLD})[0] == [], "nothing is known before the first extract"
    problems, withheld = judge({("customers", JAN): OLD, ("customers", FEB): [*OLD[:20], *other[:30]]})
    assert [(p.month, p.severity) for p in problems] == [(FEB, "block")]
    assert problems[0].evidence == "40.0% of 50 ids are known; the rule requires 50%."
    assert withheld == sorted(other[:30])
    again = judge({("customers", FEB): other}, keyed=OLD, began={"customers": JAN})
    assert [p.month for p in again[0]] == [FEB]


@pytest.mark.parametrize("history", ["in the range", "with keys"])
def test_a_business_that_grows_fast_does_not_block(
    judge: Callable[..., tuple[list[Problem], list[str]]], history: str
) -> None:
    """All customers of before come again, and twice as many others; of events those whom customers list are known."""
    grown = [*OLD[2:], *(f"N-{n}" for n in range(100))]
    february = {("customers", FEB): grown, ("tickets", FEB): grown}
    if history == "in the range":
        assert judge({("customers", JAN): OLD} | february) == ([], [])
    else:
        assert judge(february, keyed=OLD, began={"customers": Before(JAN, len(OLD))}) == ([], [])


@SAME_FRAMES
def test_ids_are_held_against_a_related_source_that_was_silent(
    judge: Callable[..., tuple[list[Problem], list[str]]],
) -> None:
    """Nobody delivered customers since January; tickets of February name people whom nobody knows."""
    strangers = [f"N-{n}" for n in range(50)]
    told = {("tickets", FEB): strangers}
    problems, _ = judge(told, keyed=OLD, began={"customers": JAN, "tickets": JAN})
    assert [(p.source, p.month, p.severity) for p in problems] == [("tickets", FEB, "block")]
    everything: Delivered = {("customers", JAN): OLD, ("tickets", JAN): OLD} | told
    assert [(p.source, p.month) for p in judge(everything)[0]] == [("tickets", FEB)]


@SAME_FRAMES
def test_usual_changes_of_the_customers_do_not_block(
    judge: Callable[..., tuple[list[Problem], list[str]]],
) -> None:
    """New customers, gone ones, a feed cut short, a customer in another case, an event before its customer."""
    new = [f"00{99000 + n}" for n in range(20)]
    problems, withheld = judge(
        {
            ("customers", JAN): OLD,
            ("customers", FEB): [*OLD[10:], *new],
            ("tickets", JAN): OLD,
            ("tickets", FEB): [*OLD[:3], *new[:2], "x1"],
            ("subscriptions", JAN): OLD,
            ("subscriptions", FEB): new,
        },
    )
    assert (problems, withheld) == ([], [])
    cased = judge({("customers", JAN): ["001Dabc", *OLD], ("customers", FEB): ["001DABC", *OLD]})
    assert cased == ([], []), "letter case is kept"


def test_two_spellings_in_one_month_are_two_customers(
    judge: Callable[..., tuple[list[Problem], list[str]]],
) -> None:
    both = [*OLD, *(name.lstrip("0") for name in OLD[:5])]
    assert judge({("customers", JAN): OLD, ("customers", FEB): both}) == ([], [])


@SAME_FRAMES
def test_few_look_alikes_are_told_and_pass(judge: Callable[..., tuple[list[Problem], list[str]]]) -> None:
    many = [f"00{n}" for n in range(1000, 1200)]
    problems, withheld = judge({("customers", JAN): many, ("customers", FEB): [*many[1:], "1000"]})
    assert [(p.severity, p.count, p.of) for p in problems] == [("warn", 1, 200)] and withheld == []


@SAME_FRAMES
def test_no_month_with_a_withheld_id_passes(judge: Callable[..., tuple[list[Problem], list[str]]]) -> None:
    """Customers change their ids, and so do tickets, which know them from customers."""
    new = [f"N-{n}" for n in range(50)]
    problems, _ = judge(
        {("customers", JAN): OLD, ("customers", FEB): new, ("tickets", FEB): [*OLD[:40], *new[:3]]}
    )
    assert [(p.source, p.month, p.severity) for p in problems] == [
        ("customers", FEB, "block"),
        ("tickets", FEB, "block"),
    ]
    assert problems[1].evidence == "3 of its ids have no key, because of customers 2025-02."


@SAME_FRAMES
def test_the_contract_may_allow_it(
    business: Business, judge: Callable[..., tuple[list[Problem], list[str]]]
) -> None:
    allowed = MonthRule("idOverlap", 0.0, 1.0, "block")
    sources = tuple(replace(s, month_rules=(*s.month_rules, allowed)) for s in business.sources)
    problems, withheld = judge(
        {("customers", JAN): OLD, ("customers", FEB): [n.lstrip("0") for n in OLD]},
        of=replace(business, sources=sources),
    )
    assert [p.severity for p in problems] == ["warn"] and withheld == []


@pytest.mark.one_engine(reason="runs jobs; the judgement itself is tested above on both")
def test_a_respelt_month_is_refused_before_anybody_gets_a_key(spark: "SparkSession", tmp_path: Path) -> None:
    """Case 8: `0012345` comes as `12345`; nothing is committed until it is mended by a declared rule."""
    landing, folder = tmp_path / "landing", small_business(tmp_path)
    lakehouse = Lakehouse(settings_for(tmp_path))
    names = [f"00{12345 + n}" for n in range(20)]
    for day in ("2025-01-31", "2025-02-28"):
        write_csv(
            landing, "customers", day, [customer(n) | {"customer_id": name} for n, name in enumerate(names)]
        )
        spelt = names if day < "2025-02" else [name.lstrip("0") for name in names]
        write_jsonl(
            landing, "tickets", day, [ticket(n, name, f"{day}T10:00:00Z") for n, name in enumerate(spelt)]
        )
        write_csv(landing, "subscriptions", day, [subscription(1, customer_id=names[0])])
    ingest(lakehouse, load_business(folder), ["2025-01"])
    with pytest.raises(
        MonthBlocked, match=r"tickets 2025-02: idOverlap: 0.0% of 20 ids .* 20 by leading zeros"
    ):
        ingest(lakehouse, load_business(folder), ["2025-02"])
    assert lakehouse.count(tables.CUSTOMER_KEYS) == 20
    business = load_business(folder)
    tickets = tables.silver(business.source("tickets"))
    assert {r["extract_month"] for r in lakehouse.arrow(tickets, ["extract_month"]).to_pylist()} == {
        "2025-01"
    }
    edit_yaml(
        folder / "contracts" / "tickets.yaml",
        lambda c: c["schema"][0]["properties"][1].update(transformLogic="lpad(customer_id, 7, '0')"),
    )
    load_business.cache_clear()
    ingest(lakehouse, load_business(folder), ["2025-02"])
    assert (lakehouse.count(tables.CUSTOMER_KEYS), lakehouse.count(tickets)) == (20, 40)
    assert [r["rule"] for r in findings(lakehouse, ["2025-02"])] == []
