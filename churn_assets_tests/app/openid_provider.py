"""A small OpenID Connect provider on this machine: discovery, authorize, token and keys."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "churn", "secret of the page"


class Provider:
    """Who logs in is `claims`; nobody is asked for a password.

    Attributes:
        claims: of the person who logs in next.
        key: signs the tokens.
        issuer: its address.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer, self.claims = issuer, {"sub": "nobody"}
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.asked: dict[str, dict[str, str]] = {}

    async def discovery(self, _: Request) -> Response:
        at = self.issuer
        return JSONResponse(
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(8)
        self.asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def token(self, request: Request) -> Response:
        [code] = parse_qs((await request.body()).decode())["code"]
        asked, now = self.asked.pop(code), int(time.time())
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= self.claims | ({"nonce": asked["nonce"]} if "nonce" in asked else {})
        signed = jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)
        return JSONResponse(
            {"access_token": "opaque", "token_type": "Bearer", "id_token": signed, "expires_in": 300}
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@contextmanager
def provider() -> Iterator[Provider]:
    """Runs a provider on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}")
        routes = [
            Route("/.well-known/openid-configuration", found.discovery),
            Route("/authorize", found.authorize),
            Route("/token", found.token, methods=["POST"]),
            Route("/jwks", found.keys),
        ]
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join(30)
