"""Design invariants 1 and 2: nothing of the future, and a rebuild equals an increment."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.gold.customer_months import customer_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.stores import unregistered
from churn_assets_tests.lakes import business_copy, not_as_declared, settings_for, write_csv
from churn_assets_tests.worlds import FEATURED, INGEST, MONTHS, SNAPSHOTS, Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
LAST = "extract_date=2025-06-30"
COHORTS = MONTHS[2:]


@pytest.fixture(scope="module")
def lake(lost_and_found: dict[str, Any]) -> Lake:
    """The finished lake; nobody writes to it."""
    found: Lake = lost_and_found["lake"]
    return found


def test_tables_hold_what_the_catalogue_says(lake: Lake) -> None:
    assert not_as_declared(lake.lakehouse, lake.business) == {}
    written = [t for t in tables.catalogue(lake.business) if lake.lakehouse.exists(t)]
    assert {t.layer for t in written} >= {"bronze", "silver", "features"}
    assert unregistered(lake.settings.home_path, lake.business) == ["business-0", "whole"], "the test's"


def _csv(landing: Path, source: str, pattern: str = "*") -> pd.DataFrame:
    files = sorted((landing / source).glob(f"extract_date={pattern}/*.csv"))
    frames = [pd.read_csv(f, dtype=str, encoding="utf-8-sig", keep_default_na=False) for f in files]
    return pd.concat(frames, ignore_index=True)


def _poison(landing: Path) -> None:
    """Into the last extract of June: changed attributes, earlier facts told late, later facts."""
    customers = _csv(landing, "customers", "2025-06-30").iloc[::5].assign(region="centre")
    customers.to_csv(landing / "customers" / LAST / "poison.csv", index=False)
    spells = _csv(landing, "subscriptions").drop_duplicates("subscription_id", keep="last").iloc[:12]
    ended = spells[:6].assign(ended_on="2025-04-10", notice_on="2025-04-01", end_reason="price")
    dearer = spells[6:].assign(monthly_price="99.00", plan="unlimited", expires_on="2025-05-01")
    pd.concat([ended, dearer]).to_csv(landing / "subscriptions" / LAST / "poison.csv", index=False)
    delivered = [
        pq.read_table(f) for f in sorted((landing / "usage").glob("extract_date=2025-0[346]-14/*.parquet"))
    ]
    rows = pa.concat_tables(delivered).to_pandas().dropna(subset=["customer_id"]).iloc[::7]
    rows = rows[rows["data_mb"].between(0, 10_000)].drop_duplicates(["customer_id", "day"])
    rows["data_mb"] += 777.0
    unseen = rows.head(20).assign(day=pd.Timestamp("2025-02-01").date(), data_mb=5_000.0)
    table = pa.Table.from_pandas(pd.concat([rows, unseen]), schema=delivered[0].schema, preserve_index=False)
    pq.write_table(table, landing / "usage" / LAST / "poison.parquet")
    _poison_invoices(landing / "invoices")


def _poison_invoices(folder: Path) -> None:
    """Invoices of March to May that turn out unpaid and dearer in June, and one of February never told before."""
    delivered = [
        json.loads(line)
        for file in sorted(folder.glob("extract_date=2025-0[345]-*/*.jsonl"))
        for line in file.read_text(encoding="utf-8-sig").splitlines()
        if line.endswith("}") and '"payment": {' in line
    ]
    whole = [row for row in delivered if row.get("invoice_id") and row.get("issued_on")]
    told = [row | {"amount": 321.0, "payment": {"status": "failed"}} for row in whole[::4]]
    told.append(whole[0] | {"invoice_id": "I99999999", "issued_on": "2025-02-03", "amount": 4000.0})
    lines = "".join(f"{json.dumps(row)}\n" for row in told)
    (folder / LAST / "poison.jsonl").write_text(lines, encoding="utf-8")


def _until(frame: pd.DataFrame, day: str) -> pd.DataFrame:
    return frame[frame["as_of_date"].astype(str) < day].reset_index(drop=True)


def _as_of(lake: Lake, day: date) -> pd.DataFrame:
    built = customer_snapshots(lake.lakehouse, lake.business, [day])
    found: pd.DataFrame = built.snapshots.toPandas()
    built.release()
    assert len(found) > 30
    return found.sort_values("customer_key", ignore_index=True)


def test_what_is_learned_in_june_changes_no_snapshot_before(lake: Lake, tmp_path: Path) -> None:
    poisoned = lake.sibling(tmp_path)
    _poison(Path(poisoned.settings.landing_uri))
    poisoned.succeed(INGEST, MONTHS)
    poisoned.succeed(SNAPSHOTS, COHORTS)
    before, after = lake.frame(tables.CUSTOMER_SNAPSHOTS), poisoned.frame(tables.CUSTOMER_SNAPSHOTS)
    assert len(_until(before, "2025-06-30")) > 100
    pd.testing.assert_frame_equal(_until(after, "2025-06-30"), _until(before, "2025-06-30"))
    for day in (
        date(2025, 5, 15),
        date(2025, 6, 1),
        date(2025, 6, 29),
    ):  # periods that hold parts of two months
        pd.testing.assert_frame_equal(_as_of(poisoned, day), _as_of(lake, day))
    # and the poison is real: June itself, which knows it, differs in every source
    june = [f[f["as_of_date"].astype(str) == "2025-06-30"].set_index("customer_key") for f in (before, after)]
    both = june[0].index.intersection(june[1].index)
    changed = (
        "customers_region",
        "protected_customers_region",
        "subscriptions_monthly_price",
        "usage_data_mb_sum_3m",
    )
    for column in (*changed, "invoices_amount_sum_3m", "invoices_status_paid_share_3m"):
        old, new = june[0].loc[both, column], june[1].loc[both, column]
        assert (old.astype(str) != new.astype(str)).any(), column
    assert len(june[1]) < len(june[0])


def test_snapshots_carry_protected_attributes_beside_the_features(lake: Lake) -> None:
    snapshots = lake.frame(tables.CUSTOMER_SNAPSHOTS)
    assert not {f.name for f in lake.business.features} & {p.name for p in lake.business.protected}
    assert not any(column.endswith("birth_date") for column in snapshots)
    born = lake.frame(tables.customer_identity(lake.business))
    born = born[born["source"] == "customers"].drop_duplicates("customer_key", keep="last")
    decade = born.set_index("customer_key")["birth_date"].astype(str).str[:3] + "0s"
    carried = snapshots.drop_duplicates("customer_key").set_index("customer_key")[
        "protected_customers_birth_decade"
    ]
    both = carried.index.intersection(decade.index)
    told = carried[both].notna() & decade[both].str.match(r"\d{3}0s")
    assert told.mean() > 0.8
    assert (carried[both][told] == decade[both][told]).mean() > 0.98


def test_out_of_order_and_twice_over_gives_the_same_tables(lake: Lake, tmp_path: Path) -> None:
    again = lake.sibling(tmp_path)
    again.succeed(INGEST, MONTHS[3:])
    again.succeed(INGEST | dg.AssetSelection.assets(tables.CUSTOMER_MONTHS.key), MONTHS[:4])
    for months in (COHORTS[2:], COHORTS[:3]):
        again.succeed(FEATURED, months)
    names = [tables.silver(s) for s in lake.business.sources]
    names += [tables.CUSTOMER_KEYS, tables.QUARANTINE, tables.RECONCILIATION]
    names += [tables.customer_identity(lake.business), tables.CUSTOMER_SNAPSHOTS, tables.CHURN_LABELS]
    for table in names:
        pd.testing.assert_frame_equal(again.frame(table), lake.frame(table), obj=table.path)
    silver = {s.name: lake.lakehouse.read(tables.silver(s)) for s in lake.business.sources}
    at_once = customer_months(silver, lake.business, MONTHS).toPandas().set_index(["customer_key", "month"])
    written = again.lakehouse.arrow(tables.CUSTOMER_MONTHS).to_pandas().set_index(["customer_key", "month"])
    told = [frame.sort_index().astype(str) for frame in (written[at_once.columns], at_once)]
    pd.testing.assert_frame_equal(*told, obj=tables.CUSTOMER_MONTHS.path)


def test_a_month_that_an_extract_delivered_again_speaks_of_no_more_is_mended(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """February's extract told of a purchase in January; delivered again, it does not."""
    settings = settings_for(
        tmp_path, business_copy(tmp_path, "shop", calendar={"start": "2025-01", "end": "2025-06"})
    )
    shop = Lake(settings, load_business(settings.business_path))
    months = ["2025-01", "2025-02", "2025-03"]

    def deliver(month: str, *days: str) -> None:
        bought = [
            {"customer_id": f"C{number}", "date": day, "quantity": 1, "amount": "10.00"}
            for number, day in enumerate(days)
        ]
        write_csv(settings.landing_uri, "transactions", f"{month}-28", bought)

    def purchases() -> dict[str, float]:
        return dict(shop.frame(tables.CUSTOMER_MONTHS).groupby("month")["purchases"].sum())

    ingest = INGEST | dg.AssetSelection.assets(tables.CUSTOMER_MONTHS.key)
    for month in months:
        deliver(month, *[f"{month}-0{day}" for day in range(1, 6)])
    deliver("2025-02", *[f"2025-02-0{day}" for day in range(1, 6)], "2025-01-20")
    shop.succeed(ingest, months)
    assert purchases() == {"2025-01": 6.0, "2025-02": 5.0, "2025-03": 5.0}
    deliver("2025-02", *[f"2025-02-0{day}" for day in range(1, 6)])
    shop.succeed(INGEST, ["2025-02"])
    shop.succeed(ingest, ["2025-03"])  # whichever month is written next
    assert purchases() == {"2025-01": 5.0, "2025-02": 5.0, "2025-03": 5.0}
