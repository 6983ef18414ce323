"""Deployment > Resources of a real webserver shows what is in effect, and no secret."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from churn_assets.operations.log.reading import read_log
from churn_assets.settings import Settings
from churn_assets_tests.end_to_end.deployment import REPOSITORY_SELECTOR, Deployment

pytestmark = pytest.mark.slow
RESOURCES = """query($selector: RepositorySelector!) {
  allTopLevelResourceDetailsOrError(repositorySelector: $selector) { ... on ResourceDetailsList { results {
    name resourceType description configFields { name description defaultValueAsJson }
    configuredValues { key value } nestedResources { name type resource {
      name configuredValues { key value } configFields { name defaultValueAsJson } } } } } } }"""
LAUNCHPAD = """query($selector: PipelineSelector!) { runConfigSchemaOrError(selector: $selector) {
  ... on RunConfigSchema { rootDefaultYaml } } }"""
SECRETS = ("hidden-one", "hidden-two", "hidden-three", "hidden-four")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A webserver whose settings hold secrets in every place where they can stand; nothing behind them exists."""
    folder = tmp_path_factory.mktemp("resources")
    conf = {
        "spark.hadoop.fs.s3a.secret.key": "hidden-two",
        "spark.driver.extraJavaOptions": "-Djavax.net.ssl.trustStorePassword=hidden-three",
        "spark.executor.cores": "4",
    }
    deployment = Deployment(
        Settings(home=str(folder / "home")),
        folder,
        CHURN_TRACKING_URI="postgresql://churn:hidden-one@db.example/mlflow",
        CHURN_SPARK_CONF=json.dumps(conf),
        CHURN_LANDING="s3a://id:hidden-four@bucket/landing",
        CHURN_ARTIFACTS="s3://bucket/artifacts",
        CHURN_KEEP_DAYS="45",
    )
    try:
        deployment.start_webserver()
        yield deployment
    finally:
        deployment.stop()


def _values(resource: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: json.loads(entry["value"]) for entry in resource["configuredValues"]}


def test_the_page_writes_the_structured_log(deployment: Deployment) -> None:
    records = read_log(deployment.settings.log_path).records
    [started] = [record for record in records if record.get("event.name") == "process.started"]
    assert started["attributes"]["churn.process"] == "dagster-webserver"


def test_the_page_shows_the_values_in_effect_and_no_secret(deployment: Deployment) -> None:
    answer = deployment.graphql(RESOURCES, selector=REPOSITORY_SELECTOR)
    found = {r["name"]: r for r in answer["allTopLevelResourceDetailsOrError"]["results"]}
    assert {"settings", "lakehouse", "tracking"} <= found.keys()
    settings, lakehouse, tracking = (_values(found[n]) for n in ("settings", "lakehouse", "tracking"))
    home = str(deployment.settings.home_path)
    assert (settings["home"], settings["keep_days"]) == (home, 45)
    assert settings["business"].endswith("businesses/telecom")
    assert settings["driver_memory"] == "by the size of the landing zone"
    assert lakehouse["lake"] == f"{home}/lake"
    assert lakehouse["landing"] == settings["landing"] == "s3a://***@bucket/landing"
    assert (lakehouse["engine_profile"], lakehouse["spark_master"]) == ("auto", "local[*]")
    conf = {"spark.executor.cores": "4"}
    secret = ("spark.hadoop.fs.s3a.secret.key", "spark.driver.extraJavaOptions")
    assert lakehouse["spark_conf"] == dict.fromkeys(secret, "***") | conf
    assert tracking == {
        "uri": "postgresql://***@db.example/mlflow",
        "artifacts": "s3://bucket/artifacts",
        "experiment": "churn_telecom",
        "model_name": "churn_telecom",
    }
    for name in ("settings", "lakehouse", "tracking"):
        assert found[name]["description"]
        assert all(field["description"] for field in found[name]["configFields"])
    assert [secret for secret in SECRETS if secret in json.dumps(answer)] == []


def test_the_launchpad_shows_no_secret(deployment: Deployment) -> None:
    selector = REPOSITORY_SELECTOR | {"pipelineName": "train"}
    answer = deployment.graphql(LAUNCHPAD, selector=selector)["runConfigSchemaOrError"]["rootDefaultYaml"]
    assert "postgresql://***@db.example/mlflow" in answer
    assert [secret for secret in SECRETS if secret in answer] == []
