"""The call about alerts: whose change was told, and what became of them."""

import base64
from datetime import date
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Depends, Query
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from churn_assets.api.alert_schemas import AlertPage, LiveFindings
from churn_assets.api.callers import Caller
from churn_assets.api.local_copy import ALERTS
from churn_assets.api.problems import SOON, ApiProblem, invalid, responses
from churn_assets.api.service import Needs, answer, service_of
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.serving.release.live import read_live
from churn_assets.serving.release.manifest import ReleaseBroken

router = APIRouter(tags=["alerts"])
State = Literal["new", "delivered", "acknowledged", "suppressed"]


@router.get("/v1/alerts", responses=responses(AlertPage, 409), response_model=None)
async def alerts(
    request: Request,
    _: Annotated[Caller, Depends(Needs("scores"))],
    state: State | None = None,
    rule: Annotated[str | None, Query(max_length=100)] = None,
    customer_key: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[date | None, Query(description="Alerts as of this day or later.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Alerts of a page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before.")] = None,
) -> Response:
    """List alerts, the newest day first, within a day the most important. Who objected to profiling is in none."""
    served = service_of(request).served
    if served.alerts is None:
        why = served.manifest.absent.get(ALERTS, "this release was made before there were any")
        raise ApiProblem(409, f"The release holds no alerts: {why}.")
    found = served.alerts
    equal = {"state": state, "rule": rule, "customer_key": customer_key}
    for name, value in equal.items():
        if value is not None:
            found = found.filter(pc.equal(found[name], value))
    if since is not None:
        found = found.filter(pc.greater_equal(found["as_of_date"], pa.scalar(since, pa.date32())))
    matching = found.num_rows
    if cursor is not None:
        found = _after(found, cursor)
    page = found.slice(0, limit + 1).to_pylist()  # the local copy is in the order of the pages
    more = len(page) > limit
    told = [_told(row) for row in page[:limit]]
    return answer(
        {
            "release": served.name,
            "current_as_of_date": served.current_as_of,
            "matching": matching,
            "alerts": told,
            "next": _cursor(page[limit - 1]) if more else None,
        }
    )


@router.get("/v1/live", responses=responses(LiveFindings), response_model=None)
async def live(request: Request, _: Annotated[Caller, Depends(Needs("scores"))]) -> Response:
    """Tell the scores and alerts that `churn-assets live` has found since the current scores of the release."""
    service = service_of(request)
    served, root = service.served, service.settings.releases_uri
    try:
        day = await anyio.to_thread.run_sync(read_live, root, served.current_as_of)
    except (OSError, ReleaseBroken):
        raise ApiProblem(503, "What was found live cannot be read now.", SOON) from None
    return answer(
        {
            "release": served.name,
            "current_as_of_date": served.current_as_of,
            "at": day.at if day else None,
            "as_of_date": day.as_of_date if day else None,
            "model_version": day.model_version if day else None,
            "scores": [_told(row) for row in day.scores] if day else [],
            "alerts": [_told(row) for row in day.alerts] if day else [],
        }
    )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """reason_1 to reason_3 as one list."""
    reasons = [row.pop(name) for name in REASON_NAMES]
    return row | {"reasons": [reason for reason in reasons if reason is not None]}


def _cursor(last: dict[str, Any]) -> str:
    told = to_json([str(last["as_of_date"]), float(last["importance"]), last["alert_id"]])
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def _after(rows: pa.Table, cursor: str) -> pa.Table:
    """The rows that come after the last one of the page before. Works across releases."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        day, importance, alert_id = from_json(
            base64.b64decode(padded, altchars=b"-_", validate=True), allow_inf_nan=False
        )
        if not isinstance(importance, float) or not isinstance(alert_id, str) or not isinstance(day, str):
            raise ValueError
        last = np.datetime64(date.fromisoformat(day))
    except (ValueError, TypeError):
        raise invalid([("query.cursor", "is not the `next` of a page")]) from None
    days = rows["as_of_date"].to_numpy()
    values = rows["importance"].to_numpy()
    later_id = pc.greater(rows["alert_id"], alert_id).to_numpy(zero_copy_only=False)
    after = (values < importance) | ((values == importance) & later_id)
    return rows.filter(pa.array((days < last) | ((days == last) & after)))
