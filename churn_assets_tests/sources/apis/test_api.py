"""Extracts of a REST service: pages, logins, cursors, pace and errors, against a real server."""

import gzip
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.apis import client
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import CannotAskAgain, extract_month
from churn_assets.sources.live.records import records
from churn_assets_tests.sources.apis.rest import Api, Asked, Told, order, paged
from churn_assets_tests.sources.databases.shop import EVENING

CANARY = "Kanarienvogel-4711"
ORDERS = [order(n, f"2026-03-0{n}T10:00:00Z") for n in range(1, 8)]


def _documents(landing: Path) -> list[dict[str, Any]]:
    found = []
    for file in sorted(landing.rglob("*.jsonl.gz")):
        found += [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    return found


def _numbers(landing: Path) -> list[int]:
    return sorted(document["order_id"] for document in _documents(landing))


def _by(own: dict[str, Any]) -> Any:
    """The server side of a paginator: two orders a page."""

    def answer(asked: Asked) -> Told:
        told, kind = asked.parameters, own["kind"]
        if kind == "page":
            first = (int(told["page"]) - own.get("first", 1)) * 2
        elif kind == "offset":
            first = int(told["skip"])
        elif kind == "cursor":
            after = told.get("after", "0")
            first = next(n for n in range(8) if n == int(after))
        else:
            first = int(told.get("at", 0))
        some = ORDERS[first : first + 2]
        more = first + 2 < len(ORDERS)
        content: dict[str, Any] = {"data": {"items": some}, "meta": {"pages": 4, "total": 7, "more": more}}
        if own.get("pages") and first >= len(ORDERS):
            return Told({}, 404)
        headers = {}
        if kind == "cursor" and more:
            content["meta"]["next"] = first + 2
        if kind == "link" and more:
            content["meta"]["next"] = f"/orders?at={first + 2}"
            headers = {"Link": f'</orders?at={first + 2}>; rel="next", </orders>; rel="first"'}
        return Told(content, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("own", "requests"),
    [
        ({"kind": "page", "parameter": "page"}, 5),
        ({"kind": "page", "parameter": "page", "first": 0}, 5),
        ({"kind": "page", "parameter": "page", "pages": "meta.pages"}, 4),
        ({"kind": "page", "parameter": "page", "total": "meta.total"}, 4),
        ({"kind": "offset", "parameter": "skip"}, 5),
        ({"kind": "offset", "parameter": "skip", "total": "meta.total"}, 4),
        ({"kind": "offset", "parameter": "skip", "sizeParameter": "limit", "size": 100}, 5),
        ({"kind": "cursor", "parameter": "after", "next": "meta.next"}, 4),
        ({"kind": "cursor", "parameter": "after", "lastRecord": "order_id", "more": "meta.more"}, 4),
        ({"kind": "link"}, 4),
        ({"kind": "link", "next": "meta.next"}, 4),
    ],
)
def test_each_paginator_brings_every_record_once(api: Api, own: dict[str, Any], requests: int) -> None:
    api.service.answer = _by(own)
    source = api.source("full", "entity", records="data.items", paginator=own)
    assert api.extract(source).record.rows == 7
    assert _numbers(api.landing) == [1, 2, 3, 4, 5, 6, 7]
    assert len(api.service.asked) == requests
    if own.get("size"):
        assert api.service.asked[0].parameters["limit"] == "100"


@pytest.mark.parametrize(
    ("own", "content", "told"),
    [
        ({"kind": "none"}, {"items": ORDERS[:2]}, "has a further page"),
        ({"kind": "page", "parameter": "seite"}, {"items": ORDERS[:2]}, "same page again"),
        ({"kind": "cursor", "parameter": "after", "next": "next"}, {"items": [], "next": "x"}, "in a circle"),
        ({"kind": "page", "parameter": "page", "pages": "pages"}, {"items": []}, "no number pages"),
        (
            {"kind": "link", "next": "next"},
            {"items": [], "next": "https://elsewhere.example/x"},
            "another host",
        ),
        (None, {"rows": []}, "no list of records at items. It has rows."),
        (None, {"items": [1]}, "no JSON objects"),
        (None, b'{"items": [{"a": 1, "a": 2}]}', "no JSON that can be read"),
        (None, b"<html>Login</html>", "no JSON that can be read"),
    ],
)
def test_an_answer_that_is_not_as_declared_makes_no_extract(
    api: Api, own: dict[str, Any] | None, content: Any, told: str
) -> None:
    api.service.answer = lambda asked: Told(content, headers={"Link": '</orders?page=9>; rel="next"'})
    source = api.source("full", "entity", **({"paginator": own} if own else {}))
    with pytest.raises(ExtractError, match=told):
        api.extract(source)
    assert not [*api.landing.rglob("*.gz*")]


def test_a_source_of_changes_asks_for_what_is_new(api: Api) -> None:
    orders = [*ORDERS[:3], order(9, None)]
    api.service.answer = paged(orders)
    source = api.source()
    first = api.extract(source)
    assert (first.record.rows, str(first.newest), first.before) == (4, "2026-03-03 10:00:00", None)
    assert "since" not in api.service.asked[0].parameters
    orders.append(ORDERS[3])
    api.service.asked.clear()
    again = api.extract(source, 1)
    assert api.service.asked[0].parameters["since"] == "2026-03-03T09:00:00Z"  # less the overlap of an hour
    assert (again.record.rows, str(again.newest)) == (3, "2026-03-04 10:00:00")
    assert _numbers(api.landing) == [1, 2, 3, 3, 4, 9, 9]
    [file] = api.landing.rglob("extract_date=2026-03-10/*")
    file.unlink()  # so its rows are asked for again
    assert api.extract(source, 2).record.rows == 5


def test_a_service_that_does_not_know_the_parameter_doubles_nothing(api: Api) -> None:
    api.service.answer = lambda asked: Told({"items": ORDERS})
    source = api.source(since=None, paginator={"kind": "none"}, overlap=0)
    assert [api.extract(source, day).record.rows for day in (0, 1)] == [7, 1]


@pytest.mark.parametrize(
    ("format_", "sent"),
    [
        ("iso", "2026-03-07T10:00:00Z"),
        ("date", "2026-03-07"),
        ("seconds", "1772877600"),
        ("milliseconds", "1772877600000"),
    ],
)
def test_the_cursor_is_sent_in_the_format_of_the_service(api: Api, format_: str, sent: str) -> None:
    asked = {"parameter": "after", "format": format_}
    api.service.answer = lambda _: Told([*ORDERS[:-1], order(7, "2026-03-07T12:00:00.500+02:00")])
    source = api.source(records=None, paginator={"kind": "none"}, since=asked, overlap=0)
    api.extract(source)
    api.extract(source, 1)
    assert api.service.asked[-1].parameters == {"after": sent}


def test_a_cursor_may_count(api: Api) -> None:
    orders = [order(n, "2026-03-01") | {"seq": 2**60 + n} for n in (1, 2, 3)]
    api.service.answer = lambda _: Told(orders)
    source = api.source(records=None, paginator={"kind": "none"}, cursor="seq", overlap=1)
    assert api.extract(source).record.rows == 3
    assert api.extract(source, 1).record.rows == 2
    assert api.service.asked[-1].parameters == {"since": str(2**60 + 2)}
    with pytest.raises(CannotAskAgain, match="its cursor counts"):
        asker = asker_of(source, {"SHOP_API": api.service.url})
        extract_month(asker, str(api.landing), str(api.folder / "x"), "2026-02", False, EVENING)


def test_a_month_that_is_over_is_asked_again(api: Api) -> None:
    api.service.answer = paged([order(1, "2026-01-31T23:59:59Z"), *ORDERS, order(8, None)])
    source = api.source(since={"parameter": "since", "until": "before"})
    asker = asker_of(source, {"SHOP_API": api.service.url})
    found = {}
    for month in ("2026-01", "2026-02", "2026-03"):
        draft = api.folder / f"draft-{month}"
        first = month == "2026-01"
        found[month] = extract_month(asker, str(api.landing), str(draft), month, first, EVENING).record.rows
    assert found == {"2026-01": 2, "2026-02": 0, "2026-03": 7}  # the one without a time is of the first month
    assert {"since": "2026-02-01T00:00:00Z", "before": "2026-03-01T00:00:00Z", "page": "1"} in [
        asked.parameters for asked in api.service.asked
    ]
    assert [record.month for record in records(str(api.landing), source)] == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ({"kind": "bearer", "token": "${KEY}"}, f"Bearer {CANARY}"),
        (
            {"kind": "basic", "user": "reader", "password": "${KEY}"},
            "Basic cmVhZGVyOkthbmFyaWVudm9nZWwtNDcxMQ==",
        ),
        ({"kind": "key", "name": "X-Api-Key", "key": "${KEY}"}, CANARY),
        ({"kind": "key", "name": "api_key", "key": "${KEY}", "where": "parameter"}, CANARY),
        (
            {"kind": "oauth2", "tokenUrl": "${TOKENS}", "clientId": "me", "clientSecret": "${KEY}"},
            "Bearer T2",
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 403, 500])
def test_a_login_is_sent_with_each_page_and_told_nowhere(
    api: Api,
    login: dict[str, Any],
    sent: str,
    status: int,
    waits: list[float],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = iter(["T1", "T2"])

    def answer(asked: Asked) -> Told:
        if asked.method == "POST":
            assert f"client_secret={CANARY}" in asked.body
            return Told({"access_token": next(tokens), "expires_in": 3600})
        if asked.headers.get("authorization") == "Bearer T1":
            return Told({}, 401)  # as if it had ended: a new one is asked for
        if status != 200 and asked.parameters["page"] == "2":
            return Told({"error": f"of {CANARY}"}, status, {"X-Echo": CANARY})
        return Told({"items": ORDERS[:2]} if asked.parameters["page"] == "1" else {"items": []})

    api.service.answer = answer
    source = api.source("full", "entity", authentication=login)
    environ = {"KEY": CANARY, "TOKENS": f"{api.service.url}/tokens"}
    told = ""
    if status == 200:
        api.extract(source, **environ)
    else:
        with pytest.raises(ExtractError) as error:
            api.extract(source, **environ)
        told = str(error.value) + str(error.value.__context__)
        assert f"answers {status}" in told
    pages = [asked for asked in api.service.asked if asked.method == "GET"][-2:]
    for page in pages:
        everything = [*page.headers.values(), *page.parameters.values()]
        assert sent in everything
    landed = b"".join(file.read_bytes() for file in api.landing.rglob("*.gz"))
    assert CANARY not in told + caplog.text + "".join(capfd.readouterr()) + str(asker_of(source, environ))
    assert CANARY.encode() not in landed


def test_what_fails_for_the_moment_is_tried_again(api: Api, waits: list[float]) -> None:
    answers = iter(
        [Told({}, 429, {"Retry-After": "7"}), Told({}, 503), Told({}, 502), Told({"items": []}, 200)]
    )
    api.service.answer = lambda _: next(answers, Told({"items": []}))
    assert api.extract(api.source()).record.rows == 0
    assert waits == [7, 2, 4]
    waits.clear()
    api.service.answer = lambda _: Told({}, 503, {"Retry-After": "Mon, 09 Mar 2026 10:00:00 GMT"})
    with pytest.raises(ExtractError, match="answers 503 Service Unavailable, 3 times"):
        api.extract(api.source(retries=2), 1)
    assert waits == [0, 0]  # a date that is over
    api.service.answer = lambda _: Told({}, 429, {"Retry-After": "7200"})
    with pytest.raises(ExtractError, match="asked again in 120 minutes"):
        api.extract(api.source(), 2)
    assert waits == [0, 0]


def test_a_refusal_is_told_once_and_with_its_remedy(api: Api, waits: list[float]) -> None:
    for status, told in (
        (401, "secret"),
        (403, "right to read"),
        (404, "path"),
        (302, "redirects to x.example"),
    ):
        api.service.asked.clear()
        api.service.answer = lambda _, status=status: Told(
            {}, status, {"Location": "https://x.example/?key=1"}
        )
        with pytest.raises(ExtractError, match=told) as error:
            api.extract(api.source())
        assert len(api.service.asked) == 1 and "key" not in str(error.value)
    assert waits == []


def test_a_service_that_is_silent_or_away_is_told(api: Api, waits: list[float]) -> None:
    wait = threading.Event()
    api.service.answer = lambda _: Told([wait.wait(3)])
    with pytest.raises(ExtractError, match=r"127.0.0.1 does not answer \(ReadTimeout\), 1 times"):
        api.extract(api.source(retries=0, timeoutSeconds=1))
    wait.set()
    with pytest.raises(ExtractError, match=r"does not answer \(ConnectError\), 2 times"):
        api.extract(api.source(retries=1, location="http://127.0.0.1:9"), 1)


def test_requests_keep_their_pace(api: Api, waits: list[float]) -> None:
    api.service.answer = paged(ORDERS)
    api.extract(api.source(requestsPerMinute=30))
    assert len(waits) == 4 and all(1.5 < wait <= 2 for wait in waits)


def test_an_answer_that_is_too_large_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST", 100)
    api.service.answer = lambda _: Told({"items": ORDERS})
    with pytest.raises(ExtractError, match="smaller `size`"):
        api.extract(api.source())


def test_a_member_that_is_new_or_of_another_kind_is_told(api: Api) -> None:
    orders = [ORDERS[0] | {"plan": "A"}]
    api.service.answer = paged(orders)
    source = api.source()
    api.extract(source)
    orders[:] = [order(2, "2026-03-02T10:00:00Z") | {"amount": "2,50", "extra": [1]}]
    # a document may lack a member, so that `plan` is not called gone
    assert set(api.extract(source, 1).changes) == {"amount was a number and is text", "extra is new"}
    orders[:] = [order(3, "2026-03-03T10:00:00Z") | {"amount": "3,50", "plan": "B"}]
    assert api.extract(source, 2).changes == ()


@pytest.mark.parametrize(
    ("own", "location", "told"),
    [
        ({}, f"https://a:{CANARY}@h/x", "password"),
        ({}, "http://h/x", "unencrypted"),
        ({}, f"https://h/x?api_key={CANARY}", "under `authentication`"),
        ({"paginator": {"kind": "page"}}, None, "needs parameter"),
        ({"paginator": {"kind": "link", "parameter": "p"}}, None, "has no parameter"),
        (
            {"paginator": {"kind": "cursor", "parameter": "p"}},
            None,
            "either from `next` or from `lastRecord`",
        ),
        ({"paginator": {"kind": "link", "size": 5}}, None, "sizeParameter"),
        ({"paginator": None}, None, "paginator"),
        ({"authentication": {"kind": "bearer", "token": CANARY}}, None, "does not stand in a file"),
        ({"authentication": {"kind": "bearer"}}, None, "needs token"),
        ({"authentication": {"kind": "basic", "user": "a", "token": "${A}"}}, None, "has no token"),
        ({"headers": {"Authorization": CANARY}}, None, "does not stand in a file"),
        ({"parameters": {"api_key": CANARY}}, None, "does not stand in a file"),
        ({"cursor": None}, None, "without a cursor there is no since"),
        ({"kursor": "x"}, None, "cursor"),
    ],
)
def test_a_mistake_in_the_contract_is_told_without_the_secret(
    api: Api, own: dict[str, Any], location: str | None, told: str
) -> None:
    with pytest.raises(DeclarationErrors) as error:
        api.source(location=location or "${SHOP_API}", **own)
    assert told in str(error.value)
    assert CANARY not in str(error.value)


def test_a_variable_that_is_missing_or_no_address_is_told(api: Api) -> None:
    source = api.source()
    with pytest.raises(ExtractError, match="SHOP_API is not set"):
        asker_of(source, {}).digest()
    for wrong in (CANARY, f"http://shop.example/{CANARY}", f"https://shop.example/?x={CANARY}"):
        with pytest.raises(ExtractError, match="cannot be used") as error:
            asker_of(source, {"SHOP_API": wrong}).digest()
        assert CANARY not in str(error.value)
