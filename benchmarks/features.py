"""`python -m benchmarks.features PART FOLDER`: features of usage for all cohorts, by the graph and by hand-written SQL.

`churn_assets` computes the declared features of the source `usage` with the graph's engine, `duckdb` the same ones with
SQL written for DuckDB; both read silver/usage of the lake of CHURN_HOME and write a Parquet file. `start` only starts
the engine. `compare` fails unless both files hold the same customers, cohorts and values.
"""

import sys
from pathlib import Path

import numpy as np

from churn_assets.contracts.loader import load_business
from churn_assets.features.cells import features_from_cells, monthly_cells, terms_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_index
from churn_assets.settings import Settings

SOURCE = "usage"
KEY = ["customer_key", "as_of_index"]
TOLERANCE = 1e-9
SUMS = {
    "data_mb": ((1, 3, 6), (7, 14)),
    "voice_minutes": ((1, 3, 6), (7, 14)),
    "sms_count": ((1, 3), ()),
    "roaming_mb": ((3,), ()),
    "outage_minutes": ((1, 3, 6), (14,)),
    "dropped_calls": ((1, 3, 6), (14,)),
}
TRENDS = {"data_mb": (1, 3), "voice_minutes": (1, 3)}


def with_churn_assets(folder: Path) -> None:
    """Writes the features that `churn.yaml` declares."""
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    source = business.source(SOURCE)
    declared = [f for f in business.features if f.source == SOURCE]
    terms = list(dict.fromkeys(term for feature in declared for term in terms_of(feature)))
    cells = monthly_cells(lakehouse.read(tables.silver(source)), source, terms)
    found = features_from_cells(cells, _cohorts(lakehouse), declared)
    names = [feature.name for feature in declared]
    found.select(*KEY, *names).write.parquet((folder / "churn_assets").as_uri())


def with_duckdb(folder: Path) -> None:
    """Writes the same features by hand-written SQL."""
    import duckdb
    from deltalake import DeltaTable

    lakehouse = Lakehouse(Settings())
    source = load_business(Settings().business_path).source(SOURCE)
    files = DeltaTable(lakehouse.uri(tables.silver(source))).file_uris()
    cohorts = _cohorts(lakehouse)
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute(_by_month(), [files])
    (folder / "duckdb").mkdir()
    db.execute(f"COPY ({_by_cohort(cohorts)}) TO '{folder / 'duckdb' / 'features.parquet'}' (FORMAT parquet)")


def _by_month() -> str:
    """SQL that sums the usage of each customer and month, by the months in which it was known."""
    sums = []
    for measure, (_, days) in SUMS.items():
        sums.append(f"sum({measure}) AS {measure}")
        for last in days:
            inside = f"date_diff('day', day, last_day(day)) < {last}"
            sums.append(f"sum({measure}) FILTER ({inside}) AS {measure}_{last}d")
    return f"""
        CREATE TEMP TABLE by_month AS
        WITH seen AS (
            SELECT *, 12 * year(known_at) + month(known_at) - 1 AS known
            FROM read_parquet(?) WHERE latest_in_month
        ), valid AS (
            SELECT *, lead(known) OVER (PARTITION BY customer_key, day ORDER BY known) AS superseded FROM seen
        )
        SELECT customer_key, 12 * year(day) + month(day) - 1 AS month, known, superseded, {", ".join(sums)}
        FROM valid WHERE NOT refused GROUP BY ALL"""


def _by_cohort(cohorts: list[int]) -> str:
    """SQL of the features of each customer and cohort."""

    def window(column: str, first: int, last: int) -> str:
        inside = f"as_of_index - month BETWEEN {first} AND {last}"
        return f"coalesce(sum({column}) FILTER ({inside}), 0)::DOUBLE"

    columns = []
    for measure, (months, days) in SUMS.items():
        columns += [f"{window(measure, 0, n - 1)} AS usage_{measure}_sum_{n}m" for n in months]
        columns += [f"{window(f'{measure}_{n}d', 0, 0)} AS usage_{measure}_sum_{n}d" for n in days]
    for measure, months in TRENDS.items():
        for n in months:
            now, before = window(measure, 0, n - 1), window(measure, n, 2 * n - 1)
            trend = f"CASE WHEN {now} + {before} > 0 THEN ({now} - {before}) / ({now} + {before}) END"
            columns.append(f"{trend} AS usage_{measure}_trend_{n}m")
    return f"""
        SELECT customer_key, as_of_index, {", ".join(columns)}
        FROM by_month JOIN (SELECT unnest({cohorts}) AS as_of_index) ON
            as_of_index >= greatest(known, month) AND as_of_index < least(coalesce(superseded, 999999), month + 6)
        GROUP BY ALL"""


def _cohorts(lakehouse: Lakehouse) -> list[int]:
    days = lakehouse.slices(tables.CUSTOMER_SNAPSHOTS, "as_of_date")
    return sorted(month_index(str(day)[:7]) for day in days)


def compare(folder: Path) -> None:
    """Compares the two files.

    Raises:
        SystemExit: they differ; the message names the column.
    """
    import pyarrow.parquet as pq

    ours, theirs = (
        pq.read_table(folder / name).to_pandas().sort_values(KEY, ignore_index=True)
        for name in ("churn_assets", "duckdb")
    )
    if set(ours.columns) != set(theirs.columns) or not ours[KEY].equals(theirs[KEY].astype(ours[KEY].dtypes)):
        sys.exit(f"other rows or columns: {ours.shape} and {theirs.shape}")
    for name in ours.columns.drop(KEY):
        if not np.allclose(ours[name], theirs[name], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            sys.exit(f"{name} differs")
    (folder / "equal").write_text(f"{len(ours):,} rows x {len(ours.columns) - len(KEY)} features")


def start(folder: Path) -> None:
    """Starts the engine of the graph, and no more."""
    rows = Lakehouse(Settings()).spark.range(1).count()
    (folder / "started").write_text(str(rows))


PARTS = {"churn_assets": with_churn_assets, "duckdb": with_duckdb, "compare": compare, "start": start}

if __name__ == "__main__":
    PARTS[sys.argv[1]](Path(sys.argv[2]))
