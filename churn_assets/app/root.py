"""Tells the browser where the page's server has its root.

Streamlit's own script finds it by trial: it asks every part of the address, and the browser reports each miss as an
error.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD = b"<head>"
TOLD = HEAD + b"<script>window.__streamlit = { BACKEND_BASE_URL: window.location.origin }</script>"


class RootTold:
    """An ASGI layer that adds the root to each HTML document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request pass, and completes its answer if that is HTML."""
        if scope["type"] != "http" or "." in scope["path"] or scope["path"].startswith("/_"):
            await self._app(scope, receive, send)
            return
        uncompressed = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        is_html, body = False, b""

        async def complete(message: Message) -> None:
            nonlocal start, is_html, body
            if message["type"] == "http.response.start":
                start, is_html = message, _is_html(message)
            if not is_html:
                await send(message)
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    body = body.replace(HEAD, TOLD, 1)
                    await send({**start, "headers": [*_without_length(start), _length(body)]})
                    await send({"type": "http.response.body", "body": body})

        await self._app({**scope, "headers": uncompressed}, receive, complete)


def _is_html(start: Message) -> bool:
    kind: bytes = dict(start["headers"]).get(b"content-type", b"")
    return bool(start["status"] == 200 and kind.startswith(b"text/html"))


def _without_length(start: Message) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in start["headers"] if name != b"content-length"]


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
