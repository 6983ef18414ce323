"""What a training refuses, and what scores, segments and drift refuse, is a failed check with its evidence."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from mlflow import MlflowClient

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import Table
from churn_assets.monitoring import read_cohorts
from churn_assets.months import month_end, month_range
from churn_assets_tests.checks import evaluations, latest_status, require_blocked
from churn_assets_tests.lakes import edit_yaml, settings_for, small_business
from churn_assets_tests.worlds import Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="trains and scores in Python; the engine only makes the tables")

COHORTS, TRAINED, SCORED = month_range("2025-04", "2025-10"), "2025-12", "2025-11"
CUSTOMERS, DAYS_TO_LABEL = 300, 40
KEYS = [f"{i * 16**8 // CUSTOMERS:08x}" for i in range(CUSTOMERS)]
MODEL, SCORES = dg.AssetSelection.assets(CHURN_MODEL.key), dg.AssetSelection.assets(tables.CHURN_SCORES.key)
SEGMENTS, DRIFT = (dg.AssetSelection.assets(t.key) for t in (tables.CUSTOMER_SEGMENTS, tables.DRIFT))
Labels = Callable[[np.random.Generator, Any], Any]


def honest(rng: np.random.Generator, tenure: Any) -> Any:
    """Labels that tenure says something about."""
    return (rng.random(len(tenure)) < 1 / (1 + np.exp(tenure / 200 - 1))).astype(int)


def by_chance(rng: np.random.Generator, tenure: Any) -> Any:
    return (rng.random(len(tenure)) < 0.3).astype(int)


def written_by_the_outcome(rng: np.random.Generator, tenure: Any) -> Any:
    return (tenure < 150).astype(int)


def hardly_any(rng: np.random.Generator, tenure: Any) -> Any:
    return (np.arange(len(tenure)) < 1).astype(int)


def declared(lake: Lake, table: Table) -> Table:
    """The table with its columns, which for snapshots depend on the business."""
    return tables.customer_snapshots(lake.business) if table == tables.CUSTOMER_SNAPSHOTS else table


def replace_rows(
    lake: Lake, table: Table, rows: list[dict[str, Any]], column: str, values: Sequence[object]
) -> None:
    table = declared(lake, table)
    lake.lakehouse.replace_rows(table, table.rows(rows), column, values, run_id="test")


def write_cohorts(lake: Lake, labels: Labels, months: Sequence[str] = COHORTS) -> None:
    """Snapshots and, of the cohorts to train on, settled labels."""
    rng = np.random.default_rng(5)
    snapshots, settled = [], []
    for month in months:
        tenure, day = rng.integers(1, 1000, CUSTOMERS), month_end(month)
        left = labels(rng, tenure)
        for i, key in enumerate(KEYS):
            who = {"customer_key": key, "as_of_date": day}
            attributes = {"customers_region": "north" if i % 3 else "south", "tickets_count_1m": float(i % 4)}
            protected = {"protected_customers_birth_decade": "1980s", "protected_customers_region": "north"}
            snapshots.append(
                who | {"known_at": day, "tenure_days": float(tenure[i])} | attributes | protected
            )
            known = month in COHORTS
            label = {"label": int(left[i]), "outcome": "churned" if left[i] else "stayed"}
            pending = {"label": None, "outcome": "pending"}
            settled.append(
                who
                | (label if known else pending)
                | {"label_available_at": day + timedelta(days=DAYS_TO_LABEL)}
            )
    days = [month_end(month) for month in months]
    replace_rows(lake, tables.CUSTOMER_SNAPSHOTS, snapshots, "as_of_date", days)
    replace_rows(lake, tables.CHURN_LABELS, settled, "as_of_date", days)


def pass_silver(lake: Lake, months: Sequence[str]) -> None:
    rows = [
        {"source": s.name, "extract_month": month, "balances": True}
        for s in lake.business.sources
        for month in months
    ]
    replace_rows(lake, tables.RECONCILIATION, rows, "extract_month", months)


def lake_in(folder: Path) -> Lake:
    training = {"candidates": ["logistic_regression"], "validation_cohorts": 1, "row_limit": 10_000}
    settings = settings_for(folder, small_business(folder, training=training))
    return Lake(settings, load_business(settings.business_path))


@pytest.fixture(scope="module")
def lake(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with one model, trained as of December on honest cohorts, that has scored November."""
    lake = lake_in(tmp_path_factory.mktemp("trained"))
    write_cohorts(lake, honest, [*COHORTS, SCORED])
    pass_silver(lake, [SCORED])
    lake.succeed(MODEL, ["2025-11"])
    lake.succeed(SCORES | SEGMENTS, [SCORED])
    return lake


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """What the page of an asset reads; shared by the tests, which run in order."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _registered(lake: Lake) -> list[str]:
    from mlflow import MlflowClient

    return [
        str(version.version) for version in MlflowClient(lake.settings.mlflow_uri).search_model_versions()
    ]


@pytest.mark.parametrize(
    ("labels", "month", "check", "evidence"),
    [
        (
            written_by_the_outcome,
            TRAINED,
            "no_feature_knows_the_outcome",
            ("tenure_days alone", "limit 0.95"),
        ),
        (hardly_any, TRAINED, "training_sample_usable", ("churners among", "| 2025-05-31 | 300 | 1 |")),
        (by_chance, TRAINED, "better_than_chance", ("2025-12-31", "2025-10-31")),
        (honest, "2025-06", "enough_matured_cohorts", ("2025-06-30", "more monthly cohorts")),
    ],
)
def test_a_refused_training_is_a_failed_check_and_registers_nothing(
    lake: Lake,
    instance: dg.DagsterInstance,
    labels: Labels,
    month: str,
    check: str,
    evidence: tuple[str, ...],
) -> None:
    recorded = (tables.TRAINING_RUNS, tables.CHAMPIONS)
    before = [lake.lakehouse.version(table) for table in recorded]
    write_cohorts(lake, labels)
    result = lake.run(MODEL, [month], instance=instance)
    told = require_blocked(result, instance, CHURN_MODEL, check)
    for part in evidence:
        assert part in told, told
    said = failures(result)["models__churn_model"]
    assert f"trained_as_of {month_end(month)}" in said and "No model was registered." in said
    assert [lake.lakehouse.version(table) for table in recorded] == before
    assert _registered(lake) == ["1"]


def test_the_next_training_on_honest_cohorts_passes_every_check(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    write_cohorts(lake, honest)
    result = lake.run(MODEL, [TRAINED], instance=instance)
    assert result.success, failures(result)
    assert len(_registered(lake)) == 2
    checks = evaluations(result)
    assert len(checks) == 4
    for key, found in checks.items():
        assert found.passed and found.metadata["trained_as_of"].value == str(month_end(TRAINED))
        assert latest_status(instance, CHURN_MODEL, key.partition(":")[2]) == "SUCCEEDED"


@contextmanager
def customers_twice(lake: Lake, table: Table) -> Iterator[None]:
    """Some rows of the scored cohort stand in a table twice."""
    from deltalake import DeltaTable

    delta = DeltaTable(lake.lakehouse.uri(table))
    before = delta.version()
    some = [("as_of_date", "=", month_end(SCORED)), ("customer_key", "<=", KEYS[2])]
    lake.lakehouse.append_rows(declared(lake, table), lake.lakehouse.arrow(table, None, some), run_id="twice")
    yield
    DeltaTable(lake.lakehouse.uri(table)).restore(before)


@contextmanager
def a_month_that_has_not_passed(lake: Lake) -> Iterator[None]:
    from deltalake import DeltaTable

    DeltaTable(lake.lakehouse.uri(tables.RECONCILIATION)).delete("source = 'tickets'")
    yield
    pass_silver(lake, [SCORED])


@contextmanager
def a_feature_that_is_gone(lake: Lake) -> Iterator[None]:
    """churn.yaml no longer declares it, and the snapshots hold no value of it."""
    from deltalake import DeltaTable

    delta = DeltaTable(lake.lakehouse.uri(tables.CUSTOMER_SNAPSHOTS))
    before, file = delta.version(), lake.settings.business_path / "churn.yaml"
    declared = file.read_text(encoding="utf-8")
    delta.update(predicate=f"as_of_date = '{month_end(SCORED)}'", updates={"tickets_count_1m": "NULL"})
    edit_yaml(file, lambda content: content["features"].pop())
    load_business.cache_clear()
    yield
    file.write_text(declared, encoding="utf-8")
    load_business.cache_clear()
    DeltaTable(lake.lakehouse.uri(tables.CUSTOMER_SNAPSHOTS)).restore(before)


@pytest.mark.parametrize(
    ("table", "check", "breaking", "evidence"),
    [
        (
            tables.CHURN_SCORES,
            "one_probability_per_customer",
            lambda lake: customers_twice(lake, tables.CUSTOMER_SNAPSHOTS),
            (f"| {KEYS[0]} |", "| 2 |"),
        ),
        (
            tables.CHURN_SCORES,
            "every_source_complete",
            a_month_that_has_not_passed,
            (f"| tickets | {SCORED} |",),
        ),
        (tables.CHURN_SCORES, "champion_has_its_features", a_feature_that_is_gone, ("tickets_count_1m",)),
        (
            tables.CUSTOMER_SEGMENTS,
            "one_segment_per_customer",
            lambda lake: customers_twice(lake, tables.CHURN_SCORES),
            (f"| {KEYS[0]} |", "| 2 |"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_scores_and_segments_are_refused_with_the_evidence(
    lake: Lake,
    instance: dg.DagsterInstance,
    table: Table,
    check: str,
    breaking: Callable[[Lake], AbstractContextManager[None]],
    evidence: tuple[str, ...],
) -> None:
    chosen = dg.AssetSelection.assets(table.key)
    with breaking(lake):
        before = lake.lakehouse.version(table)
        result = lake.run(chosen, [SCORED], instance=instance)
        told = require_blocked(result, instance, table, check)
        assert lake.lakehouse.version(table) == before
    for part in evidence:
        assert part in told, told
    again = lake.run(chosen, [SCORED], instance=instance)
    assert again.success, failures(again)
    assert latest_status(instance, table, check) == "SUCCEEDED"


def test_a_version_without_drift_is_a_failed_check(
    lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large cohort a sample is compared; a version that scored none of its customers has no row."""
    from deltalake import DeltaTable

    lake.succeed(DRIFT, [SCORED])
    scores = lake.lakehouse.arrow(tables.CHURN_SCORES, None, [("customer_key", ">=", KEYS[-5])])
    tracking = tracking_of(lake.settings, lake.business)
    client = MlflowClient(tracking.uri, tracking.uri)
    nowhere = (
        lake.settings.home_path.as_uri()
    )  # nobody loads a version that no sampled customer was scored by
    other_version = client.create_model_version(tracking.model_name, nowhere).version
    version = pa.array([str(other_version)] * scores.num_rows)
    other = scores.set_column(scores.schema.get_field_index("model_version"), "model_version", version)
    written = lake.lakehouse.version(tables.CHURN_SCORES)
    lake.lakehouse.append_rows(tables.CHURN_SCORES, other, run_id="a few")
    monkeypatch.setattr(read_cohorts, "DRIFT_LIMIT", CUSTOMERS // 2)
    before = lake.lakehouse.version(tables.DRIFT)
    result = lake.run(DRIFT, [SCORED], instance=instance)
    told = require_blocked(result, instance, tables.DRIFT, "every_scored_version_compared")
    assert f"| {month_end(SCORED)} | {other_version} | 5 |" in told
    assert lake.lakehouse.version(tables.DRIFT) == before
    DeltaTable(lake.lakehouse.uri(tables.CHURN_SCORES)).restore(written)
    client.delete_model_version(tracking.model_name, str(other_version))
    again = lake.run(DRIFT, [SCORED], instance=instance)
    assert again.success, failures(again)
    assert latest_status(instance, tables.DRIFT, "every_scored_version_compared") == "SUCCEEDED"


def test_where_nobody_is_in_charge_no_check_has_passed(lake: Lake, tmp_path: Path) -> None:
    """Without a champion, and without scores, there is nothing to judge: a warning, which blocks nothing."""
    empty = lake_in(tmp_path)
    write_cohorts(empty, honest, [SCORED])
    result = empty.run(SCORES | SEGMENTS | DRIFT, [SCORED])
    assert result.success, failures(result)
    checks = evaluations(result)
    assert len(checks) == 5
    for found in checks.values():
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "Not judged" in found.description and found.metadata["not judged"].value
