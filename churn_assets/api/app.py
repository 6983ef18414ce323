"""The application: all calls, their description, and the watch over the releases."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from churn_assets.api import about, alerts, customers, health, inference, scoring
from churn_assets.api.callers import Callers
from churn_assets.api.gateway import Gateway
from churn_assets.api.holder import Holder
from churn_assets.api.identities import Identities
from churn_assets.api.limits import Limiter
from churn_assets.api.metrics import SHARED, ApiMetrics
from churn_assets.api.problems import ApiProblem, ProblemDocument, invalid
from churn_assets.api.schemas import BODIES
from churn_assets.api.service import Service
from churn_assets.operations.log import writing as log
from churn_assets.settings import Settings

LOOK_EVERY = 1.0  # seconds between looks at the pointer
ABOUT = """Churn scores, their reasons and what-if answers of the release in force.

Send a key as `Authorization: Bearer KEY`; `churn-assets keys create` makes one. Customers are named by `customer_key`.
"""
OPEN = ("/v2/health/live", "/v2/health/ready")
# The page loads nothing from elsewhere; its own start script is inline.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:"
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application by the settings of this process."""
    settings = settings or Settings()
    holder = Holder(settings)
    metrics = ApiMetrics(holder)
    shared = os.environ.get(SHARED)
    limiter = Limiter(settings.api.requests_per_minute, Path(shared) / "limits" if shared else None)

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        log.start(settings)
        await anyio.to_thread.run_sync(holder.look)
        gc.collect()
        gc.freeze()  # what is loaded stays; a search for cycles would hold up requests for longer than an answer takes
        watch = asyncio.create_task(_watch(holder))
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    app = FastAPI(
        title="churn_assets",
        version=version("churn-assets"),
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a client would send its key again, to an address made from the Host header
        lifespan=watching,
        middleware=[
            Middleware(
                Gateway,
                metrics=metrics,
                most_bytes=1024 * settings.api.body_kib,
                seconds=settings.api.seconds,
            )
        ],
    )
    app.state.service = Service(settings, holder, Callers(settings, limiter), metrics)
    app.state.identities = Identities(settings)
    app.include_router(customers.of_one)
    for part in (customers, alerts, scoring, about, inference, health):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_address)
    _add_page(app)
    original = app.openapi
    app.openapi = lambda: _described(original())  # type: ignore[method-assign]
    return app


async def _watch(holder: Holder) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        await anyio.to_thread.run_sync(holder.look)


async def _of_http(_: Request, error: Exception) -> Response:
    """Unknown addresses and methods become problems, which the gateway answers."""
    assert isinstance(error, HTTPException)  # noqa: S101 (tells the type)
    told = {404: "There is no such address.", 405: "This address has no such method."}
    raise ApiProblem(
        error.status_code, told.get(error.status_code, "The request cannot be answered."), error.headers
    )


async def _of_address(_: Request, error: Exception) -> Response:
    """Mistakes in the address, without the values that pydantic would quote."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (tells the type)
    raise invalid([(".".join(map(str, one["loc"])), str(one["msg"])) for one in error.errors()])


def _add_page(app: FastAPI) -> None:
    """The page to try calls; its scripts come from a package and not from the internet."""
    app.mount("/docs/assets", StaticFiles(directory=str(files("fastapi_offline") / "static")), name="assets")

    @app.get("/docs", include_in_schema=False)
    async def page() -> Response:
        found = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="churn_assets",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )
        found.headers["Content-Security-Policy"] = PAGE_POLICY
        return found


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """Adds what FastAPI cannot know: bodies that calls read themselves, problem documents and keys."""
    components = document.setdefault("components", {})
    if "securitySchemes" in components:
        return document
    described: tuple[type[BaseModel], ...] = (*BODIES, ProblemDocument)
    _, extra = models_json_schema(
        [(model, "validation") for model in described],
        ref_template="#/components/schemas/{model}",
    )
    components.setdefault("schemas", {}).update(extra["$defs"])
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key, or a token of the identity provider.",
        },
        "key_in_header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, calls in document["paths"].items():
        for call in calls.values():
            if path not in OPEN:
                call["security"] = [{"key": []}, {"key_in_header": []}]
    return document
