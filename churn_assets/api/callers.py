"""Who calls: by a key, by a token of the issuer, or, while there are no keys, anybody on this machine."""

from dataclasses import dataclass

import anyio
import anyio.to_thread
from starlette.requests import Request

from churn_assets.access.keys import Keys, KeysError, keys_file, now
from churn_assets.access.loopback import is_called_locally, is_forwarded, is_loopback
from churn_assets.api.gateway import Access
from churn_assets.api.limits import Limiter
from churn_assets.api.problems import HOW, SOON, ApiProblem
from churn_assets.api.tokens import Issuer
from churn_assets.settings import Settings

WHO_ARE_YOU = {"WWW-Authenticate": "Bearer"}
ASKING_AT_ONCE = 4  # threads that may wait for the issuer; the others score and look for releases


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


# Without keys, callers on this machine may read scores. They may not look up natural ids.
ANYBODY = Caller("anybody on this machine", "anybody", frozenset({"scores", "monitoring"}))


class Callers:
    """Finds out who calls and counts their requests."""

    def __init__(self, settings: Settings, limiter: Limiter) -> None:
        self.keys = Keys(keys_file(settings))
        self._issuer = Issuer(settings.api) if settings.api.issuer else None
        self._on_loopback = is_loopback(settings.api.host)
        self._limiter = limiter
        self._asking = anyio.CapacityLimiter(ASKING_AT_ONCE)

    async def admit(self, request: Request, scope: str, access: Access) -> Caller:
        """The caller, who has this scope and requests left; noted for the log.

        Raises:
            ApiProblem: 401, 403, 429 or 503.
        """
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
                if self._on_loopback and self._issuer is None and not self.keys.of_service():
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
            found = await anyio.to_thread.run_sync(
                self._issuer.subject_and_scopes, given, limiter=self._asking
            )
            if found is not None:
                subject, scopes = found
                return Caller(f"token:{subject}"[:64], f"token {subject}", scopes)
        raise ApiProblem(401, "This key is not valid.", WHO_ARE_YOU)


def _given(request: Request) -> str | None:
    """The key or token of the headers."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    return request.headers.get("x-api-key")


def _anybody(request: Request) -> Caller:
    """The caller without a key. Refuses other host names, and what a proxy forwards."""
    # request.url takes the address of the socket for a name that is none
    if not is_called_locally(request.headers.getlist("host")):
        raise ApiProblem(
            401, f"Without keys only http://localhost and http://127.0.0.1 are answered. {HOW}", WHO_ARE_YOU
        )
    if is_forwarded(request.headers):
        raise ApiProblem(401, f"A proxy forwards this request, so it needs a key. {HOW}", WHO_ARE_YOU)
    return ANYBODY
