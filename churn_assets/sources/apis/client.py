"""Requests to a REST service: paced, tried again where that helps, and with errors that tell no secret."""

import http.client
import logging
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import truststore

from churn_assets.contracts.api_properties import ApiProperties
from churn_assets.progress import note
from churn_assets.sources.apis.address import ApiAddress
from churn_assets.sources.apis.lines import Lines
from churn_assets.sources.json_text import parsed
from churn_assets.sources.live.errors import ExtractError

if TYPE_CHECKING:
    import httpx

LATER = {408, 425, 429, 500, 502, 503, 504}  # statuses after which another attempt may succeed
LONGEST_WAIT = 900.0  # seconds that a service may ask for
LARGEST = 64 * 2**20  # bytes of an answer
ANSWER_SECONDS = 600  # for one answer, however steadily it comes
SMALLER = "Declare a smaller `size` of a page."
EARLIER = 30  # seconds before its end, a token is renewed
REMEDIES = {
    401: "Correct the secret that `authentication` names.",
    403: "Give this login the right to read.",
    404: "Correct the location or the path of the contract's server.",
    400: "Correct the parameters of the contract's server.",
    422: "Correct the parameters of the contract's server.",
}


class RefusedError(ExtractError):
    """The service answers with a status that is none of success."""

    def __init__(self, problem: str, status: int) -> None:
        remedy = REMEDIES.get(status, "Correct the contract's server.")
        super().__init__(f"{problem}. {remedy}")
        self.problem, self.status = problem, status


class NoJsonError(ExtractError):
    """The service answers something else than JSON; `kind` is its content type."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class ApiPage(NamedTuple):
    """An answer: its content, and the address of the next page in its header, if there is one."""

    content: Any
    link: str | None


class ApiClient:
    """Asks one service; use it in a `with` statement."""

    def __init__(self, address: ApiAddress, own: ApiProperties) -> None:
        import httpx

        for name in ("httpx", "httpcore"):  # they log addresses with their parameters
            logging.getLogger(name).setLevel(logging.WARNING)
        self.address, self.own = address, own
        self._client = httpx.Client(
            timeout=own.timeoutSeconds,
            verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            event_hooks={"response": [self._refuse_redirect]},
        )
        self._lines = Lines()
        self._token: tuple[str, float] | None = None  # and when it ends
        self._last = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def page(self, url: str, parameters: Mapping[str, str]) -> ApiPage:
        """Asks for a page.

        Args:
            url: of the service itself, as `joined` gives it.
            parameters: of the query, besides those of the URL and of the login.

        Raises:
            ExtractError: the service does not answer, refuses, or answers something else than JSON; see REMEDIES.
        """
        host, own = urlsplit(url)[:2], urlsplit(self.address.url)[:2]
        if host != own:  # the login is for this service alone
            raise ExtractError(
                f"{self.address.shown} leads to another host. No login is sent there: correct the location."
            )
        import httpx

        whole = str(httpx.URL(url).copy_merge_params({**parameters, **self.address.login}))
        renewed = False
        while True:
            headers = self.address.headers | self._login()
            status, answered, content = self._answer("GET", whole, headers=headers)
            if status == 401 and self._token is not None and not renewed:
                self._token, renewed = None, True
                continue
            self._require(status, self.address.shown)
            return ApiPage(self._json(content, answered), _next_link(answered, url))

    def _login(self) -> dict[str, str]:
        """The header with the token of OAuth 2, which is asked for when there is none or when it ends."""
        if self.address.token is None:
            return {}
        if self._token is None or time.monotonic() > self._token[1]:
            url, form = self.address.token
            shown = f"The service of tokens at {urlsplit(url).hostname}"
            headers = {"Accept": "application/json", "User-Agent": "churn-assets"}
            status, answered, content = self._answer("POST", url, headers=headers, data=form)
            self._require(status, shown)
            told = self._json(content, answered)
            token = told.get("access_token") if isinstance(told, dict) else None
            if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
                raise ExtractError(f"{shown} gives no access_token. Correct `tokenUrl`.")
            seconds = 300.0
            with suppress(KeyError, TypeError, ValueError):
                seconds = float(told["expires_in"])
            self._token = (token, time.monotonic() + max(seconds - EARLIER, 1))
        return {"Authorization": f"Bearer {self._token[0]}"}

    def _answer(self, method: str, url: str, **sent: Any) -> "tuple[int, httpx.Headers, bytes]":
        """Status, headers and content; tries again where that helps."""
        import httpx

        host = urlsplit(url).hostname
        for attempt in range(self.own.retries + 1):
            self._wait_for_turn()
            try:
                status, headers, content = self._once(method, url, sent)
            except httpx.HTTPError as error:
                problem, asked_for = f"{host} does not answer ({_words(error)})", None
            else:
                if status not in LATER:
                    return status, headers, content
                problem, asked_for = f"{host} answers {_status(status)}", _retry_after(headers)
            if asked_for is not None and asked_for > LONGEST_WAIT:
                raise ExtractError(
                    f"{problem}, and wants to be asked again in {asked_for / 60:,.0f} minutes. Lower "
                    "`requestsPerMinute`, or run the extract again then."
                )
            if attempt < self.own.retries:
                wait = min(2.0**attempt, 60.0) if asked_for is None else asked_for
                note(f"{problem}. Next attempt in {wait:g} seconds.")
                time.sleep(wait)
        raise ExtractError(
            f"{problem}, {self.own.retries + 1} times. Is the address right, and does the service run?"
        )

    def _once(self, method: str, url: str, sent: Any) -> "tuple[int, httpx.Headers, bytes]":
        import httpx

        taken, sent = bytearray(), sent | {"extensions": {"trace": self._lines.trace}}
        with self._lines.broken_off_after(ANSWER_SECONDS) as broken_off:
            try:
                with self._client.stream(method, url, **sent) as answer:
                    for chunk in answer.iter_bytes():
                        taken += chunk
                        if len(taken) > LARGEST:
                            raise ExtractError(
                                f"An answer has more than {LARGEST / 2**20:.0f} MiB. {SMALLER}"
                            )
            except httpx.HTTPError:
                if not broken_off():
                    raise
            if broken_off():  # an answer that ends with its connection would look whole
                raise ExtractError(f"An answer takes more than {ANSWER_SECONDS:g} seconds. {SMALLER}")
        return answer.status_code, answer.headers, bytes(taken)

    def _wait_for_turn(self) -> None:
        if self.own.requestsPerMinute:
            wait = self._last + 60 / self.own.requestsPerMinute - time.monotonic()
            if wait > 0:
                time.sleep(wait)
        self._last = time.monotonic()

    def _refuse_redirect(self, answer: "httpx.Response") -> None:
        """Does nothing if it is no redirect; httpx itself would read the address, which may be none."""
        if not 300 <= answer.status_code < 400:
            return
        target = None
        with suppress(ValueError):
            target = urlsplit(answer.headers.get("location", "")).hostname
        host, to = answer.request.url.host, f" to {target}" if target else ""
        raise ExtractError(
            f"{host} redirects{to} ({answer.status_code}). Correct the location; no redirect is followed."
        )

    def _require(self, status: int, shown: str) -> None:
        """Does nothing if the service has answered 2xx."""
        if not 200 <= status < 300:
            raise RefusedError(f"{shown} answers {_status(status)}", status)

    def _json(self, content: bytes, headers: "httpx.Headers") -> Any:
        try:
            return parsed(content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            kind = headers.get("content-type", "no type").partition(";")[0][:50]
            raise NoJsonError(
                f"{self.address.shown} answers no JSON that can be read ({kind}). Correct the location or the path.",
                kind,
            ) from None


def _words(error: Exception) -> str:
    """The kind of an error of the connection; its message may hold the address."""
    return type(error).__name__


def _status(status: int) -> str:
    return f"{status} {http.client.responses.get(status, '')}".strip()


def _retry_after(headers: "httpx.Headers") -> float | None:
    """Seconds that the service asks to wait; None if it does not tell."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _next_link(headers: "httpx.Headers", url: str) -> str | None:
    """The address in `Link: <...>; rel="next"`."""
    import httpx

    told = httpx.Response(200, headers=headers).links.get("next", {}).get("url")
    return joined(url, told) if told else None


def joined(url: str, told: str) -> str:
    """The address that an answer from `url` has told.

    Raises:
        ExtractError: it is no address.
    """
    import httpx

    try:
        return str(httpx.URL(urljoin(url, told)))
    except (ValueError, httpx.InvalidURL):
        raise ExtractError(
            "The next page that the answer tells is no address. Correct `paginator`."
        ) from None
