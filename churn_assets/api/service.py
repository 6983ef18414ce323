"""What the calls share: the release, the callers, the metrics, and how an answer is written."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.access.keys import Scope
from churn_assets.api.callers import Caller, Callers
from churn_assets.api.gateway import Access
from churn_assets.api.holder import Holder
from churn_assets.api.metrics import ApiMetrics
from churn_assets.api.problems import SOON, ApiProblem
from churn_assets.api.served import Served
from churn_assets.settings import Settings

PRIVATE = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True)
class Service:
    """What the calls share."""

    settings: Settings
    holder: Holder
    callers: Callers
    metrics: ApiMetrics

    @property
    def served(self) -> Served:
        """The release that answers.

        Raises:
            ApiProblem: there is none yet.
        """
        if self.holder.served is None:
            why = self.holder.refused.why if self.holder.refused else self.holder.unreachable
            raise ApiProblem(503, f"There is no release to answer from. {why}".strip(), SOON)
        return self.holder.served


class Needs:
    """The dependency of a call: a caller with a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """The caller, also noted for the log."""
        return await service_of(request).callers.admit(request, self.scope, access_of(request))


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    found: Service = request.app.state.service
    return found


def access_of(request: Request) -> Access:
    """What the log will say about a request."""
    found: Access = request.state.access
    return found


def answer(content: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer. Numbers that are not finite become null."""
    return Response(to_json(content, inf_nan_mode="null"), 200, PRIVATE | (headers or {}), "application/json")


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        ApiProblem: it is none.
    """
    return object_of(await json_of(request))


async def json_of(request: Request) -> bytes:
    """The body, which the caller calls JSON.

    Raises:
        ApiProblem: the caller does not.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiProblem(400, "The body must be JSON: send Content-Type: application/json.")
    return await request.body()


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        ApiProblem: it is none.
    """
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ApiProblem(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise ApiProblem(
            422, "The body must be a JSON object.", errors=[{"where": "body", "what": "must be an object"}]
        )
    return found
