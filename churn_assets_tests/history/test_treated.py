"""Who was treated: also through a merge, and not where the row that would tell was refused."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.history.treated import Treated, follows_merges, treated_in
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets_tests.lakes import edit_yaml, settings_for, small_business, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JUNE, AVAILABLE = date(2025, 6, 30), date(2025, 8, 31)
RULE = {"treated": [{"source": "tickets", "column": "category", "values": ["network"]}]}


def _ticket(who: str, number: str, known_at: date, **columns: object) -> dict[str, Any]:
    opened = {"category": "network", "opened_at": datetime(2025, 7, 3, tzinfo=UTC), "refused": False}
    return {"customer_key": who, "ticket_id": number, "known_at": known_at} | opened | columns


def _is_merged(who: str, into: str, known_at: date) -> dict[str, Any]:
    told = {"known_at": known_at, "latest_in_month": True, "refused": False}
    return {"customer_key": who, "merged_into_key": into} | told


def _write(lakehouse: Lakehouse, business: Business, source: str, rows: Sequence[dict[str, Any]]) -> None:
    table = tables.silver(business.source(source))
    told = [row | {"sequence": 1, "extract_month": month_of(row["known_at"])} for row in rows]
    months = sorted({row["extract_month"] for row in told})
    lakehouse.replace_rows(table, table.rows(told), "extract_month", months, run_id="run")


def test_who_was_merged_was_treated_for_the_survivor(spark: "SparkSession", tmp_path: Path) -> None:
    """The outcome is the survivor's, so a survivor who was called under the old id is not untreated."""
    folder = small_business(tmp_path, retraining=None, monitoring=RULE)
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    business, lakehouse = load_business(folder), Lakehouse(settings_for(tmp_path))
    before, july, late = date(2025, 5, 31), date(2025, 7, 31), date(2025, 9, 30)
    people = [*"abcdefg"]
    merges = [("a", "b", before), ("c", "d", july), ("d", "e", july), ("f", "g", late)]
    rows = [_is_merged(who, who, date(2025, 1, 31)) for who in people]
    _write(lakehouse, business, "customers", [*rows, *(_is_merged(*merge) for merge in merges)])
    _write(lakehouse, business, "tickets", [_ticket(who, who, july) for who in "acf"])
    assert treated_in(lakehouse, business, JUNE, AVAILABLE) == Treated({*"ab", *"ce", "f"})
    assert follows_merges(business)


def test_whose_treatment_was_refused_may_have_been_treated(tmp_path: Path) -> None:
    """A refused row has no values: its day is that on which it came."""
    business = load_business(small_business(tmp_path, retraining=None, monitoring=RULE))
    lakehouse = Lakehouse(settings_for(tmp_path))
    july, august = date(2025, 7, 7), date(2025, 8, 31)
    nothing: dict[str, Any] = {"category": None, "opened_at": None, "refused": True}
    tickets = [
        _ticket("a", "1", july),
        _ticket("b", "2", july, **nothing),
        _ticket("c", "3", july),
        _ticket("c", "3", date(2025, 8, 5), **nothing),
        # known to be treated by another row
        _ticket("a", "4", july, **nothing),
        # came after the outcome window, and before the cohort
        _ticket("d", "5", august, **nothing),
        _ticket("e", "6", JUNE, **nothing),
        _ticket("f", "7", july, category="billing"),
    ]
    _write(lakehouse, business, "tickets", tickets)
    assert treated_in(lakehouse, business, JUNE, AVAILABLE) == Treated({"a"}, {*"bc"})
    assert not follows_merges(business)
