"""What surrounds every request: its id and trace, limits of body and time, errors, one line in the log, metrics."""

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn_assets import trace
from churn_assets.access.keys import IN_AN_ADDRESS
from churn_assets.api.metrics import ApiMetrics
from churn_assets.api.problems import HOW, SOON, ApiProblem, answer_of
from churn_assets.operations.log.writing import event

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
READER_SECONDS = 60  # so long a stream waits for its reader to take the next piece
LARGE = 64 * 1024  # bytes of an answer that may wait for its reader
HUNG_UP = 499  # for log and metrics: the client left before it had sent its request
CLOSED = {"Connection": "close"}  # what is left of a body is not read
FIXED = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]


@dataclass
class Access:
    """What one line of the log says about a request; the call fills in who and whom it was about."""

    request_id: str
    caller: str = ""
    customer_key: str = ""
    status: int = 500
    facts: dict[str, Any] = field(default_factory=dict)


class Gateway:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, most_bytes: int, seconds: float) -> None:
        self._app, self._metrics = app, metrics
        self._most, self._seconds = most_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever fails here, the answer is a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = dict(scope["headers"])
        access = Access(_request_id(headers))
        scope.setdefault("state", {})["access"] = access
        call = _Call(self._most, receive, send, access, without_body=scope["method"] == "HEAD")
        # HEAD is answered as GET is, without the body
        asked = {**scope, "method": "GET"} if call.without_body else scope
        with trace.within(_trace_id(headers)):
            await self._answer(asked, headers, call)
            scope["route"] = asked.get("route")
            self._tell(scope, access, time.perf_counter() - began)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], call: "_Call") -> None:
        try:
            if IN_AN_ADDRESS.search(unquote_to_bytes(scope["raw_path"] + b"?" + scope["query_string"])):
                raise ApiProblem(
                    400, f"The address holds a key, and addresses are logged. Revoke this key. {HOW}"
                )
            told = headers.get(b"content-length", b"0")
            if told.isdigit() and int(told) > self._most:
                raise call.too_large()
            async with asyncio.timeout(self._seconds) as limit:
                call.limit = limit
                await self._app(scope, call.receive, call.send)
            return
        except ApiProblem as found:
            problem = found
        except TimeoutError:
            late = "The body did not arrive in time." if call.waiting else "The answer took too long."
            problem = ApiProblem(408 if call.waiting else 503, late, SOON | CLOSED)
        except ClientDisconnect:
            call.access.status = HUNG_UP
            return
        except Exception as error:  # noqa: BLE001 (a defect must not end the worker, nor show its values)
            event("api.defect", "A request met a defect.", level=logging.ERROR, error=error)
            problem = ApiProblem(500, "The service has a defect; its log has this request id.")
        call.limit = None
        if call.started:  # the answer is cut off, which the client sees by its length
            return
        if scope["path"].startswith("/v2/"):
            problem.more.setdefault("error", problem.detail)
        await answer_of(problem, call.access.request_id)(scope, call.receive, call.send)

    def _tell(self, scope: Scope, access: Access, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(access.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        event(
            "api.request",
            f"{method} {route} {access.status}",
            request_id=access.request_id,
            caller=access.caller or None,
            customer_key=access.customer_key or None,
            status=access.status,
            milliseconds=round(1000 * seconds, 2),
            **access.facts,
        )


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Call:
    """One request on its way: counts its body, and adds headers to its answer."""

    def __init__(
        self, most: int, receive: Receive, send: Send, access: Access, *, without_body: bool
    ) -> None:
        self._most, self._receive, self._send = most, receive, send
        self.without_body = without_body
        self._bytes = 0
        self.access = access
        self.received = self.waiting = self.started = False
        self.limit: asyncio.Timeout | None = None

    def too_large(self) -> ApiProblem:
        return ApiProblem(413, f"The body is larger than {self._most // 1024} KiB.", CLOSED)

    async def receive(self) -> Message:
        self.waiting = not self.received  # for the body; later it waits for the end of the connection
        message = await self._receive()
        self.waiting = False
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._most:
                raise self.too_large()
            self.received = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.access.status = message["status"]
            traced = f"00-{trace.current()}-{trace.span()}-01"  # W3C Trace Context
            own = [
                *FIXED,
                (b"x-request-id", self.access.request_id.encode()),
                (b"traceresponse", traced.encode()),
            ]
            message["headers"] = [*message.get("headers", ()), *own]
        elif self.without_body:
            message = {**message, "body": b""}
        # a stream takes as long as its reader, who must not stop
        if self.limit is not None and (message.get("more_body") or len(message.get("body", b"")) > LARGE):
            self.limit.reschedule(asyncio.get_running_loop().time() + READER_SECONDS)
        await self._send(message)


def _request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's id if it is a plain word, else a new one: it is written into the log and into a header."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if REQUEST_ID.fullmatch(given) else uuid4().hex


def _trace_id(headers: dict[bytes, bytes]) -> str:
    found = trace.TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").decode("latin-1"))
    return found[1] if found else uuid4().hex
