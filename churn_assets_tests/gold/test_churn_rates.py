"""gold/churn_rates and gold/retention_cohorts from hand-written silver, with the example of docs/churn-rates.md."""

from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.loader import load_business
from churn_assets.gold.churn_rates import Group, GroupFlows, month_cells, movements, rate_rows
from churn_assets.gold.customer_months import customer_months
from churn_assets.gold.month_states import revenue_of_months, unknown_revenue
from churn_assets.gold.rate_assets import settled_months
from churn_assets.gold.rate_checks import judge_rates
from churn_assets.graph.checks import CheckFailed
from churn_assets.history.presence import NO_EXTRACTS, Extracts
from churn_assets.months import add_months, month_end, month_index
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.gold.rates_example import EXAMPLE, MONTHS, START, counted, frames
from churn_assets_tests.gold.versions import REFUSED, Version, spell_row, versions_of
from churn_assets_tests.lakes import business_copy, edit_yaml, small_business, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.one_engine(
    reason="other cases of the same frames; the parity test compares the rates"
)


def _movements(
    silver: "dict[str, DataFrame]", business: Business, extracts: Extracts = NO_EXTRACTS, **options: Any
) -> dict[Group, GroupFlows]:
    told, states = counted(silver, business, extracts, **options)
    months = options.get("months", MONTHS)
    cells = month_cells(states, told, business, [month_index(m) for m in months]).toArrow().to_pylist()
    found = movements(cells, business, months)
    assert all(check.passed for check in judge_rates(found, months))
    return found


def _rates(
    found: dict[Group, GroupFlows], month: str, dimension: str = "all", value: str | None = "all"
) -> dict[str, Any]:
    rows = rate_rows(found, {m: date.max for m, _, _ in found}, has_revenue=True)
    [row] = [r for r in rows if (r["month"], r["dimension"], r["value"]) == (month, dimension, value)]
    return row


def _shown(row: dict[str, Any], what: str) -> dict[str, float]:
    """The columns of a row that are not 0, without their prefix."""
    return {n.removeprefix(f"{what}_"): v for n, v in row.items() if n.startswith(f"{what}_") and v}


@pytest.fixture(scope="module")
def example(spark: "SparkSession", business: Business) -> dict[Group, GroupFlows]:
    people: list[Version] = [(who, *START) for who in "abcdei"]
    return _movements(frames(spark, business, subscriptions=EXAMPLE, customers=people), business)


@pytest.mark.both_engines
def test_the_example_of_the_page_comes_out(example: dict[Group, GroupFlows]) -> None:
    """h came and left inside February; the second subscription of i follows within the pause of a renewal."""
    row = _rates(example, "2025-02")
    assert _shown(row, "customers") == {
        "start": 6,
        "new": 1,
        "returned": 1,
        "lost_by_choice": 1,
        "lost_otherwise": 1,
        "unknown": 1,
        "end": 5,
    }
    assert _shown(row, "revenue") == {
        "start": 80,
        "new": 20,
        "returned": 10,
        "lost_by_choice": 10,
        "lost_otherwise": 20,
        "unknown": 10,
        "end": 85,
        "expansion": 15,
        "kept": 55,
    }
    assert (row["joined_and_left"], row["unknown_at_end"]) == (1, 1)
    assert (row["churn_rate"], row["churn_rate_by_choice"]) == (2 / 5, 1 / 5)
    assert row["net_revenue_retention"] == 55 / 70


@pytest.mark.both_engines
def test_the_groups_of_the_example_tell_who_moved(example: dict[Group, GroupFlows]) -> None:
    basic, plus = (_rates(example, "2025-02", "plan", plan) for plan in ("basic", "plus"))
    assert _shown(basic, "customers") == {
        "start": 4,
        "returned": 1,
        "lost_by_choice": 1,
        "unknown": 1,
        "moved_out": 1,
        "end": 2,
    }
    assert _shown(plus, "customers") == {"start": 2, "new": 1, "moved_in": 1, "lost_otherwise": 1, "end": 3}
    assert (basic["net_revenue_retention"], plus["net_revenue_retention"]) == (30 / 30, 25 / 40)
    assert (basic["unknown_at_end"], basic["joined_and_left"]) == (None, None), "counted for all only"
    regions = {value for _, dimension, value in example if dimension == "region"}
    assert regions == {"north", None}, "of f and g no region is known"
    tenure = _rates(example, "2025-02", "tenure", "06 to 11 months")
    assert _shown(tenure, "customers") == {
        "start": 6,
        "returned": 1,
        "lost_by_choice": 1,
        "lost_otherwise": 1,
        "unknown": 1,
        "end": 4,
    }


@pytest.mark.both_engines
def test_a_month_starts_with_the_end_of_the_one_before(example: dict[Group, GroupFlows]) -> None:
    february, march = (_rates(example, month) for month in MONTHS)
    assert (march["customers_start"], march["revenue_start"]) == (5, 85)
    assert february["customers_end"] == march["customers_end"] == 5, "the pause of i was none"
    assert march["net_revenue_retention"] == 1


@pytest.mark.both_engines
@pytest.mark.parametrize(
    ("late", "counts"),
    [
        (
            spell_row(2, "2024-06-01", ended_on="2025-02-20", end_reason="price"),
            {"lost_by_choice": 2, "end": 5},
        ),
        (spell_row(2, "2024-06-01"), {"lost_by_choice": 1, "end": 6}),
    ],
    ids=["left", "stayed"],
)
def test_a_late_row_restates_the_month_that_was_not_known(
    spark: "SparkSession", business: Business, late: dict[str, object], counts: dict[str, int]
) -> None:
    silver = frames(spark, business, subscriptions=[*EXAMPLE, ("e", "2025-04-30", late)])
    shown = _shown(_rates(_movements(silver, business), "2025-02"), "customers")
    assert shown == {"start": 6, "new": 1, "returned": 1, "lost_otherwise": 1} | counts


def test_who_is_unknown_may_be_known_again(spark: "SparkSession", business: Business) -> None:
    """x has two subscriptions; the newest row of one is refused while the other, which runs, begins later."""
    told = [
        ("x", "2025-01-31", spell_row(1, "2024-06-01")),
        ("x", "2025-02-14", {**spell_row(1, "2024-06-01"), REFUSED: True}),
        ("x", "2025-03-31", spell_row(2, "2025-03-10")),
    ]
    found = _movements(frames(spark, business, subscriptions=told), business)
    assert _shown(_rates(found, "2025-02"), "customers") == {"start": 1, "unknown": 1}
    assert _shown(_rates(found, "2025-03"), "customers") == {"known_again": 1, "end": 1}
    assert _rates(found, "2025-02")["churn_rate"] is None, "nobody is known"


def test_one_of_two_subscriptions_that_is_unknown_is_no_shrinkage(
    spark: "SparkSession", business: Business
) -> None:
    """x pays 10 and 30, y pays 20. In February the newest row of what x pays 30 for is refused."""
    told = [
        ("x", "2025-01-31", spell_row(1, "2024-06-01")),
        ("x", "2025-01-31", spell_row(2, "2024-07-01", plan="plus", monthly_price=30)),
        ("x", "2025-02-14", {**spell_row(2, "2024-07-01"), REFUSED: True}),
        ("y", "2025-01-31", spell_row(3, "2024-06-01", monthly_price=20)),
    ]
    found = _movements(frames(spark, business, subscriptions=told), business)
    february = _rates(found, "2025-02")
    assert _shown(february, "customers") == {"start": 2, "end": 2}
    assert _shown(february, "revenue") == {"start": 60, "unknown": 30, "end": 30, "kept": 30}
    assert february["net_revenue_retention"] == 1
    plus, basic = (_rates(found, "2025-02", "plan", plan) for plan in ("plus", "basic"))
    assert _shown(plus, "revenue") == {"start": 40, "unknown": 30, "moved_out": 10, "kept": 10}
    assert _shown(basic, "revenue") == {"start": 20, "moved_in": 10, "end": 30, "kept": 20}
    assert (plus["net_revenue_retention"], basic["net_revenue_retention"]) == (1, 1)
    assert _shown(_rates(found, "2025-03"), "revenue") == {"start": 30, "end": 30, "kept": 30}


def test_a_price_that_is_not_told_is_neither_shrinkage_nor_growth(
    spark: "SparkSession", business: Business
) -> None:
    """The price of x is not told in February, that of the second subscription of y neither."""
    told = [
        *((who, "2025-01-31", spell_row(n, "2024-06-01")) for n, who in enumerate("xy")),
        ("y", "2025-01-31", spell_row(2, "2024-07-01", monthly_price=30)),
        *((who, "2025-02-14", spell_row(n, day, monthly_price=None)) for who, n, day in
          (("x", 0, "2024-06-01"), ("y", 2, "2024-07-01"))),
        ("x", "2025-03-14", spell_row(0, "2024-06-01", monthly_price=12)),
        ("y", "2025-03-14", spell_row(2, "2024-07-01", monthly_price=35)),
    ]  # fmt: skip
    found = _movements(frames(spark, business, subscriptions=told), business)
    february, march = (_rates(found, month) for month in MONTHS)
    assert _shown(february, "customers") == _shown(march, "customers") == {"start": 2, "end": 2}
    assert _shown(february, "revenue") == {"start": 50, "unknown": 40, "end": 10, "kept": 10}
    assert _shown(march, "revenue") == {"start": 10, "known_again": 47, "end": 57, "kept": 10}
    assert february["net_revenue_retention"] == march["net_revenue_retention"] == 1


def test_a_corrected_price_counts_from_the_month_of_its_correction_on(
    spark: "SparkSession", business: Business
) -> None:
    """Nobody can tell a correction from a new price; what was known at the end of February stays."""
    told = [
        ("x", "2025-01-31", spell_row(1, "2024-06-01", monthly_price=30)),
        ("x", "2025-03-14", spell_row(1, "2024-06-01", monthly_price=25)),
    ]
    found = _movements(frames(spark, business, subscriptions=told), business)
    february, march = (_rates(found, month) for month in MONTHS)
    assert _shown(february, "revenue") == {"start": 30, "end": 30, "kept": 30}
    assert _shown(march, "revenue") == {"start": 30, "contraction": 5, "end": 25, "kept": 25}


@pytest.mark.parametrize(("disappeared", "flow"), [("censored", "unknown"), ("churn", "lost_by_choice")])
def test_whoever_disappears_is_unknown_or_lost_as_declared(
    spark: "SparkSession", tmp_path: Path, disappeared: str, flow: str
) -> None:
    business = load_business(small_business(tmp_path, people={"disappeared": disappeared}))
    ends = ["2025-01-31", "2025-02-28", "2025-03-31"]
    region = {"region": "north", "status": "active"}
    people = [("x", ends[0], region), *(("y", day, region) for day in ends)]
    spells = [(who, ends[0], spell_row(n, "2024-06-01")) for n, who in enumerate("xy")]
    extracts = {"customers": [date.fromisoformat(day) for day in ends]}
    silver = frames(spark, business, customers=people, subscriptions=spells)
    row = _rates(_movements(silver, business, extracts), "2025-02")
    assert _shown(row, "customers") == {"start": 2, flow: 1, "end": 1}


@pytest.mark.both_engines
def test_merged_customers_are_one_and_a_merge_into_nobody_is_unknown(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """x was merged into y in February; z was merged into a customer of whom there is no row."""
    from pyspark.sql import functions as F

    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    business = load_business(folder)
    people = [(who, *START) for who in "xyz"]
    people += [(who, "2025-02-28", START[1]) for who in "xyz"]
    spells = [(who, "2025-01-31", spell_row(n, "2024-06-01")) for n, who in enumerate("xyz")]
    silver = frames(spark, business, customers=people, subscriptions=spells)
    into = F.when(
        F.col("known_at") > F.lit("2025-02-01").cast("date"),
        F.when(F.col("customer_key") == "x", "y").when(F.col("customer_key") == "z", "nobody"),
    )
    silver["customers"] = silver["customers"].withColumn("merged_into_key", into)
    row = _rates(_movements(silver, business), "2025-02")
    assert _shown(row, "customers") == {"start": 2, "unknown": 1, "end": 1}
    assert row["revenue_start"] == 30, "the survivor has the subscriptions of both"


@pytest.mark.both_engines
def test_by_inactivity_a_customer_is_lost_when_the_outcome_window_is_over(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """a buys each month; b bought on 5 January for the last time; c comes back in March; d returns goods only.

    The newest purchase of e was refused. The outcome window has 40 days.
    """
    windows = {"observation_months": 6, "gap_days": 0, "outcome_days": 40, "settlement_days": 3}
    business = load_business(business_copy(tmp_path, "shop", windows=windows))

    def bought(who: str, day: str, amount: int, quantity: int = 1, **more: object) -> Version:
        return who, day, {"date": day, "quantity": quantity, "amount": amount} | more

    rows = [
        *(bought("a", f"2025-0{m}-20", 10) for m in (1, 2, 3)),
        bought("b", "2025-01-05", 7),
        bought("c", "2024-12-01", 5),
        bought("c", "2025-03-03", 6),
        bought("d", "2025-01-31", 9),
        bought("d", "2025-03-20", -9, -1),
        bought("e", "2025-01-10", 4),
        bought("e", "2025-02-05", 4, **{REFUSED: True}),
    ]
    silver = frames(spark, business, transactions=rows)
    months = ["2025-01", *MONTHS]
    paid = revenue_of_months(customer_months(silver, business, months), "revenue", None)
    found = _movements(silver, business, sums=paid)
    february, march = (_rates(found, month) for month in MONTHS)
    assert _shown(february, "customers") == {"start": 4, "lost_by_choice": 1, "unknown": 1, "end": 2}
    assert _shown(february, "revenue") == {
        "start": 30,
        "lost_by_choice": 7,
        "unknown": 4,
        "end": 10,
        "contraction": 9,
        "kept": 10,
    }
    assert february["net_revenue_retention"] == 10 / 26
    assert _shown(march, "customers") == {"start": 2, "returned": 1, "lost_by_choice": 1, "end": 2}


def test_a_refused_purchase_is_neither_shrinkage_nor_growth(spark: "SparkSession", tmp_path: Path) -> None:
    """a and b buy for 10 each month. Of a purchase of a in February was refused, and a correction of one of b."""
    windows = {"observation_months": 6, "gap_days": 0, "outcome_days": 40, "settlement_days": 3}
    business = load_business(business_copy(tmp_path, "shop", windows=windows))
    months = ["2025-01", *MONTHS]

    def bought(who: str, day: str, known_at: str, **more: object) -> Version:
        return who, known_at, {"date": day, "quantity": 1, "amount": 10} | more

    rows = [bought(who, f"{m}-20", f"{m}-28") for who in "ab" for m in months]
    rows.append(bought("a", "2025-02-05", "2025-02-28", **{REFUSED: True}))
    rows.append(bought("b", "2025-02-20", "2025-03-31", **{REFUSED: True}))
    silver = frames(spark, business, transactions=rows)
    line = MonthColumn(name="revenue", source="transactions", aggregate="sum", measure="amount")
    unknown = unknown_revenue(silver["transactions"], business.source("transactions"), line, None)
    told = sorted(unknown.toArrow().to_pylist(), key=lambda row: row["customer_key"])
    index = month_index("2025-02")
    assert told == [{"customer_key": who, "as_of_index": index} for who in "ab"]
    paid = revenue_of_months(customer_months(silver, business, months), "revenue", None, unknown)
    found = _movements(silver, business, sums=paid)
    february, march = (_rates(found, month) for month in MONTHS)
    assert _shown(february, "customers") == _shown(march, "customers") == {"start": 2, "end": 2}
    assert _shown(february, "revenue") == {"start": 20, "unknown": 20}
    assert _shown(march, "revenue") == {"known_again": 20, "end": 20}
    assert february["net_revenue_retention"] is None, "nobody's revenue is known"


def test_an_amount_that_does_not_count_as_revenue_may_be_unknown(spark: "SparkSession") -> None:
    """Of three invoices without an amount one is a draft, so it counts for nothing."""
    source = load_business(SHIPPED_BUSINESSES / "telecom").source("invoices")
    line = MonthColumn(
        name="revenue", source="invoices", aggregate="sum", measure="amount", where="status <> 'draft'"
    )
    told: list[Version] = [
        (who, "2025-02-28", {"invoice_id": who, "issued_on": "2025-02-03", "status": status})
        for who, status in (("draft", "draft"), ("no status", None), ("owes", "open"))
    ]
    told.append(("refused", "2025-02-28", {"invoice_id": "refused", "issued_on": None, REFUSED: True}))
    found = unknown_revenue(versions_of(spark, source, told), source, line, None).toArrow().to_pylist()
    index = month_index("2025-02")
    assert sorted((row["customer_key"], row["as_of_index"]) for row in found) == [
        ("no status", index),
        ("owes", index),
        ("refused", index),
    ]


def test_a_broken_equation_is_a_failed_check(example: dict[Group, GroupFlows]) -> None:
    def edit(group: Group, **counts: int) -> dict[Group, GroupFlows]:
        found = deepcopy(example)
        found[group].customers |= counts
        return found

    everybody, basic = ("2025-03", "all", "all"), ("2025-03", "plan", "basic")
    cases = {
        "movements_add_up": edit(everybody, new=9),
        "months_connect": edit(everybody, start=9, end=9),
        "groups_add_up_to_all": edit(
            basic,
            new=example[basic].customers["new"] + 1,
            lost_by_choice=example[basic].customers["lost_by_choice"] + 1,
        ),
    }
    for check, found in cases.items():
        with pytest.raises(CheckFailed) as told:
            judge_rates(found, MONTHS)
        assert told.value.check == check
        assert "2025-03" in str(told.value.evidence["equations"])


def test_a_month_settles_with_the_first_extract_after_the_settlement_days(business: Business) -> None:
    ends = [month_end(f"2025-0{m}") for m in (1, 2, 3, 4)]
    settled, waiting = settled_months(business, "2025-01", ends)
    assert settled == {"2025-02": ends[2], "2025-03": ends[3]}
    assert waiting == ["2025-04"]
    settled, waiting = settled_months(business, "2025-01", [*ends, date(2025, 5, 3)])
    assert settled["2025-04"] == date(2025, 5, 3) and waiting == []


def test_by_inactivity_the_first_month_follows_a_whole_outcome_window(tmp_path: Path) -> None:
    business = load_business(business_copy(tmp_path, "shop"))
    ends = [month_end(add_months("2024-01", n)) for n in range(9)]
    settled, waiting = settled_months(business, "2024-01", ends)
    assert list(settled) == ["2024-07", "2024-08"] and waiting == ["2024-09"]
