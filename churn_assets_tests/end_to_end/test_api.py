"""The service as users start it, over the release that the demo publishes."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings
from churn_assets_tests.api.process import served
from churn_assets_tests.end_to_end.conftest import NATURAL_ID_OR_ADDRESS, Demo

pytestmark = pytest.mark.one_python(
    reason="runs a demo; on the other Python, the parity test runs jobs, and api/ asks the service"
)

REASONS = ("reason_1", "reason_2", "reason_3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the service alone: it has neither a lake nor models."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def client(demo: Demo, home: Path) -> Iterator[httpx.Client]:
    scopes = ("scores", "identity", "monitoring")
    _, key = Keys(keys_file(Settings(home=str(home)))).create("test", scopes, None, now(), lambda _: None)
    environment = {
        "CHURN_RELEASES": demo.settings.releases_uri,
        "CHURN_IDENTITY_KEY": (demo.home / "identity.key").read_text().strip(),
        "CHURN_API_REQUESTS_PER_MINUTE": "10000000",
    }
    with served(home, "--workers", "1", **environment) as (_, found, _):
        found.headers["Authorization"] = f"Bearer {key}"
        yield found


def test_every_customer_has_the_score_and_the_reasons_of_the_lake(demo: Demo, client: httpx.Client) -> None:
    scores = Lakehouse(demo.settings).arrow(tables.CHURN_SCORES).to_pylist()
    newest = max(row["as_of_date"] for row in scores)
    current = [row for row in scores if row["as_of_date"] == newest]
    told = 0
    for row in current:
        reasons = [row[name] for name in REASONS if row[name] is not None]
        for live in (False, True):
            answer = client.get(f"/v1/customers/{row['customer_key']}", params={"live": live})
            if answer.status_code == 403:
                assert answer.json()["reason_code"] == "objected_to_profiling"
                continue
            found = answer.json()
            assert found["probability"] == pytest.approx(row["probability"], abs=1e-12)
            assert (found["reasons"], found["driver"]) == (reasons, row["driver"])
            assert found["score_source"] == ("live" if live else "batch")
            told += 1
    assert told > len(current), "stored and live"
    listed = client.get("/v1/customers", params={"limit": 1}).json()
    assert listed["matching"] == told / 2


def test_the_calls_answer_over_a_real_release(client: httpx.Client) -> None:
    assert client.get("/v1/segments").json()["segments"]
    model = client.get("/v1/model").json()
    actionable = [one["name"] for one in model["features"] if one["actionable"]]
    assert actionable
    assert model["card"]
    assert client.get("/v1/monitoring").json()["performance"]
    riskiest = client.get("/v1/customers", params={"limit": 1}).json()["customers"][0]["customer_key"]
    asked = client.post(f"/v1/customers/{riskiest}/what-if", json={"changes": {actionable[0]: 1e9}})
    assert asked.status_code == 422
    tensors = [{"name": model["features"][0]["name"], "datatype": "FP64", "shape": [1], "data": [1]}]
    if model["features"][0]["kind"] == "number":
        assert client.post("/v2/models/churn/infer", json={"inputs": tensors}).status_code == 200


def test_a_natural_id_finds_its_customer_and_gets_into_no_file(
    demo: Demo, client: httpx.Client, home: Path
) -> None:
    keys = Lakehouse(demo.settings).arrow(tables.CUSTOMER_KEYS).to_pylist()[:20]
    answer = client.post("/v1/customers/lookup", json={"ids": [row["customer_id"] for row in keys]})
    found = [one["customer_key"] for one in answer.json()["customers"]]
    assert sum(key == row["customer_key"] for key, row in zip(found, keys, strict=True)) > 10
    assert not re.search(NATURAL_ID_OR_ADDRESS, answer.content)
    files = [file for file in home.rglob("*") if file.is_file()]
    assert any(file.suffix == ".arrow" for file in files)
    assert any(file.parent.name == "log" for file in files)
    for file in files:
        assert not re.search(NATURAL_ID_OR_ADDRESS, file.read_bytes()), file
