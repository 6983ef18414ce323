"""Health of the service by the Open Inference Protocol, and its metrics."""

from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.api import schemas
from churn_assets.api.callers import Caller
from churn_assets.api.problems import SOON, responses
from churn_assets.api.service import Needs, answer, service_of

router = APIRouter(tags=["health"])


@router.get("/v2/health/live", responses={200: {"model": schemas.Live}}, response_model=None)
async def live(request: Request) -> Response:
    """Tell that the process answers."""
    return answer({"live": True})


@router.get(
    "/v2/health/ready",
    responses={200: {"model": schemas.Ready}, 503: {"model": schemas.Ready}},
    response_model=None,
)
async def ready(request: Request) -> Response:
    """Tell whether there is a release to answer from, and whether a newer one was refused."""
    holder = service_of(request).holder
    served, refused = holder.served, holder.refused
    found = {
        "ready": served is not None,
        "release": served.name if served else None,
        "as_of_date": served.as_of_date if served else None,
        "stale": served.stale() if served else None,
        "current_as_of_date": served.current_as_of if served else None,
        "current_stale": served.current_stale() if served else None,
        "refused": {"release": refused.release, "why": refused.why} if refused else None,
        "unreachable": holder.unreachable or None,
    }
    if served is None:
        return Response(to_json(found), 503, SOON, "application/json")
    return answer(found)


@router.get(
    "/metrics",
    responses=responses(None) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_model=None,
)
async def metrics(request: Request, _: Annotated[Caller, Depends(Needs("monitoring"))]) -> Response:
    """Tell the metrics of all workers in Prometheus' text format."""
    return Response(service_of(request).metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
