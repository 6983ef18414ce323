"""Errors as problem documents (RFC 9457). They hold no values from the request and no stack trace."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"
SOON = {"Retry-After": "5"}
HOW = "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."


class ApiProblem(Exception):
    """An answer other than the wanted one.

    Attributes:
        status: of HTTP.
        detail: what is wrong and what to do, for people.
        headers: more headers of the answer.
        more: more members of the document.
    """

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


class RequestMistake(BaseModel):
    """One mistake in a request."""

    where: str = Field(description="Place in the body or the address, such as `rows.0.monthly_price`.")
    what: str = Field(description="What is wrong with it; never the value.")


class ProblemDocument(BaseModel):
    """A problem document of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no customer with this key."])
    request_id: str = Field(description="Names this request in the log.")
    errors: list[RequestMistake] | None = Field(None, description="Each mistake, where there may be several.")
    reason_code: str | None = Field(
        None, description="Why an answer is refused, such as objected_to_profiling."
    )
    error: str | None = Field(
        None, description="The detail again, for clients of the Open Inference Protocol."
    )


def invalid(errors: Sequence[tuple[str, str]]) -> ApiProblem:
    """The problem of a request with these mistakes, as (where, what)."""
    told = [{"where": where, "what": what} for where, what in errors[:100]]
    count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
    return ApiProblem(422, f"The request has {count}.", errors=told)


def answer_of(problem: ApiProblem, request_id: str) -> Response:
    """The response that tells a problem."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
        **problem.more,
    }
    return Response(to_json(document), problem.status, problem.headers, PROBLEM_JSON)


_TITLES = {
    400: "The request cannot be read.",
    401: "There is no valid key.",
    403: "The key lacks the scope, or the customer objected to profiling.",
    404: "There is no such thing.",
    405: "The address has no such method.",
    408: "The body did not arrive in time.",
    409: "There is no score to ask about.",
    413: "The body is too large.",
    422: "The request has mistakes; all are named.",
    429: "Too many requests; Retry-After says when to try again.",
    500: "A defect of the service; the log has the request id.",
    503: "There is nothing to answer with now; Retry-After says when to try again.",
}


def responses(model: type[BaseModel] | None, *more: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the answer of a call, and its possible errors; `more` adds statuses to the common ones."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    found: dict[int | str, dict[str, Any]] = {200: {} if model is None else {"model": model}}
    for status in sorted({400, 401, 403, 408, 413, 422, 429, 500, 503, *more}):
        found[status] = {"description": _TITLES[status], "content": {PROBLEM_JSON: {"schema": schema}}}
    return found
