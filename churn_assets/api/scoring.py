"""Calls that compute: scores of given rows, and what would change for a customer."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.api import schemas
from churn_assets.api.callers import Caller
from churn_assets.api.customers import CustomerKey, place_of
from churn_assets.api.features import columns_from_rows, require_rows
from churn_assets.api.problems import ApiProblem, invalid, responses
from churn_assets.api.served import Served
from churn_assets.api.service import Needs, access_of, answer, body_of, json_of, object_of, service_of
from churn_assets.ml.portable.what_if import WhatIfError, what_if_of

router = APIRouter(tags=["scores"])
# So much is computed where it arrives; more would hold up other requests.
FEW_ROWS, FEW_BYTES = 20, 64 * 1024


@router.post(
    "/v1/score",
    responses=responses(schemas.ScoreAnswer),
    response_model=None,
    openapi_extra=schemas.body(schemas.ScoreRequest),
)
async def score(request: Request, _: Annotated[Caller, Depends(Needs("scores"))]) -> Response:
    """Score rows of features by the model of the release. A category that training has not seen counts as "other"."""
    service = service_of(request)
    body, served = await json_of(request), service.served
    content = await away(len(body) > FEW_BYTES, _scored, served, body, service.settings.api.rows)
    rows = len(content["scores"])
    access_of(request).facts["rows"] = rows
    service.metrics.rows.inc(rows)
    return answer(content)


@router.post(
    "/v1/customers/{customer_key}/what-if",
    responses=responses(schemas.WhatIfAnswer, 404, 409),
    response_model=None,
    openapi_extra=schemas.body(schemas.WhatIfRequest),
)
async def what_if(
    customer_key: CustomerKey, request: Request, _: Annotated[Caller, Depends(Needs("scores"))]
) -> Response:
    """Tell how the model's probability of a customer would change with other values, within what was observed.

    It describes the model; whether the customer would stay, only an experiment tells.
    """
    body = await body_of(request)
    served = service_of(request).served
    place = place_of(served, customer_key)
    access_of(request).customer_key = customer_key
    row = served.row(place)
    snapshot = served.snapshot(customer_key)
    if snapshot is None:
        raise ApiProblem(
            409, f"This customer has no score: {row['status_reason']}", status_of_customer=row["status"]
        )
    day, present = snapshot
    wishes = _wishes(served, body.get("changes"))
    try:
        found = what_if_of(served.model, present, served.features, wishes, served.ranges)
    except WhatIfError as error:
        raise invalid([("changes", error.without_value)]) from None
    return answer(
        {
            "customer_key": customer_key,
            "before": found.before,
            "after": found.after,
            "difference": found.after - found.before,
            "changes": found.changes,
            "kept": found.kept,
            "as_of_date": day,
            "model_version": served.version,
            "release": served.name,
        }
    )


async def away(many: bool, compute: Any, *arguments: Any) -> Any:
    """Computes many rows in another thread, few at once."""
    if not many:
        return compute(*arguments)
    return await anyio.to_thread.run_sync(compute, *arguments)


def _scored(served: Served, body: bytes, most: int) -> dict[str, Any]:
    columns, unknown, missing = served.whole_rows.columns(body, most) or columns_from_rows(
        served, require_rows(object_of(body).get("rows"), most)
    )
    scores = served.explained_columns(columns, len(missing))
    for found, names in zip(scores, missing, strict=True):
        found["missing_features"] = names
    return {
        "release": served.name,
        "model_version": served.version,
        "trained_as_of": served.manifest.about.trained_as_of,
        "stale": served.stale(),
        "unknown_features": unknown,
        "scores": scores,
    }


def _wishes(served: Served, changes: object) -> dict[str, str]:
    """Feature -> wished value as text.

    Raises:
        ApiProblem: a name is no feature, which its position tells, or a value is of another kind.
    """
    if not isinstance(changes, dict) or not changes:
        raise invalid([("changes", "must be an object of features and values, with at least one")])
    unknown = [at for at, name in enumerate(changes) if name not in served.words]
    if unknown:
        raise invalid([(f"changes.{at}", "is no feature; positions begin with 0") for at in unknown])
    wrong = [
        (f"changes.{name}", "must be a number or a text")
        for name, value in changes.items()
        if not isinstance(value, str | int | float)
    ]
    if wrong:
        raise invalid(wrong)
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in changes.items()
    }
