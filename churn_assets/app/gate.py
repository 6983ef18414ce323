"""Stands before every request to the page: takes personal links, and keeps out whoever has neither link nor login.

A personal link is `/?access=<key>`. The key moves at once from the address into a cookie that no script can read, and
the browser is led to the same address without it. No address is ever logged.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn_assets.access.keys import IN_AN_ADDRESS, Key, Keys, KeysError, keys_file, now
from churn_assets.access.loopback import is_called_locally, is_forwarded
from churn_assets.app.places import HOME, PAGES
from churn_assets.operations.log.writing import event
from churn_assets.settings import Settings

ACCESS = "access"  # the parameter of a personal link
COOKIE = "churn_access"
ASK = "Ask whoever looks after this software for a personal link: churn-assets keys create NAME --role agent"
PLACE = re.compile(r"/([^.]+?)/?")  # what could be a page; files have a dot
OF_STREAMLIT = ("_stcore", "app", "auth", "component", "media", "oauth2callback", "static")
FREE = re.compile(r"/_stcore/(health|script-health-check)")
FIXED = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    # a text of the data cannot make the browser ask another website
    (
        b"content-security-policy",
        b"img-src 'self' data: blob:; media-src 'self'; font-src 'self' data:; frame-src 'self'; object-src 'none'",
    ),
]


class Gate:
    """The first of the ASGI layers of the page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = Keys(keys_file(settings))
        self._has_login = settings.app.issuer is not None
        self._is_secure = settings.app.tls_certificate is not None or (settings.app.address or "").startswith(
            "https://"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request pass, or answers it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *FIXED]
            await send(message)

        answer = self._answer(scope)
        if answer is None:
            await self._app(scope, receive, with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """None: the request may pass."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        if FREE.fullmatch(scope["path"]):
            return None
        if not _is_of_this_site(scope, headers):
            return _told(403, "Another website asks for this page.")
        try:
            if _holds_a_key(scope):
                return self._taken(scope)
            return self._admitted(headers) or _misplaced(scope)
        except KeysError as error:
            event("app.keys_failed", "The keys cannot be read.", level=40, error=error)
            return _told(503, "The keys cannot be read; the log tells why.")

    def _taken(self, scope: Scope) -> Response:
        """Moves the key of a personal link into the cookie."""
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        key = next((self._keys.find(value) for name, value in given if name == ACCESS), None)
        if key is None or key.role is None:
            return _told(403, f"This link is not valid. {ASK}")
        state = key.state(now())
        if state != "active":
            return _told(403, f"This link is {state}. {ASK}")
        value = next(value for name, value in given if name == ACCESS)
        rest = urlencode([(name, value) for name, value in given if name != ACCESS])
        # one slash, so that no link leads to another site
        place = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        answer = RedirectResponse(place, 303, {"Cache-Control": "no-store"})
        answer.set_cookie(
            COOKIE, value, max_age=_seconds(key), httponly=True, samesite="lax", secure=self._is_secure
        )
        event("app.link_taken", "A personal link was opened.", key=key.id)
        return answer

    def _admitted(self, headers: Iterable[tuple[str, str]]) -> Response | None:
        given = cookies_of(headers).get(COOKIE)
        key = self._keys.find(given) if given else None
        if key is not None and key.role is not None and key.state(now()) == "active":
            return None
        if self._has_login:
            return None  # the page itself asks for it
        if self._keys.of_page():
            why = (
                f"Your link is {key.state(now())}." if key is not None else "This page needs a personal link."
            )
            return _told(401, f"{why} {ASK}")
        if is_called_locally([value for name, value in headers if name == "host"]) and not is_forwarded(
            [name for name, _ in headers]
        ):
            return None
        return _told(
            401, f"Without personal links only http://localhost and http://127.0.0.1 are answered. {ASK}"
        )


def _holds_a_key(scope: Scope) -> bool:
    """Whether an address holds a key; what the login and an identity provider write there may look like one."""
    if scope["path"].strip("/").split("/")[0] in OF_STREAMLIT:
        return False
    address = scope["path"].encode() + b"?" + scope["query_string"]
    return IN_AN_ADDRESS.search(unquote_to_bytes(address)) is not None


def _misplaced(scope: Scope) -> Response | None:
    """What answers an address of no page; None for any other."""
    told = PLACE.fullmatch(scope["path"])
    if scope["type"] != "http" or told is None or told[1].split("/")[0] in OF_STREAMLIT:
        return None
    if told[1] == HOME:  # Streamlit knows it by the bare address only
        rest = scope["query_string"].decode("latin-1")
        return RedirectResponse(f"/?{rest}" if rest else "/", 307)
    if told[1] in PAGES:
        return None
    return _told(404, f"There is no such page. The pages are: {', '.join(f'/{name}' for name in PAGES)}.")


def cookies_of(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The cookies of a request; a header that cannot be read holds none."""
    jar: SimpleCookie = SimpleCookie()
    for name, value in headers:
        if name == "cookie":
            try:
                jar.load(value)
            except CookieError:
                continue
    return {name: morsel.value for name, morsel in jar.items()}


def _is_of_this_site(scope: Scope, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a socket is opened by a page of this server."""
    if scope["type"] != "websocket":
        return True
    told = dict(headers)
    origin = told.get("origin")
    return origin is None or urlsplit(origin).netloc == told.get("host")


def _seconds(key: Key) -> int | None:
    """How long a browser may keep the key; None: until it is closed."""
    if key.expires is None:
        return None
    return max(0, int((datetime.fromisoformat(key.expires) - now()).total_seconds()))


def _told(status: int, sentence: str) -> Response:
    return PlainTextResponse(f"{sentence}\n", status, {"Cache-Control": "no-store"})
