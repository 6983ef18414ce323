"""The Open Inference Protocol, version 2: one tensor per feature in, probability, raw score, reasons and driver out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.api import inference_schemas, schemas
from churn_assets.api.callers import Caller
from churn_assets.api.features import column_from
from churn_assets.api.problems import ApiProblem, invalid, responses
from churn_assets.api.scoring import FEW_ROWS, away
from churn_assets.api.served import Served
from churn_assets.api.service import Needs, access_of, answer, body_of, service_of

router = APIRouter(prefix="/v2", tags=["open inference protocol"])
MODEL = "churn"
NUMBER_TYPES = frozenset(
    {
        *("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8"),
        *("UINT64", "UINT32", "UINT16", "UINT8", "BOOL"),
    }
)
REASONS = 3
OUTPUTS = (
    {"name": "probability", "datatype": "FP64", "shape": [-1]},
    {"name": "raw", "datatype": "FP64", "shape": [-1]},
    {"name": "reasons", "datatype": "BYTES", "shape": [-1, REASONS]},
    {"name": "driver", "datatype": "BYTES", "shape": [-1]},
)
Version = Annotated[str, Path(pattern="^[A-Za-z0-9._-]{1,64}$", examples=["1"])]
Scores = Annotated[Caller, Depends(Needs("scores"))]


@router.get("", responses=responses(inference_schemas.ServerAnswer), response_model=None)
async def server(request: Request, _: Scores) -> Response:
    """Tell name and version of the server."""
    from importlib.metadata import version

    return answer({"name": "churn_assets", "version": version("churn-assets"), "extensions": []})


@router.get("/models/churn", responses=responses(inference_schemas.ModelMetadata), response_model=None)
async def metadata(request: Request, _: Scores) -> Response:
    """Tell the inputs and outputs of the model."""
    return answer(_metadata(service_of(request).served))


@router.get(
    "/models/churn/versions/{version}",
    responses=responses(inference_schemas.ModelMetadata, 404),
    response_model=None,
)
async def metadata_of_version(version: Version, request: Request, _: Scores) -> Response:
    """Tell the inputs and outputs of a version of the model."""
    return answer(_metadata(_served(request, version)))


@router.get("/models/churn/ready", responses=responses(inference_schemas.ModelReady), response_model=None)
async def is_ready(request: Request, _: Scores) -> Response:
    """Tell whether the model can answer."""
    service_of(request).served  # noqa: B018 (503 without a release)
    return answer({"name": MODEL, "ready": True})


@router.get(
    "/models/churn/versions/{version}/ready",
    responses=responses(inference_schemas.ModelReady, 404),
    response_model=None,
)
async def is_version_ready(version: Version, request: Request, _: Scores) -> Response:
    """Tell whether a version of the model can answer."""
    _served(request, version)
    return answer({"name": MODEL, "ready": True})


@router.post(
    "/models/churn/infer",
    responses=responses(inference_schemas.InferAnswer),
    response_model=None,
    openapi_extra=schemas.body(inference_schemas.InferRequest),
)
async def infer(request: Request, _: Scores) -> Response:
    """Score the rows of the tensors."""
    return await _infer(request, service_of(request).served)


@router.post(
    "/models/churn/versions/{version}/infer",
    responses=responses(inference_schemas.InferAnswer, 404),
    response_model=None,
    openapi_extra=schemas.body(inference_schemas.InferRequest),
)
async def infer_version(version: Version, request: Request, _: Scores) -> Response:
    """Score the rows of the tensors by a version of the model."""
    return await _infer(request, _served(request, version))


def _served(request: Request, version: str) -> Served:
    served = service_of(request).served
    if version != served.version:
        raise ApiProblem(404, f"This version of the model is not served; {served.version} is.")
    return served


def _metadata(served: Served) -> dict[str, Any]:
    inputs = [
        {"name": name, "datatype": "BYTES" if name in served.categories else "FP64", "shape": [-1]}
        for name in served.names
    ]
    return {
        "name": MODEL,
        "versions": [served.version],
        "platform": f"churn_assets_{served.model.candidate}",
        "inputs": inputs,
        "outputs": OUTPUTS,
    }


async def _infer(request: Request, served: Served) -> Response:
    service = service_of(request)
    if "inference-header-content-length" in request.headers:
        raise ApiProblem(400, "Tensors in binary are not supported; send them as JSON.")
    body = await body_of(request)
    columns, rows = _columns(served, body.get("inputs"), service.settings.api.rows)
    wanted = _wanted(body.get("outputs"))
    scores = await away(rows > FEW_ROWS, served.explained_columns, columns, rows)
    access_of(request).facts["rows"] = rows
    service.metrics.rows.inc(rows)
    found: dict[str, Any] = {"model_name": MODEL, "model_version": served.version}
    if isinstance(body.get("id"), str):
        found["id"] = body["id"]
    found["outputs"] = [_output(output, scores) for output in OUTPUTS if output["name"] in wanted]
    return answer(found)


def _columns(served: Served, inputs: object, most: int) -> tuple[dict[str, Any], int]:
    """The tensors as columns, and the number of rows; a feature without a tensor is missing."""
    if not isinstance(inputs, list) or not inputs or not all(isinstance(tensor, dict) for tensor in inputs):
        raise invalid([("inputs", "must be a list of at least one tensor")])
    if len(inputs) > len(served.names):
        raise invalid([("inputs", f"holds more tensors than the model has features ({len(served.names)})")])
    rows = _rows(inputs[0])
    if rows > most:
        raise ApiProblem(413, f"{rows} rows are too many; {most} are allowed at once.")
    mistakes: list[tuple[str, str]] = []
    columns: dict[str, Any] = {}
    for at, tensor in enumerate(inputs):
        name = tensor.get("name")
        if not isinstance(name, str) or name not in served.names:
            mistakes.append((f"inputs.{at}.name", "is no feature of the model"))
            continue
        is_category = name in served.categories
        datatype = tensor.get("datatype")
        if not isinstance(datatype, str) or not (
            datatype == "BYTES" if is_category else datatype in NUMBER_TYPES
        ):
            mistakes.append(
                (f"inputs.{at}.datatype", "must be BYTES" if is_category else "must be a number type")
            )
            continue
        if _rows(tensor) != rows or rows < 1:
            mistakes.append(
                (f"inputs.{at}", "its shape or its data differ from the number of rows, at least 1")
            )
            continue
        column = column_from(_flat(tensor["data"]), is_category)
        if isinstance(column, str):
            mistakes.append((f"inputs.{at}.data", column))
        else:
            columns[name] = column
    if mistakes:
        raise invalid(mistakes)
    for name in served.names:
        if name not in columns:
            columns[name] = column_from([None] * rows, name in served.categories)
    return columns, rows


def _rows(tensor: dict[str, Any]) -> int:
    """Rows of a tensor of shape [n] or [n, 1]; -1 if shape and data do not say the same."""
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not isinstance(data, list) or len(shape) not in (1, 2):
        return -1
    if not all(type(length) is int for length in shape) or shape[1:] not in ([], [1]):
        return -1
    return shape[0] if len(data) == shape[0] else -1


def _flat(data: list[Any]) -> list[Any]:
    """[[a], [b]] as [a, b]."""
    return [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]


def _wanted(outputs: object) -> set[str]:
    known = {str(output["name"]) for output in OUTPUTS}
    if outputs is None or outputs == []:
        return known
    names = (
        [one.get("name") if isinstance(one, dict) else None for one in outputs]
        if isinstance(outputs, list)
        else [None]
    )
    if any(not isinstance(name, str) or name not in known for name in names):
        raise invalid([("outputs", f"must be a list of objects with a name: {', '.join(sorted(known))}")])
    return {str(name) for name in names}


def _output(output: dict[str, Any], scores: list[dict[str, Any]]) -> dict[str, Any]:
    name, rows = output["name"], len(scores)
    if name == "reasons":  # texts cannot be null in a tensor
        padded = ((*score["reasons"], "", "", "")[:REASONS] for score in scores)
        return {**output, "shape": [rows, REASONS], "data": [reason for row in padded for reason in row]}
    return {**output, "shape": [rows], "data": [score[name] for score in scores]}
