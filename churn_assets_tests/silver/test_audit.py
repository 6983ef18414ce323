"""The judgement over a month, without data: which counts pass, warn or block."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import GapRule, MonthRule, Source
from churn_assets.months import month_end
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.audit import (
    DeliveredFile,
    MonthAudit,
    Problem,
    is_whole,
    judge,
    too_small,
    volume_not_judged,
)

CUSTOMERS = load_business(SHIPPED_BUSINESSES / "telecom").source(
    "customers"
)  # volume 70 to 150 %, refused 2 %
MONTH = "2025-07"
LONG_AFTER = date(2026, 1, 1)
USUAL = {"2025-04": 90, "2025-05": 100, "2025-06": 110}


def _audit(delivered: int, refused: Mapping[str, int] | None = None, **changes: object) -> MonthAudit:
    refused = Counter(refused or {})
    accepted = delivered - refused.total()
    files = [DeliveredFile("customers/extract_date=2025-07-31/part-1.csv", MONTH, delivered)]
    audit = MonthAudit("customers", MONTH, delivered, accepted, 0, refused, Counter(), files)
    return replace(audit, **changes)  # type: ignore[arg-type]


def _judge(
    audit: MonthAudit,
    before: Mapping[str, int] = USUAL,
    first_month: str = "2025-01",
    today: date = LONG_AFTER,
) -> list[Problem]:
    delivered = {**before, MONTH: audit.delivered}
    return judge(CUSTOMERS, audit, delivered, _extracts(delivered), first_month, today)


def _extracts(delivered: Mapping[str, int]) -> dict[date, int]:
    """One extract at the end of each month."""
    return {month_end(month): rows for month, rows in delivered.items()}


def test_a_usual_month_has_no_problems() -> None:
    assert _judge(_audit(100)) == []


def test_what_was_remarked_of_rows_is_told_but_not_days_that_mean_none() -> None:
    remarks = Counter(
        {"none:ended_on": 90, "range:household_size": 1, "exchanged:ended_on": 2, "order:ended_on": 3}
    )
    problems = _judge(_audit(100, remarks=remarks))
    assert {p.rule: (p.severity, p.evidence) for p in problems} == {
        "exchanged:ended_on": (
            "warn",
            "In 2 rows ended_on is after the extract, but shortly before it if day and month are exchanged.",
        ),
        "order:ended_on": ("warn", "In 3 rows ended_on is before the start."),
        "range:household_size": (
            "warn",
            "1 row breaks this rule; its value of household_size was made null.",
        ),
    }


@pytest.mark.parametrize(("rows", "blocked"), [(69, True), (70, False), (150, False), (151, True)])
def test_volume_is_held_against_the_median_of_the_months_before(rows: int, blocked: bool) -> None:
    problems = _judge(_audit(rows))
    assert [(p.rule, p.severity) for p in problems] == ([("volume", "block")] if blocked else [])
    if blocked:
        assert f"extract of 2025-07-31: {rows} rows are {rows}.0% of the usual 100" in problems[0].evidence
        assert "part-1.csv" in problems[0].evidence and "Deliver the extract again" in problems[0].remedy


@pytest.mark.parametrize(
    ("rows", "little", "much"), [(69, True, False), (70, False, False), (151, False, True)]
)
def test_a_month_that_is_not_over_may_still_be_small_but_not_too_large(
    rows: int, little: bool, much: bool
) -> None:
    """What is too small while it is open blocks once it is over, and nothing is made of it before."""
    problems = _judge(_audit(rows), today=date(2025, 7, 31))
    assert [p.rule for p in problems] == (["volume"] if much else [])
    delivered = {**USUAL, MONTH: rows}
    told = (MONTH, delivered, _extracts(delivered))
    assert too_small(CUSTOMERS, *told) is little
    warned = replace(CUSTOMERS, month_rules=(MonthRule("volume", 0.7, 1.5, "warn"),))
    assert not too_small(warned, *told), "what does not block does not hold up either"
    assert not too_small(replace(CUSTOMERS, month_rules=()), *told)


CHANGES = replace(CUSTOMERS, delivery="changes")


@pytest.mark.parametrize(
    ("source", "before", "rows", "blocked", "not_judged"),
    [
        # a source that lists everything is held against any extract before
        (CUSTOMERS, {}, 1, False, "0 of 3 extracts before it"),
        (
            CUSTOMERS,
            {"2025-06": 247},
            92,
            True,
            "1 of 3 extracts before it; only a volume that is too small can be found",
        ),
        (
            CUSTOMERS,
            {"2025-05": 250, "2025-06": 247},
            92,
            True,
            "2 of 3 extracts before it; only a volume that is too small",
        ),
        (
            CUSTOMERS,
            {"2025-06": 10},
            247,
            False,
            "1 of 3 extracts before it; only a volume that is too small can be found",
        ),
        (CUSTOMERS, {"2025-04": 250, "2025-05": 250, "2025-06": 247}, 92, True, None),
        # changes differ from month to month
        (CHANGES, {"2025-05": 250, "2025-06": 247}, 92, False, "2 of 3 months before it"),
        (CHANGES, {"2025-04": 250, "2025-05": 250, "2025-06": 247}, 92, True, None),
        (replace(CUSTOMERS, month_rules=()), {}, 1, False, None),
    ],
)
def test_what_is_too_little_shows_as_soon_as_it_can_and_before_it_is_said_to_be_unjudged(
    source: Source, before: Mapping[str, int], rows: int, blocked: bool, not_judged: str | None
) -> None:
    delivered = {**before, MONTH: rows}
    extracts = _extracts(delivered)
    problems = judge(source, _audit(rows), delivered, extracts, "2025-01", LONG_AFTER)
    assert [p.rule for p in problems] == (["volume"] if blocked else [])
    found = volume_not_judged(source, MONTH, delivered, extracts)
    assert found is None if not_judged is None else str(found).startswith(not_judged)


def test_every_extract_of_a_month_counts_where_each_lists_everything() -> None:
    """Four of a week make a usual month, although one of them was cut."""
    weekly = {date(2025, 7, day): rows for day, rows in ((7, 250), (14, 248), (21, 92), (28, 251))}
    [problem] = judge(CUSTOMERS, _audit(841), {MONTH: 841}, weekly, "2025-01", LONG_AFTER)
    assert problem.rule == "volume" and "extract of 2025-07-21: 92 rows are 36.9%" in problem.evidence
    assert not is_whole(CUSTOMERS, MONTH, {MONTH: 841}, weekly)


def test_only_the_six_months_before_count_and_the_month_itself_does_not() -> None:
    old = {f"2024-{m:02d}": 1000 for m in range(1, 13)}
    assert _judge(_audit(100), old | {"2025-05": 100, "2025-06": 110}) == [], "history older than six months"
    assert [p.rule for p in _judge(_audit(1000))] == ["volume"]


@pytest.mark.parametrize(("refused", "blocked"), [(50, False), (51, True)])
def test_a_contract_without_the_rule_tolerates_half_of_the_rows(refused: int, blocked: bool) -> None:
    source = replace(CUSTOMERS, month_rules=())
    problems = judge(source, _audit(100, {"malformed:birth_date": refused}), USUAL, {}, "2025-01", LONG_AFTER)
    assert [(p.rule, p.severity) for p in problems] == ([("refusedShare", "block")] if blocked else [])


@pytest.mark.parametrize(
    ("days", "lost"),
    [
        (("06-30", "07-07", "07-14", "07-21", "07-31"), None),
        (("06-30", "07-07", "07-21", "07-31"), ("07-07", "07-21")),
        (("07-14", "07-21", "07-31"), None),  # nobody knows of an extract before
        (("06-21", "07-07", "07-14", "07-21", "07-31"), ("06-21", "07-07")),
        (("06-07", "06-30", "07-07", "07-14", "07-21", "07-31"), None),  # the business of June
    ],
)
@pytest.mark.parametrize("severity", ["warn", "block"])
def test_an_extract_that_is_missing_between_two_others_shows(
    days: Sequence[str], lost: tuple[str, str] | None, severity: Literal["warn", "block"]
) -> None:
    source = replace(CUSTOMERS, gap=GapRule(13, severity))
    told = {date.fromisoformat(f"2025-{day}"): 100 for day in days}
    usual = {**USUAL, MONTH: 100}
    problems = judge(source, _audit(100), usual, told, "2025-01", LONG_AFTER)
    assert [(p.rule, p.severity) for p in problems] == ([("gap", severity)] if lost else [])
    if lost:
        assert f"no extract came between 2025-{lost[0]} and 2025-{lost[1]}" in problems[0].evidence
    assert is_whole(source, MONTH, usual, told) is not (lost is not None and severity == "block")
    still_open = judge(source, _audit(100), usual, told, "2025-01", date(2025, 7, 31))
    assert [p.severity for p in still_open] == (["warn"] if lost else []), "it may still come"


def test_a_warning_stays_a_warning() -> None:
    lenient = replace(CUSTOMERS, month_rules=(MonthRule("volume", 0.7, 1.5, "warn"),))
    audit = _audit(10)
    told = ({**USUAL, MONTH: 10}, _extracts({**USUAL, MONTH: 10}), "2025-01", LONG_AFTER)
    assert [p.severity for p in judge(lenient, audit, *told)] == ["warn"]
    assert judge(replace(CUSTOMERS, month_rules=()), audit, *told) == []


@pytest.mark.parametrize(("refused", "blocked"), [(2, False), (3, True)])
def test_the_contracted_share_of_refused_rows_is_still_allowed(refused: int, blocked: bool) -> None:
    problems = _judge(_audit(100, {"malformed:birth_date": refused - 1, "required:status": 1}))
    assert [(p.rule, p.severity) for p in problems] == ([("refusedShare", "block")] if blocked else [])
    if blocked:
        assert "3 of 100 rows (3.0%)" in problems[0].evidence
        assert "Most were refused by malformed:birth_date 2" in problems[0].evidence


@pytest.mark.parametrize(("first_month", "blocked"), [("2025-01", True), (MONTH, True), ("2025-08", False)])
def test_a_missing_extract_blocks_from_the_first_month_of_the_source_on(
    first_month: str, blocked: bool
) -> None:
    problems = _judge(_audit(0, files=[]), {}, first_month)
    assert [(p.rule, p.severity) for p in problems] == ([("missing", "block")] if blocked else [])
    if blocked:
        assert "customers/extract_date=2025-07-DD/" in problems[0].evidence


@pytest.mark.parametrize(
    ("today", "blocked"),
    [(date(2025, 7, 1), False), (date(2025, 7, 31), False), (date(2025, 8, 1), True), (LONG_AFTER, True)],
)
def test_an_extract_can_still_come_while_its_month_is_not_over(today: date, blocked: bool) -> None:
    problems = _judge(_audit(0, files=[]), today=today)
    assert [p.rule for p in problems] == (["missing"] if blocked else [])


def test_an_extract_without_rows_is_not_missing() -> None:
    assert _judge(_audit(0), {}) == []


def test_rows_that_went_nowhere_or_came_from_nowhere_block() -> None:
    for accepted in (99, 101):
        problems = _judge(_audit(100, accepted=accepted))
        assert [(p.rule, p.severity) for p in problems] == [("balance", "block")]
        assert f"delivered 100, accepted {accepted}" in problems[0].evidence
    assert _judge(_audit(100, accepted=60, duplicates=40)) == []


def test_undeclared_columns_are_told_by_name() -> None:
    files = [
        DeliveredFile("a.csv", MONTH, 50, 50, ("loyalty_points",)),
        DeliveredFile("b.csv", MONTH, 50, 10, ("mood", "loyalty_points")),
    ]
    (problem,) = _judge(_audit(100, files=files))
    assert (problem.rule, problem.severity) == ("undeclared", "warn")
    assert "60 rows carry loyalty_points, mood" in problem.evidence


@pytest.mark.parametrize("severity", ["warn", "block"])
def test_values_that_are_not_allowed_warn_or_block_as_contracted(severity: Literal["warn", "block"]) -> None:
    region = replace(CUSTOMERS.column("region"), valid_severity=severity)
    source = replace(CUSTOMERS, columns=tuple(region if c.name == "region" else c for c in CUSTOMERS.columns))
    (problem,) = judge(
        source, _audit(100, warned=Counter({"valid:region": 4})), USUAL, {}, "2025-01", LONG_AFTER
    )
    assert (problem.rule, problem.severity) == ("valid:region", severity)
    assert "4 rows" in problem.evidence and "north, south" in problem.evidence


def test_a_problem_reads_as_one_sentence_with_source_month_and_remedy() -> None:
    (problem,) = _judge(_audit(0, files=[]))
    assert str(problem).startswith("customers 2025-07: missing: no extract was delivered")
    assert problem.remedy in str(problem)
