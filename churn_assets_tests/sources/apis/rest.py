"""A REST service on this machine, and a source of orders that asks it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import Source
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.live.extract import Extract, extract_new
from churn_assets_tests.http_server import serving
from churn_assets_tests.sources.databases.shop import CONTRACT, EVENING


class Asked(NamedTuple):
    """A request: method, path, parameters, headers by their small names, and body."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: str


class Told(NamedTuple):
    """An answer."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


class Service:
    """Answers as `answer` says, and remembers what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Told] = lambda asked: Told([])


@contextmanager
def service() -> Iterator[Service]:
    """A service on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            running.asked.append(asked)
            told = running.answer(asked)
            content = told.content if isinstance(told.content, bytes) else json.dumps(told.content).encode()
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as server:
        running = Service(f"http://127.0.0.1:{server.server_port}")
        yield running


def order(number: int, at: str | None) -> dict[str, Any]:
    """A document of an order."""
    return {"order_id": number, "customer_id": f"C{number}", "ordered_at": at, "amount": number + 0.5}


def paged(orders: list[dict[str, Any]], size: int = 2) -> Callable[[Asked], Told]:
    """Answers with the page of a number, of the orders since a time."""

    def answer(asked: Asked) -> Told:
        since = asked.parameters.get("since", "")
        wanted = [o for o in orders if o["ordered_at"] is None or o["ordered_at"] >= since]
        first = (int(asked.parameters.get("page", 1)) - 1) * size
        return Told({"items": wanted[first : first + size], "pages": -(-len(wanted) // size)})

    return answer


class Api(NamedTuple):
    """A service, its landing zone and a folder for the rest."""

    service: Service
    landing: Path
    folder: Path

    def source(
        self, delivery: str = "changes", role: str = "event", location: str = "${SHOP_API}", **own: Any
    ) -> Source:
        """The source of orders; `own` are properties of its server, by default pages by number."""
        shown = {"path": "/orders", "paginator": {"kind": "page", "parameter": "page"}, "records": "items"}
        if delivery == "changes":
            shown |= {"cursor": "ordered_at", "since": {"parameter": "since"}}
        shown |= own
        asked = [{"property": name, "value": value} for name, value in shown.items() if value is not None]
        text = CONTRACT.format(
            kind="api",
            location=location,
            own=json.dumps(asked),
            role=role,
            delivery=delivery,
            time="- {property: eventTime, value: ordered_at}" if role == "event" else "",
        )
        file = self.folder / "orders.yaml"
        file.write_text(text, encoding="utf-8")
        return load_source(file)

    def extract(self, source: Source, days: int = 0, **environ: str) -> Extract:
        """An extract of so many days after the first evening."""
        folder = self.folder / "draft" / str(len([*self.folder.glob("draft/*")]))
        folder.mkdir(parents=True)
        asker = asker_of(source, {"SHOP_API": self.service.url} | environ)
        return extract_new(asker, str(self.landing), str(folder), EVENING + timedelta(days=days))
