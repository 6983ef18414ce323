"""Who calls: by a key, by a token of the issuer, or, while there are no keys, anybody on this machine."""

from dataclasses import dataclass
from ipaddress import ip_address

import anyio.to_thread
from starlette.requests import Request

from churn_assets.api.gateway import Access
from churn_assets.api.keys import IN_AN_ADDRESS, Keys, KeysError, keys_file, now
from churn_assets.api.limits import Limiter
from churn_assets.api.problems import SOON, ApiProblem
from churn_assets.api.tokens import Issuer
from churn_assets.settings import Settings

WHO_ARE_YOU = {"WWW-Authenticate": "Bearer"}
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
HOW = "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: for the log and the audit.
        limited_as: what requests are counted by.
        scopes: what they may do.
    """

    name: str
    limited_as: str
    scopes: frozenset[str]


# Without keys everybody on this machine may ask for scores, but not by whom a natural id belongs to.
ANYBODY = Caller("anybody on this machine", "anybody", frozenset({"scores", "monitoring"}))


class Callers:
    """Finds out who calls and counts their requests."""

    def __init__(self, settings: Settings, limiter: Limiter) -> None:
        self.keys = Keys(keys_file(settings))
        self._issuer = Issuer(settings.api) if settings.api.issuer else None
        self._on_loopback = is_loopback(settings.api.host)
        self._limiter = limiter

    async def admit(self, request: Request, scope: str, access: Access) -> Caller:
        """The caller, who has this scope and requests left; noted for the log.

        Raises:
            ApiProblem: 400, 401, 403, 429 or 503.
        """
        if IN_AN_ADDRESS.search(request.scope["query_string"]) or IN_AN_ADDRESS.search(
            request.scope["raw_path"]
        ):
            raise ApiProblem(
                400, f"The address holds a key, and addresses are logged. Revoke this key. {HOW}"
            )
        caller = await self._who(request)
        access.caller = caller.name
        wait = self._limiter.take(caller.limited_as)
        if wait:
            again = str(int(wait) + 1)
            raise ApiProblem(429, f"Too many requests. Try again in {again} s.", {"Retry-After": again})
        if scope not in caller.scopes:
            raise ApiProblem(403, f"This call needs the scope {scope}.")
        return caller

    async def _who(self, request: Request) -> Caller:
        given = _given(request)
        try:
            if given is None:
                if self._on_loopback and self._issuer is None and not self.keys.all():
                    return _anybody(request)
                raise ApiProblem(401, f"A key is needed. {HOW}", WHO_ARE_YOU)
            key = self.keys.find(given)
        except KeysError:
            raise ApiProblem(503, "The keys cannot be read; the log tells why.", SOON) from None
        if key is not None:
            state = key.state(now())
            if state != "active":
                raise ApiProblem(401, f"This key is {state}.", WHO_ARE_YOU)
            return Caller(key.name, key.id, frozenset(key.scopes))
        if self._issuer is not None and given.count(".") == 2:
            found = await anyio.to_thread.run_sync(self._issuer.subject_and_scopes, given)
            if found is not None:
                subject, scopes = found
                return Caller(subject[:64], f"token {subject}", scopes)
        raise ApiProblem(401, "This key is not valid.", WHO_ARE_YOU)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given(request: Request) -> str | None:
    """The key or token of the headers."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    return request.headers.get("x-api-key")


def _anybody(request: Request) -> Caller:
    """A page of another site may not read answers through a name of its own that leads here (DNS rebinding)."""
    host = request.url.hostname or ""
    if host not in LOCAL_NAMES:
        raise ApiProblem(
            401, f"Without keys only http://localhost and http://127.0.0.1 are answered. {HOW}", WHO_ARE_YOU
        )
    return ANYBODY
