"""What a run recorded about the checks of an asset, and that a blocked asset wrote nothing."""

from typing import Any

import dagster as dg

from churn_assets.lakehouse.tables import Table

Evaluation = Any  # dagster's AssetCheckEvaluation is not public


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, Evaluation]:
    """`asset:check` -> what the run found."""
    found = (event for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION")
    judged = [event.asset_check_evaluation_data for event in found]
    return {data.asset_check_key.to_user_string(): data for data in judged}


def latest_status(instance: dg.DagsterInstance, table: Table, check: str) -> str:
    """Status of the latest evaluation of a check in the instance, as the UI reads it."""
    key = dg.AssetCheckKey(dg.AssetKey(table.key), check)
    [record] = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).values()
    return str(record.status.value)


def require_blocked(
    result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, table: Table, check: str
) -> str:
    """The evidence of a failed check, as text; the step failed, and the asset was not materialised."""
    assert not result.success
    found = evaluations(result)[f"{table.path}:{check}"]
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert latest_status(instance, table, check) == "FAILED"
    keys = {event.asset_key for event in result.get_asset_materialization_events()}
    assert dg.AssetKey(table.key) not in keys
    assert found.metadata["remedy"].value
    assert found.description
    [failed] = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.user_failure_data.description == found.description
    return " ".join(str(entry.value) for entry in found.metadata.values())
