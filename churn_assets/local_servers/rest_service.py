"""A REST service on this machine that gives documents page by page, to whom has its token."""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

PAGE, MOST = 100, 1000  # documents of a page, by default and at most


class RestService:
    """A service with collections: `GET /tickets?updated_since=...&after=...&limit=...` and a bearer token.

    An answer is `{"data": [...], "next": "..."}`; documents are in the order of `updated_at`, and `next` is missing on
    the last page.

    Attributes:
        token: whoever asks sends it.
        url: of the service, once it runs.
        collections: name -> key -> document; whoever feeds the service writes into them.
        requests: how many pages were given.
    """

    def __init__(self, *names: str) -> None:
        self.token = secrets.token_urlsafe(16)
        self.url = ""
        self.collections: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
        self.requests = 0
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def page(self, name: str, asked: dict[str, str]) -> dict[str, Any]:
        """The page that these parameters ask for; KeyError without such a collection."""
        since, after = asked.get("updated_since", ""), int(asked.get("after", 0))
        limit = min(int(asked.get("limit", PAGE)), MOST)
        wanted = sorted(
            (d for d in self.collections[name].values() if d["updated_at"] >= since),
            key=lambda document: document["updated_at"],
        )
        page: dict[str, Any] = {"data": wanted[after : after + limit]}
        if after + limit < len(wanted):
            page["next"] = str(after + limit)
        self.requests += 1
        return page


def _handler(service: RestService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            sent = self.headers.get("Authorization", "")
            if not secrets.compare_digest(sent.encode(), f"Bearer {service.token}".encode()):
                self._answer(401, {"error": "no token"})
                return
            try:
                self._answer(200, service.page(parts.path.strip("/"), dict(parse_qsl(parts.query))))
            except KeyError:
                self._answer(404, {"error": "no such collection"})
            except ValueError:
                self._answer(400, {"error": "a parameter is no number"})

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    return Handler
