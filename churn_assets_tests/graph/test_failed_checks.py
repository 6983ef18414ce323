"""From bronze to features, a rule that does not hold is a failed check with its evidence, and nothing is committed.

Where no data can break a rule, the function that makes the rows is broken. The checks of models and later tables are in
models/test_failed_checks.py and monitoring/test_assets.py.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from churn_assets.bronze import assets as bronze
from churn_assets.features import assets as features
from churn_assets.features import writing
from churn_assets.gold import assets as gold
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import Table
from churn_assets_tests.checks import evaluations, latest_status, require_blocked
from churn_assets_tests.worlds import MONTHS, Lake, failures

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
MARCH, MATURE = MONTHS[2], MONTHS[3]
Breaking = Callable[[Lake], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def lake(lost_and_found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A copy of the finished lake; every test leaves it as it was."""
    whole: Lake = lost_and_found["lake"]
    copy = whole.sibling(tmp_path_factory.mktemp("broken"), keys=False)
    shutil.copytree(whole.settings.lake_uri, copy.settings.lake_uri)
    return copy


@contextmanager
def restored(lake: Lake, table: Table) -> Iterator[Any]:
    """The Delta table to break; afterwards it is as before."""
    from deltalake import DeltaTable

    delta = DeltaTable(lake.lakehouse.uri(table))
    before = delta.version()
    yield delta
    DeltaTable(lake.lakehouse.uri(table)).restore(before)


def without(table: Callable[[Lake], Table], rows: str) -> Breaking:
    """Deletes rows of a table."""

    @contextmanager
    def breaking(lake: Lake) -> Iterator[None]:
        with restored(lake, table(lake)) as delta:
            delta.delete(rows)
            yield

    return breaking


@contextmanager
def one_id_with_two_keys(lake: Lake) -> Iterator[None]:
    with restored(lake, tables.CUSTOMER_KEYS):
        twice = pa.table({"customer_id": ["C-NATURAL"] * 2, "customer_key": ["key-one", "key-two"]})
        lake.lakehouse.append_rows(tables.CUSTOMER_KEYS, twice, run_id="two at once")
        yield


def made_by(module: Any, name: str, change: Callable[[Any], Any]) -> Breaking:
    """Lets the function of an asset module return something else."""

    @contextmanager
    def breaking(lake: Lake) -> Iterator[None]:
        make = getattr(module, name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, lambda *args: change(make(*args)))
            yield

    return breaking


def doubled(frame: Any) -> Any:
    return frame.unionAll(frame)


def labelled_early(frame: Any) -> Any:
    from pyspark.sql import functions as F

    return frame.withColumn("label", F.coalesce("label", F.lit(1)))


@dataclass(frozen=True)
class Case:
    """A rule of a table, how it is broken, and what the evidence holds."""

    table: Callable[[Lake], Table]
    check: str
    breaking: Breaking
    evidence: tuple[str, ...]
    month: str = MARCH


def always(table: Table) -> Callable[[Lake], Table]:
    return lambda lake: table


def bronze_customers(lake: Lake) -> Table:
    return tables.bronze(lake.business.source("customers"))


def silver_usage(lake: Lake) -> Table:
    return tables.silver(lake.business.source("usage"))


NO_USAGE = without(always(tables.RECONCILIATION), "source = 'usage' AND extract_month = '2025-05'")
NO_LABEL_SOURCE = without(always(tables.RECONCILIATION), "source = 'subscriptions'")
CASES = [
    Case(
        bronze_customers,
        "every_row_of_every_file",
        made_by(bronze, "bronze_frame", lambda frame: frame.where("row_number <> 2")),
        (f"customers/extract_date={MARCH}",),
    ),
    Case(always(tables.CUSTOMER_KEYS), "one_key_per_customer", one_id_with_two_keys, ("key-one", "key-two")),
    Case(
        always(tables.RECONCILIATION),
        "every_row_accounted_for",
        without(silver_usage, f"extract_month = '{MARCH}'"),
        ("| usage |", MARCH),
    ),
    Case(
        always(tables.CUSTOMERS),
        "one_row_per_customer",
        made_by(gold, "customers", doubled),
        ("customer_key", "| 2 |"),
    ),
    Case(always(tables.CUSTOMERS), "label_source_loaded", NO_LABEL_SOURCE, ("| subscriptions |",)),
    Case(
        always(tables.CUSTOMER_MONTHS),
        "one_row_per_customer_and_month",
        made_by(gold, "customer_months", doubled),
        ("| customer_key | month |", MARCH, "| 2 |"),
    ),
    Case(always(tables.CHURN_EVENTS), "label_source_loaded", NO_LABEL_SOURCE, ("| subscriptions |",)),
    Case(
        always(tables.CUSTOMER_SNAPSHOTS),
        "every_source_complete",
        NO_USAGE,
        ("| usage | 2025-05 |",),
        "2025-06",
    ),
    Case(
        always(tables.CUSTOMER_SNAPSHOTS),
        "one_row_per_customer",
        made_by(
            features, "customer_snapshots", lambda built: replace(built, snapshots=doubled(built.snapshots))
        ),
        ("| customer_key | as_of_date |", "2025-03-31", "| 2 |"),
    ),
    Case(
        always(tables.CUSTOMER_SNAPSHOTS),
        "one_row_per_customer",
        made_by(
            features,
            "customer_snapshots",
            lambda built: replace(built, snapshots=built.snapshots.limit(3)),
        ),
        ("3",),
    ),
    Case(always(tables.CHURN_LABELS), "label_source_loaded", NO_LABEL_SOURCE, ("| subscriptions |",)),
    Case(
        always(tables.CHURN_LABELS),
        "no_label_from_incomplete_feed",
        NO_USAGE,
        ("| usage | 2025-05 |",),
        MATURE,
    ),
    Case(
        always(tables.CHURN_LABELS),
        "no_label_before_maturity",
        made_by(writing, "churn_labels", labelled_early),
        ("2025-06-30",),
        "2025-06",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.check)
def test_a_broken_rule_is_a_failed_check_and_a_mended_one_passes(lake: Lake, case: Case) -> None:
    table = case.table(lake)
    selection, instance = dg.AssetSelection.assets(table.key), dg.DagsterInstance.ephemeral()
    lake.succeed(selection, [case.month])
    with case.breaking(lake):
        before = lake.lakehouse.version(table)
        result = lake.run(selection, [case.month], instance=instance)
        evidence = require_blocked(result, instance, table, case.check)
        assert lake.lakehouse.version(table) == before
    for part in case.evidence:
        assert part in evidence, evidence
    assert "C-NATURAL" not in str(result.all_events)
    again = lake.run(selection, [case.month], instance=instance)
    assert again.success, failures(again)
    assert evaluations(again)[f"{table.path}:{case.check}"].passed
    assert latest_status(instance, table, case.check) == "SUCCEEDED"


def test_nothing_downstream_runs(lake: Lake) -> None:
    selection = dg.AssetSelection.assets(
        *(t.key for t in (tables.RECONCILIATION, tables.CUSTOMER_MONTHS, tables.CHURN_EVENTS))
    )
    with without(silver_usage, f"extract_month = '{MARCH}'")(lake):
        result = lake.run(selection, [MARCH])
    assert list(failures(result)) == ["silver__reconciliation"]
    assert result.get_asset_materialization_events() == []


def test_no_evidence_holds_a_natural_id(lake: Lake) -> None:
    """Evidence lies in Dagster's storage: natural ids of the extracts are nowhere in it."""
    ids = set(lake.frame(tables.CUSTOMER_KEYS)["customer_id"])
    assert len(ids) > 50
    with made_by(gold, "customers", doubled)(lake):
        result = lake.run(dg.AssetSelection.assets(tables.CUSTOMERS.key), [MARCH])
    told = str(evaluations(result)[f"{tables.CUSTOMERS.path}:one_row_per_customer"].metadata)
    assert [name for name in ids if name in told] == []
