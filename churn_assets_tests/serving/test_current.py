"""What a release tells of this morning, from tables of the lake."""

from datetime import date, timedelta
from typing import Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.serving.current import DAYS, FORMER_DAYS, SCORES, SNAPSHOTS, Current, read_current
from churn_assets.serving.release.manifest import Manifest
from churn_assets_tests.lakes import small_business
from churn_assets_tests.serving.release.current import MORNING, current_day, current_rows
from churn_assets_tests.serving.release.made import KEYS, model, publish

NEWEST = date(2025, 12, 31)
FORMER = [MORNING - timedelta(days=back) for back in (1, FORMER_DAYS - 1, FORMER_DAYS, 40)]


def write(house: Lakehouse, table: tables.Table, rows: list[dict[str, Any]]) -> None:
    days = sorted({row["as_of_date"] for row in rows})
    house.replace_rows(table, table.rows(rows), "as_of_date", days, run_id="made")


def snapshots(business: Business) -> list[dict[str, Any]]:
    return [
        {"customer_key": key, "as_of_date": day, "known_at": day, "tenure_days": 100.0}
        for key in KEYS[:9]
        for day in (MORNING, FORMER[0])
    ]


@pytest.fixture
def with_current(lakehouse: Lakehouse, business: Business) -> Lakehouse:
    """A lake with the current scores of five days."""
    rows = current_rows(KEYS[:9])
    write(lakehouse, tables.CURRENT_SCORES, rows + [r | {"as_of_date": day} for r in rows for day in FORMER])
    write(lakehouse, tables.current_snapshot(business), snapshots(business))
    return lakehouse


def test_it_tells_the_newest_day_and_the_days_before(with_current: Lakehouse, business: Business) -> None:
    found = read_current(with_current, business, model(), NEWEST)
    assert isinstance(found, Current)
    assert (found.about.as_of_date, found.about.model_version) == (str(MORNING), "4")
    assert found.about.known_until == "2026-01-10"
    assert set(found.tables[SCORES]["as_of_date"].to_pylist()) == {MORNING}
    assert found.tables[SCORES].num_rows == found.about.customers == 9
    assert set(found.tables[DAYS]["as_of_date"].to_pylist()) == {MORNING, *FORMER[:2]}, "14 days, not more"
    assert found.tables[SNAPSHOTS].num_rows == 9
    declared = {f.name for f in business.features}
    assert declared <= set(found.tables[SNAPSHOTS].column_names)


def test_a_source_that_is_not_known_at_all_leaves_the_day_unknown(
    with_current: Lakehouse, business: Business
) -> None:
    unknown = {"as_of_date": MORNING, "known_until": None}
    write(with_current, tables.CURRENT_SCORES, [row | unknown for row in current_rows(KEYS[:9])])
    found = read_current(with_current, business, model(), NEWEST)
    assert isinstance(found, Current) and found.about.known_until is None


def test_without_them_it_says_why(lakehouse: Lakehouse, business: Business) -> None:
    told = read_current(lakehouse, business, model(), NEWEST)
    assert told == "the job daily has not run yet"


def test_scores_older_than_the_month_end_are_not_this_morning(
    with_current: Lakehouse, business: Business
) -> None:
    told = read_current(with_current, business, model(), MORNING + timedelta(days=17))
    assert (
        told
        == "the newest current scores are of 2026-01-14, before the scores of 2026-01-31; run the job daily"
    )
    assert isinstance(read_current(with_current, business, model(), MORNING), Current), (
        "the same day is new enough"
    )


@pytest.mark.parametrize(
    ("end", "stale_from"), [(None, "2026-01-17"), ("2026-01", "2026-01-17"), ("2025-12", None)]
)
def test_newer_ones_are_overdue_while_the_calendar_goes_on(
    with_current: Lakehouse, end: str | None, stale_from: str | None, tmp_path: Any
) -> None:
    of = load_business(small_business(tmp_path, retraining=None, calendar={"start": "2025-01", "end": end}))
    found = read_current(with_current, of, model(), NEWEST)
    assert isinstance(found, Current) and found.about.stale_from == stale_from


def test_the_manifest_keeps_them_and_an_older_one_has_none(tmp_path: Any) -> None:
    made = publish(tmp_path, current_scores=tables.CURRENT_SCORES.rows(current_rows(KEYS[:5])))
    assert Manifest.parse(made.text().encode()) == made and made.about.current == current_day(5)
    without = publish(tmp_path, 1)
    assert without.about.current is None
    older = without.text().replace('"current": null,', "")
    assert older != without.text() and Manifest.parse(older.encode()) == without
