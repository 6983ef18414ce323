"""The page of the deployment, asked over GraphQL as the browser does."""

from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.stores import unregistered
from churn_assets_tests.end_to_end.conftest import LAST, Demo, Living
from churn_assets_tests.end_to_end.deployment import until

pytestmark = pytest.mark.slow


def test_the_ui_shows_the_location_and_the_runs(living: Living) -> None:
    def loaded() -> list[dict[str, Any]]:
        entries = living.deployment.graphql(
            """{ workspaceOrError { __typename ... on Workspace { locationEntries {
            name loadStatus locationOrLoadError { __typename } } } } }"""
        )["workspaceOrError"]["locationEntries"]
        return [e for e in entries if e["loadStatus"] == "LOADED"]

    [entry] = until("loading the code location", loaded, 90)
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
    for job in ("ingest", "snapshot", "train", "month_end"):
        assert living.deployment.runs(pipelineName=job)[-1]["status"] == "SUCCESS"


def test_the_daemons_are_healthy(living: Living) -> None:
    def healthy() -> bool:
        query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
        states = living.deployment.graphql(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return bool(states) and all(s["healthy"] for s in states if s["required"])

    assert until("healthy daemons", healthy, 90)


def test_the_ui_shows_what_a_column_means_before_its_table_is_written_again(living: Living) -> None:
    query = """{ assetNodes(assetKeys: [{path: ["silver", "customer_keys"]}]) { metadataEntries {
        ... on TableSchemaMetadataEntry { schema { columns {
            name description constraints { nullable unique } } } } } } }"""
    [node] = living.deployment.graphql(query)["assetNodes"]
    [schema] = [entry["schema"] for entry in node["metadataEntries"] if "schema" in entry]
    [natural, _] = schema["columns"]
    assert natural["name"] == "customer_id" and natural["description"].startswith(
        "Natural id of the customer"
    )
    assert natural["constraints"] == {"nullable": False, "unique": True}


def test_everything_that_a_deployment_leaves_is_registered(demo: Demo, living: Living) -> None:
    """Its lake still has tables of sources that the demo had."""
    business = load_business(demo.settings.business_path)
    assert unregistered(living.lake.settings.home_path, business) == []


def test_an_asset_is_materialised_from_the_ui(living: Living) -> None:
    """Alone, in a process of its own: nothing but what it reads itself has started anything."""
    lakehouse, table = living.lake.lakehouse, tables.CUSTOMER_SEGMENTS
    before, rows = lakehouse.version(table), lakehouse.count(table)
    run = living.deployment.finished(living.deployment.materialise(table.key, LAST))
    assert (run["status"], run["stats"]) == ("SUCCESS", {"stepsSucceeded": 1, "stepsFailed": 0})
    assert [m["assetKey"]["path"] for m in run["assetMaterializations"]] == [table.key]
    assert lakehouse.version(table) == (before or 0) + 1
    assert lakehouse.count(table) == rows
