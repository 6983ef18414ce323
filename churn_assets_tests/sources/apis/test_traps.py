"""Services that answer nonsense: each is an error with a remedy, without a secret."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from churn_assets.extracts.asking import asker_of
from churn_assets.sources.apis import client, pages
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.readers.json_lines import read_json_lines
from churn_assets_tests.sources.apis.rest import Api, Asked, Told, order

CANARY = "Kanarienvogel-4711"
ONE = [order(1, "2026-03-01T10:00:00Z")]
LINK = {"kind": "link", "next": "next"}


def _always(told: Told) -> Callable[[Asked], Told]:
    return lambda _: told


def _refused(api: Api, told: Told, **own: Any) -> str:
    api.service.answer = lambda _: told
    with pytest.raises(ExtractError) as error:
        api.extract(api.source(**own))
    assert not api.landing.exists() and CANARY not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://127.0.0.1:99999/", "http://a:b/", "http://" + "a" * 70000]
)
@pytest.mark.parametrize("header", [False, True])
def test_a_next_address_that_is_none(api: Api, address: str, header: bool) -> None:
    told = Told({"items": ONE, "next": address})
    own = LINK
    if header:
        own = {"kind": "link"}
        told = Told({"items": ONE}, headers={"Link": f'<{address[:9000]}>; rel="next"'})
    assert "no address" in (said := _refused(api, told, paginator=own)) or "another host" in said


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_cursor_beyond_all_times(api: Api, at: str) -> None:
    assert "ordered_at" in _refused(api, Told({"items": [order(1, at)], "pages": 1}))


def test_a_cursor_of_the_first_days_of_all_times(api: Api) -> None:
    api.service.answer = lambda _: Told({"items": [order(1, "0001-01-01T00:00:00Z")]})
    source = api.source(paginator={"kind": "none"})
    assert [api.extract(source, days).record.rows for days in (0, 1)] == [1, 1]


def test_numbers_without_end(api: Api) -> None:
    long = ("1" * 5000).encode()
    assert "ordered_at" in _refused(api, Told(b'{"items": [{"order_id": 1, "ordered_at": ' + long + b"}]}"))
    paginator = {"kind": "page", "parameter": "page", "pages": "pages"}
    said = _refused(api, Told(b'{"items": [], "pages": ' + long + b"}"), paginator=paginator)
    assert "no number pages" in said


def test_documents_nested_too_deeply(api: Api) -> None:
    for depth in (400, 700, 900, 990, 5000, 100_000):
        text = b'{"items": [{"order_id": 1, "x": ' + b"[" * depth + b"]" * depth + b"}]}"
        api.service.answer = _always(Told(text))
        source = api.source("full", "entity", paginator={"kind": "none"})
        try:
            api.extract(source)
        except ExtractError:
            assert depth > 400


def test_half_of_a_surrogate_goes_to_the_quarantine(api: Api) -> None:
    half, whole = (
        rb'{"order_id": 1, "customer_id": "C\ud83d"}',
        rb'{"order_id": 2, "customer_id": "\ud83d\ude00\u0000"}',
    )
    text = b'{"items": [' + half + b", " + whole + b"]}"
    api.service.answer = lambda _: Told(text)
    source = api.source("full", "entity", paginator={"kind": "none"})
    assert api.extract(source).record.rows == 2
    [file] = list_extracts(str(api.landing), source)
    [rows] = read_json_lines(source, file)
    assert [broken is not None for broken in rows["broken"].to_pylist()] == [True, False]


@pytest.mark.parametrize("token", ["a\nb", "töken", ""])
def test_a_token_that_no_header_can_hold(api: Api, token: str, waits: list[float]) -> None:
    login = {
        "kind": "oauth2",
        "tokenUrl": f"{api.service.url}/token",
        "clientId": "me",
        "clientSecret": "${SECRET}",
    }
    api.service.answer = lambda _: Told({"access_token": token, "expires_in": "1e999"})
    with pytest.raises(ExtractError, match="gives no access_token"):
        api.extract(api.source(authentication=login), SECRET=CANARY)
    assert waits == []


def test_an_odd_time_to_wait_is_passed_over(api: Api, waits: list[float]) -> None:
    for told in ("\u00b2", "nan", "-3", "Thu, 99 Foo 2026"):
        _refused(api, Told([], 503, {"Retry-After": told}), retries=1)
    assert waits == [1.0] * 4


def test_a_secret_in_the_path_is_in_no_message(api: Api, waits: list[float]) -> None:
    def refuse(asked: Asked) -> Told:
        return Told([], 404)

    api.service.answer = refuse
    written = api.service.url + "/${TENANT}/v1"
    for location, environ in (
        (written, {"TENANT": CANARY}),
        ("${WHOLE}", {"WHOLE": f"{api.service.url}/{CANARY}/v1"}),
    ):
        source = api.source(location=location)
        with pytest.raises(ExtractError) as error:
            api.extract(source, 0, **environ)
        assert api.service.asked[-1].path == f"/{CANARY}/v1/orders"
        assert CANARY not in str(error.value) and "/orders answers 404" in str(error.value)
        assert CANARY not in repr(asker_of(source, environ))


def test_empty_pages_without_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_EMPTY", 20)
    api.service.answer = lambda asked: Told({"items": [], "next": f"n{len(api.service.asked)}"})
    with pytest.raises(ExtractError, match="pages without records"):
        api.extract(api.source(paginator={"kind": "cursor", "parameter": "after", "next": "next"}))


@pytest.mark.parametrize("size", [1, 2])
def test_pages_that_alternate_without_end(api: Api, size: int) -> None:
    both = [order(n, "2026-03-01T10:00:00Z") for n in range(2 * size)]

    def answer(asked: Asked) -> Told:
        odd = int(asked.parameters["page"]) % 2
        return Told({"items": both[:size] if odd else both[size:]})

    api.service.answer = answer
    with pytest.raises(ExtractError, match=r"gives the same page again.* such as an id"):
        api.extract(api.source())
    assert len(api.service.asked) == 3


@pytest.mark.parametrize(
    "address", ["http://[bad", "//[::1", "http://a:b/", "", "https://elsewhere.example/x"]
)
def test_a_redirect_to_any_address_is_told_at_once(api: Api, waits: list[float], address: str) -> None:
    said = _refused(api, Told([], 302, {"Location": address}))
    assert said.startswith("127.0.0.1 redirects") and "no redirect is followed" in said and waits == []


@pytest.mark.parametrize("part", ["headers", "content"])
def test_an_answer_that_trickles_is_broken_off(
    api: Api, monkeypatch: pytest.MonkeyPatch, waits: list[float], part: str
) -> None:
    """Each byte comes in time, and the whole never does."""
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)
    first = b"HTTP/1.1 200 OK\r\nX: " if part == "headers" else b"HTTP/1.1 200 OK\r\n\r\n"
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            line, _ = server.accept()
            with line, suppress(OSError):
                line.sendall(first)
                while not done.wait(0.05):
                    line.sendall(b" ")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        source = api.source(location="${WHOLE}")
        with pytest.raises(ExtractError, match=r"takes more than 0\.5 seconds"):
            api.extract(source, 0, WHOLE=f"http://127.0.0.1:{server.getsockname()[1]}")
        done.set()
        thread.join(5)
    assert not thread.is_alive() and waits == []


def test_a_secret_of_the_path_that_is_renewed_asks_nothing_else(api: Api) -> None:
    """Whatever stands below the host, an extract goes on; another host, or another path, is another question."""
    written = api.source(location="https://${HOST}/${TENANT}/v1")

    def digest(host: str, tenant: str) -> str:
        return asker_of(written, {"HOST": host, "TENANT": tenant}).digest()

    assert digest("a.example", CANARY) == digest("a.example", "another")
    assert digest("a.example", CANARY) != digest("b.example", CANARY)
    plain = {
        path: asker_of(api.source(location=f"https://a.example/{path}"), {}).digest() for path in ("v1", "v2")
    }
    assert plain["v1"] != plain["v2"]


def test_the_next_page_may_stand_under_a_name_with_dots(api: Api) -> None:
    """As in answers of OData."""
    link = "@odata.nextLink"

    def answer(asked: Asked) -> Told:
        second = "skip" in asked.parameters
        told = {"value": [order(1 + second, "2026-03-01T10:00:00Z")]}
        return Told(told if second else told | {link: f"{api.service.url}/orders?skip=1"})

    api.service.answer = answer
    done = api.extract(api.source(paginator={"kind": "link", "next": link}, records="value"))
    assert done.record.rows == 2
