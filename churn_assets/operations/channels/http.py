"""Sends requests over HTTP and turns answers into success or one of the failures of a channel."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import truststore

from churn_assets.contracts.channels import unsafe_address
from churn_assets.operations.channels.channel import SECONDS, MessageRefused, Unavailable, Unreachable

# Statuses that are about the address or the login, so that they hold for all messages.
CLOSED = {401, 403, 404, 405, 407, 410}
LATER = {408, 425, 429}
LONGEST = 10_000_000  # bytes of an answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A signed message goes only where it was declared to go."""


def body_of(content: object) -> bytes:
    """JSON as it is signed and sent; the same content gives the same bytes."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True).encode()


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Posts JSON; returns when the receiver answers with 2xx.

    Raises:
        DeliveryFailed: anything else; the text names the status and never the address, which may be secret.
    """
    exchange(url, body, {"Content-Type": "application/json", **headers})


def exchange(url: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """Sends a request and returns the content of an answer of 2xx, at most LONGEST bytes.

    Raises:
        DeliveryFailed: as in `post`.
    """
    if told := unsafe_address(url):
        raise Unreachable(f"The address cannot be used: {told[0]}.")
    sent = {"User-Agent": "churn-assets", **headers}
    request = urllib.request.Request(url, body, sent, method=method)  # noqa: S310 (the scheme was looked at above)
    tls = urllib.request.HTTPSHandler(context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        with urllib.request.build_opener(_NoRedirect, tls).open(request, timeout=SECONDS) as answer:
            content: bytes = answer.read(LONGEST)
    except urllib.error.HTTPError as error:
        with error:
            raise _of_status(error.code, error.headers.get("Retry-After")) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"No answer ({type(reason).__name__}).") from None
    return content


def _of_status(status: int, retry_after: str | None) -> Exception:
    told = f"The receiver answered {status} {http.client.responses.get(status, '')}".strip() + "."
    if status in CLOSED or 300 <= status < 400:
        return Unreachable(told)
    if status in LATER or status >= 500:
        return Unavailable(told, float(retry_after) if retry_after and retry_after.isdigit() else None)
    return MessageRefused(told)
