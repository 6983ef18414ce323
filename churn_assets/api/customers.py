"""Calls about customers: one, many by their own ids, and pages of them."""

import base64
import csv
import io
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.routing import APIRoute
from numpy.typing import NDArray
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from churn_assets.api import schemas
from churn_assets.api.callers import Caller
from churn_assets.api.campaign import COLUMNS as PLAN_COLUMNS
from churn_assets.api.identities import Identities
from churn_assets.api.problems import ApiProblem, invalid, responses
from churn_assets.api.served import SCORED, Served
from churn_assets.api.service import PRIVATE, Needs, access_of, answer, body_of, service_of
from churn_assets.ml.portable.scored import REASON_NAMES
from churn_assets.operations.log.writing import event
from churn_assets.spreadsheets import harmless


class PlainCall(APIRoute):
    """The route of one customer. A call without a query has nothing to convert but the key.

    FastAPI takes longer to work out the parameters of a call than the call takes; it still does so for all others.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers."""
        with_parameters = super().get_route_handler()

        async def handle(request: Request) -> Response:
            key = request.path_params["customer_key"]
            if request.scope["query_string"] or not KEY.fullmatch(key):
                return await with_parameters(request)
            caller = await Needs("scores")(request)
            return await customer(key, request, caller, if_none_match=request.headers.get("if-none-match"))

        return handle


router = APIRouter(tags=["customers"])
of_one = APIRouter(tags=["customers"], route_class=PlainCall)
KEY = re.compile("[A-Za-z0-9_-]{1,64}")
CustomerKey = Annotated[str, Path(pattern=f"^{KEY.pattern}$", examples=["6ad3456e0c25470f"])]
Sort = Literal[
    "-probability",
    "probability",
    "customer_key",
    "-current_probability",
    "-change_day",
    "-change_week",
    "-change_month_end",
]
CURRENT_COLUMNS = (  # of a CSV stream
    *("current_as_of_date", "current_probability", "change_day", "change_week", "change_month_end"),
    *("moved_reason", "moved_since", "behind"),
)
OF_CURRENT = ("-current_probability", "-change_day", "-change_week", "-change_month_end")
MOST_IDS = 1000
STREAMED = 1000  # rows of a piece
OBJECTED: dict[str, Any] = {"reason_code": "objected_to_profiling"}
STREAMS = {kind: {"schema": {"type": "string"}} for kind in ("text/csv", "application/jsonl")}


@of_one.get(
    "/v1/customers/{customer_key}",
    responses=responses(schemas.CustomerAnswer, 404) | {304: {"description": "Nothing has changed."}},
    response_model=None,
)
async def customer(
    customer_key: CustomerKey,
    request: Request,
    _: Annotated[Caller, Depends(Needs("scores"))],
    live: Annotated[
        bool,
        Query(
            description="Score the customer's newest snapshot now, this morning's if there is one, by the model of the "
            "release. `as_of_date` tells its day."
        ),
    ] = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Tell what is known of one customer: score, reasons, segment, action and the history of scores."""
    served = service_of(request).served
    place = place_of(served, customer_key)
    access_of(request).customer_key = customer_key
    today = datetime.now(UTC).date()
    if live:
        return answer(_live(request, served, place, today))
    tag = f'"{served.name}.{today:%Y%m%d}"'
    if if_none_match is not None and (tag in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers={"ETag": tag, **PRIVATE})
    return answer(told(served, place, today), {"ETag": tag})


@router.post(
    "/v1/customers/lookup",
    responses=responses(schemas.LookupAnswer),
    response_model=None,
    openapi_extra=schemas.body(schemas.LookupRequest),
)
async def lookup(request: Request, caller: Annotated[Caller, Depends(Needs("identity"))]) -> Response:
    """Tell the same of up to 1,000 customers, named by the ids of the source, in the order of the ids."""
    body = await body_of(request)
    ids = body.get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
        raise invalid([("ids", "must be a list of texts")])
    if len(ids) > MOST_IDS:
        raise invalid([("ids", f"has {len(ids)} ids; {MOST_IDS} are allowed at once")])
    served = service_of(request).served
    identities: Identities = request.app.state.identities
    keys = await anyio.to_thread.run_sync(identities.keys_of, ids, caller.name, access_of(request).request_id)
    access_of(request).facts["customers"] = sum(key is not None for key in keys)
    today = datetime.now(UTC).date()
    return answer({"release": served.name, "customers": [_looked_up(served, key, today) for key in keys]})


@router.get(
    "/v1/customers",
    responses=responses(schemas.CustomerPage, 409)
    | {200: {"model": schemas.CustomerPage, "content": STREAMS}},
    response_model=None,
)
async def customers(
    request: Request,
    _: Annotated[Caller, Depends(Needs("scores"))],
    risk_tier: Annotated[str | None, Query(max_length=100, examples=["high"])] = None,
    segment: Annotated[str | None, Query(max_length=100)] = None,
    driver: Annotated[str | None, Query(max_length=100)] = None,
    sort: Annotated[
        Sort,
        Query(
            description="The last four list who has a current score, the filters then being about that score; changes "
            "are those since the day before, 7 days before and the last month end."
        ),
    ] = "-probability",
    limit: Annotated[int, Query(ge=1, le=1000, description="Customers of a page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before.")] = None,
    format: Annotated[  # noqa: A002 (the name in the address)
        Literal["json", "csv", "jsonl"],
        Query(description="`csv` and `jsonl` stream all customers, without pages."),
    ] = "json",
) -> Response:
    """List scored customers by risk, segment or driver. A page names its release; pages of two releases may differ."""
    served = service_of(request).served
    if sort in OF_CURRENT and served.current is None:
        raise ApiProblem(409, served.why_not_current())
    places = chosen(served, sort, {"risk_tier": risk_tier, "segment": segment, "driver": driver})
    if format != "json":
        kind = "text/csv; charset=utf-8" if format == "csv" else "application/jsonl"
        return StreamingResponse(_streamed(served, places, format), media_type=kind, headers=PRIVATE)
    first = _after(served, places, sort, cursor) if cursor is not None else 0
    page = places[first : first + limit]
    more = first + limit < len(places)
    return answer(
        {
            "release": served.name,
            "stale": served.stale(),
            "current_stale": served.current_stale(),
            "matching": len(places),
            "customers": brief(served, page),
            "next": _cursor(served, sort, int(page[-1])) if more else None,
        }
    )


def place_of(served: Served, customer_key: str) -> int:
    """Row of a customer.

    Raises:
        ApiProblem: 403 for one who objected to profiling, 404 for one who is not known.
    """
    place = served.place(customer_key)
    if place is None:
        if served.objected(customer_key):
            raise ApiProblem(403, "This customer objected to profiling.", **OBJECTED)
        raise ApiProblem(404, "There is no customer with this key.")
    return place


def told(served: Served, place: int, today: date) -> dict[str, Any]:
    """All that is known of one customer."""
    row = served.row(place)
    found = _without_numbers(row)
    _with_current(served, found)
    found["current_reason"] = served.why_not_current() if found["current"] is None else None
    found["history"] = served.history(row["customer_key"])
    scored = row["status"] == SCORED
    found["score_source"] = "batch" if scored else None
    found["age_days"] = (today - row["as_of_date"]).days if scored else None
    found["stale"] = served.stale(today)
    found["current_stale"] = served.current_stale(today)
    found["release"] = served.name
    return found


def brief(served: Served, places: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Some customers, without their history."""
    rows = served.customers.take(places).to_pylist()
    return [_with_current(served, _without_numbers(row)) for row in rows]


def chosen(served: Served, sort: Sort, wanted: dict[str, str | None]) -> NDArray[np.intp]:
    """Rows of the scored customers with these values, in this order."""
    order = served.by_key if sort == "customer_key" else served.ranked(sort.removeprefix("-"))
    mask = np.ones(len(served.keys), dtype=bool)
    for name, value in wanted.items():
        if value is not None:
            codes, known = served.codes(name, sort in OF_CURRENT)
            mask &= codes == known.get(value, -2)
    found: NDArray[np.intp] = order[mask[order]]
    return found[::-1] if sort == "probability" else found


def _with_current(served: Served, row: dict[str, Any]) -> dict[str, Any]:
    """The row of a customer with the current score and what the newest campaign plans; None where there is none."""
    row["current"] = served.current.of(row["customer_key"]) if served.current is not None else None
    row["campaign"] = served.plan.of(row["customer_key"]) if served.plan is not None else None
    return row


def _without_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """reason_1 to reason_3 as one list."""
    reasons = [row.pop(name) for name in REASON_NAMES]
    return row | {"reasons": [reason for reason in reasons if reason is not None]}


def _live(request: Request, served: Served, place: int, today: date) -> dict[str, Any]:
    """What is known of a customer, scored now by the newest snapshot; the last batch score if that fails."""
    found = told(served, place, today)
    snapshot = served.snapshot(found["customer_key"]) if found["status"] == SCORED else None
    if snapshot is None:
        return found
    day, values = snapshot
    try:
        scored = served.explained([values])[0]
        return found | scored | {"score_source": "live", "as_of_date": day, "age_days": (today - day).days}
    except Exception as error:  # noqa: BLE001 (the batch score is an answer)
        event("api.fallback", "Scoring failed; the batch score is told.", level=40, error=error)
        service_of(request).metrics.fallbacks.inc()
        return found


def _looked_up(served: Served, key: str | None, today: date) -> dict[str, Any]:
    place = served.place(key) if key is not None else None
    if place is not None:
        return told(served, place, today)
    if key is not None and served.objected(key):
        return {
            "customer_key": key,
            "status": "objected",
            "status_reason": "Objected to profiling.",
        } | OBJECTED
    return {"customer_key": key, "status": "not_found", "status_reason": "No customer has this id."}


def _cursor(served: Served, sort: Sort, place: int) -> str:
    last = to_json([sort, float(_values(served, sort)[place]), served.keys[place].decode()])
    return base64.urlsafe_b64encode(last).rstrip(b"=").decode()


def _values(served: Served, sort: Sort) -> NDArray[np.float64]:
    """What the pages of a sort go by."""
    return served.values("probability" if sort == "customer_key" else sort.removeprefix("-"))


def _after(served: Served, places: NDArray[np.intp], sort: Sort, cursor: str) -> int:
    """Index after the last customer of the previous page. Works across releases."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        given, value, key = from_json(
            base64.b64decode(padded, altchars=b"-_", validate=True), allow_inf_nan=False
        )
        if given != sort or not isinstance(value, float) or not isinstance(key, str):
            raise ValueError
        last = key.encode("ascii")
    except (ValueError, TypeError):
        raise invalid([("query.cursor", "is not the `next` of a page with this sort")]) from None
    if sort == "customer_key":
        return int(np.searchsorted(served.keys[places], last, "right"))
    rising = places if sort == "probability" else places[::-1]
    values = _values(served, sort)[rising]
    first, end = np.searchsorted(values, value, "left"), np.searchsorted(values, value, "right")
    ties = served.keys[rising[first:end]]  # from the greatest key to the smallest, see Served.ranked
    smaller = int((ties < last).sum())
    before = int((ties > last).sum())
    known = len(ties) - smaller - before
    return int(first) + before + known if sort == "probability" else len(places) - int(end) + smaller + known


def _streamed(served: Served, places: NDArray[np.intp], kind: str) -> Iterator[bytes]:
    """All customers in pieces, of one release."""
    names = [name for name in served.customers.column_names if name not in ("ended_on", "survivor_key")]
    if kind == "csv":
        current = CURRENT_COLUMNS if served.current is not None else ()
        yield _csv([[*names, *current, *(PLAN_COLUMNS if served.plan is not None else ())]])
    for first in range(0, len(places), STREAMED):
        rows = served.customers.select(names).take(places[first : first + STREAMED]).to_pylist()
        if kind == "csv":
            yield _csv([[*row.values(), *_more_values(served, row["customer_key"])] for row in rows])
        else:
            found = [_with_current(served, _without_numbers(row)) for row in rows]
            yield b"".join(to_json(row, inf_nan_mode="null") + b"\n" for row in found)


def _more_values(served: Served, customer_key: str) -> list[Any]:
    """The values of CURRENT_COLUMNS and of PLAN_COLUMNS, as far as the release holds them."""
    planned = served.plan.columns_of(customer_key) if served.plan is not None else []
    return [*_current_values(served, customer_key), *planned]


def _current_values(served: Served, customer_key: str) -> list[Any]:
    """The values of CURRENT_COLUMNS; none where the release holds no current scores."""
    if served.current is None:
        return []
    row = served.current.of(customer_key)
    if row is None:
        return [None] * len(CURRENT_COLUMNS)
    told = [row[name] for name in ("as_of_date", "probability")]
    return [
        *told,
        *row["changes"].values(),
        *(row[name] for name in ("moved_reason", "moved_since", "behind")),
    ]


def _csv(rows: Sequence[Any]) -> bytes:
    """Lines of CSV; a text that a spreadsheet would take for a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([harmless(v) if isinstance(v, str) else v for v in row])
    return text.getvalue().encode()
