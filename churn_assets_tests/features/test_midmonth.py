"""Snapshots and labels as of days within months, from the extracts of a small simulated lake."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.lakehouse import tables
from churn_assets_tests.lakes import edit_yaml, settings_for
from churn_assets_tests.worlds import MONTHS, Lake

pytestmark = pytest.mark.one_engine(
    reason="runs jobs; the tables are compared with those that the engine computes"
)

MIDMONTH = dg.AssetSelection.assets(tables.MIDMONTH_SNAPSHOTS.key, tables.MIDMONTH_LABELS.key)
TENTH, TWENTIETH = (
    [date(2025, month, 10) for month in (4, 5, 6)],
    [date(2025, month, 20) for month in (4, 5, 6)],
)


def learning_from(days: list[int], lake: Lake, folder: Path) -> Lake:
    """The lake in `folder` with a business that also learns from these days."""
    business = shutil.copytree(lake.settings.business, folder / f"business of {len(days)} days")
    edit_yaml(business / "churn.yaml", lambda file: file["training"].update(as_of_days=days))
    settings = settings_for(folder, business)
    return Lake(settings, load_business(settings.business_path))


@pytest.fixture(scope="module")
def lake(lost_and_found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A copy of the session's lake, with both days of every snapshot month."""
    folder, original = tmp_path_factory.mktemp("midmonth"), lost_and_found["lake"]
    shutil.copytree(original.settings.lake_uri, folder / "lake")
    found = learning_from([20, 10], original, folder)
    assert found.settings.lake_uri == str(folder / "lake")
    found.succeed(MIDMONTH, MONTHS[2:])
    return found


def test_every_declared_day_with_a_whole_window_has_snapshots(lake: Lake) -> None:
    """The windows of days of March, the first snapshot month, begin before the calendar."""
    found = lake.frame(tables.MIDMONTH_SNAPSHOTS)
    assert sorted(set(found["as_of_date"])) == sorted([*TENTH, *TWENTIETH])
    days = lake.business.midmonth_days(MONTHS)
    built = customer_snapshots(lake.lakehouse, lake.business, days)
    expected = built.snapshots.toPandas()
    built.release()
    names = sorted(expected.columns)
    in_order = expected[names].sort_values(names, key=lambda c: c.astype(str), ignore_index=True)
    pd.testing.assert_frame_equal(found, in_order, check_dtype=False)


def test_cohorts_know_nothing_of_them(lake: Lake, lost_and_found: dict[str, Any]) -> None:
    for table in (tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS):
        pd.testing.assert_frame_equal(lake.frame(table), lost_and_found["lake"].frame(table))


def test_their_labels_settle_by_their_own_dates(lake: Lake) -> None:
    """The next extracts after 40 days settle: of the 21st for 10 May, of the 30th for 20 May."""
    labels = lake.frame(tables.MIDMONTH_LABELS)
    told = labels.groupby("as_of_date").agg(
        pending=("outcome", lambda kinds: (kinds == "pending").all()), available=("label_available_at", "max")
    )
    assert told["pending"].to_dict() == {day: day.month == 6 for day in [*TENTH, *TWENTIETH]}
    assert told["available"][date(2025, 5, 10)] == date(2025, 6, 21)
    assert told["available"][date(2025, 5, 20)] == date(2025, 6, 30)
    assert len(labels) == len(lake.frame(tables.MIDMONTH_SNAPSHOTS))


def test_a_month_again_without_a_day_loses_that_day(lake: Lake) -> None:
    before = lake.frame(tables.MIDMONTH_SNAPSHOTS)
    fewer = learning_from([10], lake, Path(lake.settings.home))
    fewer.succeed(MIDMONTH, ["2025-05"])
    kept = before[before["as_of_date"] != date(2025, 5, 20)].reset_index(drop=True)
    pd.testing.assert_frame_equal(lake.frame(tables.MIDMONTH_SNAPSHOTS), kept)
    assert date(2025, 5, 20) not in set(lake.frame(tables.MIDMONTH_LABELS)["as_of_date"])


def test_a_business_of_month_ends_has_no_such_assets(lost_and_found: dict[str, Any], lake: Lake) -> None:
    from churn_assets.definitions import build_defs

    for of, expected in ((lost_and_found["lake"], False), (lake, True)):
        graph = build_defs(of.settings).resolve_asset_graph()
        keys = {tuple(key.path) for key in graph.get_all_asset_keys()}
        assert (tuple(tables.MIDMONTH_SNAPSHOTS.key) in keys) is expected
        parents = {tuple(key.path) for key in graph.get(dg.AssetKey(CHURN_MODEL.key)).parent_keys}
        assert (tuple(tables.MIDMONTH_LABELS.key) in parents) is expected
        assert (tables.MIDMONTH_LABELS in tables.catalogue(of.business)) is expected
