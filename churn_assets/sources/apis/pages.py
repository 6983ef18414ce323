"""The pages of a REST service: how one leads to the next, and when the last one has come."""

from collections.abc import Iterator, Mapping
from hashlib import blake2s
from typing import Any

from churn_assets.contracts.api_properties import ApiProperties, PaginatorProperty
from churn_assets.contracts.words import listed
from churn_assets.sources.apis.client import ApiClient, ApiPage, joined
from churn_assets.sources.json_text import Number
from churn_assets.sources.live.errors import ExtractError

Records = list[dict[str, Any]]
DIGITS = 100  # of a number of pages or records
MOST_EMPTY = 1_000  # pages without records, one after the other
Next = tuple[str, dict[str, str]]  # address, and parameters of the query


def pages(client: ApiClient, own: ApiProperties, parameters: Mapping[str, str]) -> Iterator[Records]:
    """The records of each page, at least one page, which may be empty.

    Raises:
        ExtractError: see `ApiClient.page`; an answer is not what the contract says; the service gives a page twice.
    """
    paginator, url = own.paginator, client.address.url
    asked = {**client.address.parameters, **parameters, **_first(paginator)}
    told, count, empty, seen = 0, 0, 0, set[object]()
    given = set[bytes]()
    while True:
        page = client.page(url, asked)
        records = records_at(page.content, own.records, client.address.shown)
        if records:
            content = blake2s(repr(records).encode(errors="backslashreplace"), digest_size=16).digest()
            if content in given:
                raise ExtractError(
                    f"{client.address.shown} gives the same page again. Correct `paginator`: does the service know its "
                    "parameter? If two pages are rightly the same, let the service give what tells their records "
                    "apart, such as an id."
                )
            given.add(content)
        yield records
        empty = 0 if records else empty + 1
        if empty > MOST_EMPTY:
            raise ExtractError(
                f"{client.address.shown} gives more than {MOST_EMPTY:,} pages without records. Correct `paginator`."
            )
        told, count = told + len(records), count + 1
        if (following := _following(paginator, page, records, asked, told, count)) is None:
            return
        url, asked = joined(url, following[0]), following[1]
        if (key := (url, tuple(sorted(asked.items())))) in seen:
            raise ExtractError(f"{client.address.shown} leads in a circle of pages. Correct `paginator`.")
        seen.add(key)


def _first(paginator: PaginatorProperty) -> dict[str, str]:
    """The parameters of the first page."""
    asked = {}
    if paginator.kind == "page":
        asked[str(paginator.parameter)] = str(paginator.first)
    if paginator.kind == "offset":
        asked[str(paginator.parameter)] = "0"
    if paginator.sizeParameter and paginator.size:
        asked[paginator.sizeParameter] = str(paginator.size)
    return asked


def _following(
    paginator: PaginatorProperty,
    page: ApiPage,
    records: Records,
    asked: dict[str, str],
    told: int,
    count: int,
) -> Next | None:
    """Address and parameters of the next page; None after the last.

    A page that is not full says nothing, because a service may give fewer records than it was asked for.
    """
    parameter = str(paginator.parameter)
    match paginator.kind:
        case "none":
            if page.link:
                raise ExtractError(
                    "The answer has a further page, in its header `Link`. Declare `paginator: {kind: link}`."
                )
            return None
        case "page":
            last = _number(page, paginator.pages)
            ended = not records or (last is not None and count >= last) or _all(page, paginator, told)
            return None if ended else ("", asked | {parameter: str(paginator.first + count)})
        case "offset":
            ended = not records or _all(page, paginator, told)
            return None if ended else ("", asked | {parameter: str(told)})
        case "cursor":
            return _by_cursor(paginator, page, records, asked)
    address = page.link if paginator.next is None else at(page.content, paginator.next)
    if address is not None and not isinstance(address, str):
        raise ExtractError(f"{paginator.next} is no address. Correct `next` of the paginator.")
    return (address, {}) if address else None


def _by_cursor(
    paginator: PaginatorProperty, page: ApiPage, records: Records, asked: dict[str, str]
) -> Next | None:
    if paginator.more is not None and at(page.content, paginator.more) is not True:
        return None
    if paginator.next is not None:
        cursor = at(page.content, paginator.next)
    else:
        cursor = at(records[-1], str(paginator.lastRecord)) if records else None
    if cursor in (None, ""):
        if paginator.more is not None or (records and paginator.lastRecord is not None):
            raise ExtractError(
                f"There is no {paginator.next or paginator.lastRecord} that leads to the next page. "
                "Correct `paginator`."
            )
        return None
    if not isinstance(cursor, str):
        raise ExtractError("The next cursor is neither text nor a number. Correct `next` of the paginator.")
    return ("", asked | {str(paginator.parameter): str(cursor)})


def _all(page: ApiPage, paginator: PaginatorProperty, told: int) -> bool:
    """Whether the answer tells that all records have come."""
    total = _number(page, paginator.total)
    return total is not None and told >= total


def _number(page: ApiPage, path: str | None) -> int | None:
    if path is None:
        return None
    found = at(page.content, path)
    if not isinstance(found, Number) or not found.isdigit() or len(found) > DIGITS:
        raise ExtractError(f"The answer has no number {path}. Correct `paginator`.")
    return int(found)


def at(content: Any, path: str) -> Any:
    """What stands at a path such as meta.next; None if there is nothing. A name may have dots: @odata.nextLink."""
    if not isinstance(content, dict):
        return None
    if path in content:
        return content[path]
    name, dot, rest = path.partition(".")
    return at(content.get(name), rest) if dot else None


def records_at(content: Any, path: str | None, shown: str) -> Records:
    """The list of records of an answer.

    Raises:
        ExtractError: there is none.
    """
    found = content if path is None else at(content, path)
    if not isinstance(found, list):
        there = f" It has {listed(sorted(content))}." if isinstance(content, dict) else ""
        raise ExtractError(
            f"{shown} gives no list of records{f' at {path}' if path else ''}.{there} "
            "Set `records` to where the list is."
        )
    if not all(isinstance(record, dict) for record in found):
        raise ExtractError(
            f"{shown} gives records that are no JSON objects. Set `records` to where the list is."
        )
    return found
