"""The open inference protocol: what the model takes and gives as tensors."""

import httpx
import pytest

from churn_assets.ml.portable.scored import score_frame
from churn_assets_tests.api.releases import (
    champion,
    snapshots,
)
from churn_assets_tests.serving.release.made import FEATURES


def test_the_open_inference_protocol(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json()["ready"] is True
    model = client.get("/v2/models/churn").json()
    assert [one["name"] for one in model["inputs"]] == [f.name for f in FEATURES]
    assert client.get(f"/v2/models/churn/versions/{model['versions'][0]}/ready").json()["ready"] is True
    frame = snapshots().iloc[:5]
    days = [[0.0 if value != value else value] for value in frame["tenure_days"]]
    tensors = [
        {
            "name": "tickets_count_3m",
            "datatype": "FP64",
            "shape": [5],
            "data": frame["tickets_count_3m"].tolist(),
        },
        {
            "name": "tenure_days",
            "datatype": "FP32",
            "shape": [5, 1],
            "data": days,
        },
        {"name": "region", "datatype": "BYTES", "shape": [5], "data": frame["region"].fillna("").tolist()},
    ]
    asked = {"id": "7", "inputs": tensors, "outputs": [{"name": "probability"}, {"name": "reasons"}]}
    found = client.post("/v2/models/churn/infer", json=asked).json()
    assert (found["id"], found["model_version"]) == ("7", "3")
    outputs = {one["name"]: one for one in found["outputs"]}
    assert outputs.keys() == {"probability", "reasons"}
    assert outputs["reasons"]["shape"] == [5, 3]
    assert len(outputs["reasons"]["data"]) == 15
    filled = frame.assign(tenure_days=frame["tenure_days"].fillna(0.0), region=frame["region"].fillna(""))
    expected = score_frame(filled, champion(), FEATURES)["probability"].tolist()
    assert outputs["probability"]["data"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "tensor",
    [
        {"name": "none", "datatype": "FP64", "shape": [1], "data": [1]},
        {"name": "region", "datatype": "FP64", "shape": [1], "data": [1]},
        {"name": "tenure_days", "datatype": "FP64", "shape": [2], "data": [1]},
        {"name": "tenure_days", "datatype": "FP64", "shape": [0], "data": []},
        {"name": "tenure_days", "datatype": "FP64", "shape": [1], "data": ["x"]},
        {"name": "tenure_days", "datatype": "FP64", "shape": [1, 2], "data": [[1, 2]]},
        {"name": ["tenure_days"], "datatype": {}, "shape": "1", "data": None},
        {"name": "tenure_days", "datatype": {}, "shape": [1], "data": [1]},
        {"name": "tenure_days", "datatype": ["FP64"], "shape": [1], "data": [1]},
        {"name": "region", "datatype": [], "shape": [1], "data": ["north"]},
    ],
)
def test_a_tensor_that_does_not_fit(client: httpx.Client, tensor: dict[str, object]) -> None:
    answer = client.post("/v2/models/churn/infer", json={"inputs": [tensor]})
    assert answer.status_code == 422
    assert answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize("datatype", ["UINT64", "FP16"])
def test_number_types_of_the_protocol_are_taken(client: httpx.Client, datatype: str) -> None:
    tensor = {"name": "tenure_days", "datatype": datatype, "shape": [1], "data": [100]}
    assert client.post("/v2/models/churn/infer", json={"inputs": [tensor]}).status_code == 200


def test_more_tensors_than_features_are_not_looked_at(client: httpx.Client) -> None:
    answer = client.post("/v2/models/churn/infer", json={"inputs": [{}] * 1000})
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == ["inputs"]
