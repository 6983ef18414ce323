"""The browser is told where the root of the server is, so that it does not try every part of the address."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from churn_assets.app.root import TOLD, RootTold

PAGE = "<html><head><title>Ä</title></head>" + "x" * 2000


def client() -> TestClient:
    def page(_: object) -> HTMLResponse:
        return HTMLResponse(PAGE)

    def text(_: object) -> PlainTextResponse:
        return PlainTextResponse("<head>")

    routes = [Route("/text", text), Route("/file.html", page), Route("/{place}", page), Route("/", page)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(RootTold), Middleware(GZipMiddleware)]))


def test_a_page_names_the_root_before_any_script_runs() -> None:
    for place in ("/", "/at_risk"):
        answer = client().get(place)
        assert answer.text == PAGE.replace("<head>", TOLD.decode())
        assert int(answer.headers["content-length"]) == len(answer.content)


def test_other_answers_stay_as_they_are() -> None:
    assert client().get("/text").text == "<head>"
    assert client().get("/file.html").text == PAGE
