"""What the log says of the steps of a run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from deltalake import DeltaTable

from churn_assets import trace
from churn_assets.contracts.loader import load_business
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.operations.log import writing
from churn_assets.operations.log.reading import read_log
from churn_assets.settings import SHIPPED_BUSINESSES, Settings

TRACE = "ab" * 16
CANARY = "Zaphod Canary"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    settings = Settings(home=str(tmp_path))
    writing.start(settings)
    yield writing.log_folder(settings)
    writing.stop()


def _asset(fails: bool) -> dg.AssetsDefinition:
    @table_asset(
        Table("gold", "tried", "one row"),
        load_business(SHIPPED_BUSINESSES / "telecom"),
        description="Tried.",
        spark=False,
    )
    def tried(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        assert trace.current() == (
            context.run.tags.get(trace.TRACE_TAG) or context.run.run_id.replace("-", "")
        )
        if fails:
            raise ValueError(f"the value '{CANARY}' cannot be cast")
        return dg.MaterializeResult(metadata={"dagster/row_count": 7})

    return tried


def test_a_step_logs_its_start_and_its_end_under_the_trace_of_the_run(folder: Path) -> None:
    done = dg.materialize([_asset(fails=False)], tags={trace.TRACE_TAG: TRACE})
    started, ended = [r for r in read_log(folder, TRACE).records if r.get("event.name")]
    assert (started["event.name"], ended["event.name"]) == ("step.started", "step.ended")
    said = ended["attributes"]
    assert said["churn.asset"] == "gold/tried" and said["churn.rows"] == 7
    assert said["churn.run_id"] == done.run_id and said["churn.attempt"] == 1
    assert said["churn.seconds"] >= 0 and said["churn.peak_memory_bytes"] > 1_000_000
    assert trace.current() == ""


def test_a_failed_step_logs_the_class_of_its_error_and_no_value(folder: Path) -> None:
    assert not dg.materialize([_asset(fails=True)], raise_on_error=False).success
    *_, failed = [r for r in read_log(folder).records if r.get("event.name")]
    assert failed["event.name"] == "step.failed" and failed["severity_text"] == "ERROR"
    assert failed["attributes"]["exception.type"] == "builtins.ValueError"
    assert failed["trace_id"] == failed["attributes"]["churn.run_id"].replace("-", "")
    assert CANARY not in "".join(file.read_text() for file in folder.iterdir())


def test_the_rows_of_a_step_are_committed_under_its_trace(tmp_path: Path) -> None:
    lakehouse, table = Lakehouse(Settings(home=str(tmp_path))), tables.CHURN_SCORES

    @table_asset(table, load_business(SHIPPED_BUSINESSES / "telecom"), description="Tried.", spark=False)
    def scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        lakehouse.append_rows(table, table.rows([{"customer_key": "a"}]), run_id=context.run.run_id)
        return dg.MaterializeResult()

    done = dg.materialize([scores], tags={trace.TRACE_TAG: TRACE})
    [commit] = DeltaTable(lakehouse.uri(table)).history()
    assert json.loads(commit["userMetadata"]) == {"dagster_run_id": done.run_id, "trace_id": TRACE}
