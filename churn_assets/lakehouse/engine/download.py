"""Download one file with this machine's certificates and proxies, and explain failures in words.

Certificates: those of the system (on macOS the keychain), and those in SSL_CERT_FILE, SSL_CERT_DIR,
REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE. Proxies: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
"""

import logging
import os
import re
import socket
import ssl
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL, responses
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
    getproxies,
    proxy_bypass,
)

import truststore

from churn_assets.settings import without_secrets

log = logging.getLogger(__name__)

# Called with the number of bytes received, and the size of the whole file if the server sends it.
Watch = Callable[[int, int | None], None]

TIMEOUT = 20.0  # seconds without an answer or without a byte
PAUSES = (1.0, 3.0)  # seconds before each further attempt
PATIENCE = 60.0  # seconds in which at least SLOWEST bytes must come
SLOWEST = 60_000
_CHUNK = 1 << 16
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# OpenSSL's codes for: not valid yet, expired, another host name, another IP address. Any other code: not trusted.
_WRONG_CERTIFICATE = {9, 10, 62, 64}
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_TRUST_REMEDY = (
    "set SSL_CERT_FILE to the PEM file with the CA of your company (its proxy signs what passes through)"
)
_PROXY_REMEDY = "set HTTPS_PROXY where a proxy is the way out"
_WRONG_PROXY_REMEDY = "correct HTTPS_PROXY, or name in NO_PROXY what is reached without it"


class DownloadError(Exception):
    """The file cannot be downloaded; the message gives the reason in words.

    Attributes:
        remedy: what to do, apart from using another address; may be empty.
        transient: True when another attempt may succeed.
    """

    def __init__(self, reason: str, remedy: str = "", transient: bool = False) -> None:
        super().__init__(reason)
        self.remedy = remedy
        self.transient = transient


def download(address: str, target: Path, watch: Watch) -> None:
    """Download the address to a file; repeat the attempt after a transient error.

    Args:
        address: http or https; may contain `user:password@`, which is sent to this host only.
        target: the file, replaced when it exists; after an error it may be incomplete.
        watch: called with the progress.

    Raises:
        DownloadError: the download failed; the message contains no credentials.
        OSError: the file cannot be written.
    """
    for pause in (*PAUSES, None):
        try:
            with target.open("wb") as file:
                for chunk in _chunks(address, watch):
                    file.write(chunk)
            return
        except DownloadError as error:
            if pause is None or not error.transient:
                raise
            log.warning("%s; next attempt in %g s", error, pause)
            time.sleep(pause)


def probe(address: str) -> None:
    """Request the file once, without reading it.

    Raises:
        DownloadError: a download would fail.
    """
    with _answer(address) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise DownloadError(f"{_request(address).host} answers with an HTML page instead of the file")


def looked(address: str) -> str:
    """In words: the address without credentials, the proxy, and for https the trusted certificates."""
    try:
        request = _request(address)
    except DownloadError:
        return without_secrets(address)
    proxy = _proxy(request)
    told = [request.full_url, f"through the proxy {proxy}" if proxy else "without a proxy"]
    if request.type == "https":
        told.append(f"trusting {trusted()[1]}")
    return ", ".join(told)


def trusted() -> tuple[ssl.SSLContext, str]:
    """An SSL context that verifies servers, and a description of the certificates that it trusts."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    told: dict[str, str] = {}
    for name in _CERTIFICATES:
        for place in os.environ.get(name, "").split(os.pathsep if name == "SSL_CERT_DIR" else "\0"):
            if place:
                problem = _load(context, Path(place))
                told.setdefault(place, f"{name}={place}{f' ({problem})' if problem else ''}")
    if sys.platform == "darwin":
        told["keychain"] = "the keychain"
    else:
        system = ssl.get_default_verify_paths()  # read by truststore; includes SSL_CERT_FILE and SSL_CERT_DIR
        for place in filter(None, (system.cafile, system.capath)):
            told.setdefault(place, place)
    return context, ", ".join(told.values()) or "the system's certificates"


def _load(context: ssl.SSLContext, place: Path) -> str:
    """Add the certificates of a file or folder to the context; returns what is wrong with it, or an empty string."""
    try:
        if place.is_dir():
            context.load_verify_locations(capath=place)
            hashed = any(re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", entry.name) for entry in place.iterdir())
            return "" if hashed else "no certificate is named by its hash there; run `openssl rehash`"
        context.load_verify_locations(cafile=place)
    except ssl.SSLError:
        return "holds no certificate in PEM format"
    except OSError as error:
        return "does not exist" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
    return ""


def _request(address: str) -> Request:
    """The request, with the credentials of the address in a header that is not sent on after a redirect."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:  # the parser's message may contain a part of the password
        raise DownloadError(
            "the address of the repository is not valid",
            "write it as https://user:password@host/path, and special characters of the password as %40 (for @)",
        )
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = Request(bare, headers={"User-Agent": "churn-assets"})  # noqa: S310 (http or https, see above)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header(
            "Authorization", f"Basic {b64encode(credentials.encode()).decode('ascii')}"
        )
    return request


def _host(address: str) -> str:
    """Host and port of a URL. `Request.host` becomes the proxy's when the request is sent."""
    return urlsplit(address).netloc.rpartition("@")[2]


def _configured_proxy(scheme: str) -> str:
    """The setting HTTP_PROXY or HTTPS_PROXY, else ALL_PROXY; empty for none."""
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all", "")


def _is_direct(host: str) -> bool:
    """True if NO_PROXY names the host. urllib does not know networks such as 10.0.0.0/8; pip and curl do."""
    if proxy_bypass(host):
        return True
    with suppress(ValueError):  # the host is a name
        address = ip_address(urlsplit(f"//{host}").hostname or "")
        for name in getproxies().get("no", "").split(","):
            with suppress(ValueError):  # so is this entry
                if address in ip_network(name.strip(), strict=False):
                    return True
    return False


def _proxy(request: Request) -> str:
    """Host and port of the proxy that is used for this request, without credentials; empty for none."""
    proxy = _configured_proxy(urlsplit(request.full_url).scheme)
    if not proxy or _is_direct(_host(request.full_url)):
        return ""
    return _bare(proxy)


def _bare(proxy: str) -> str:
    """Host and port in the setting of a proxy."""
    return re.sub("^[^/]*//", "", proxy.rpartition("@")[2]).rstrip("/")


class _Proxies(ProxyHandler):
    """Uses the proxies of the environment, asked anew for the host of every redirect."""

    def __init__(self) -> None:
        proxies = {scheme: _configured_proxy(scheme) for scheme in ("http", "https")}
        super().__init__({scheme: proxy for scheme, proxy in proxies.items() if proxy})

    def proxy_open(self, req: Request, proxy: str, type: str) -> Any:  # noqa: A002
        if _is_direct(req.host):
            return None
        if not _bare(proxy):
            raise DownloadError("the address of the proxy names no host", _WRONG_PROXY_REMEDY)
        if proxy.startswith("socks"):
            reason = f"the proxy {_bare(proxy)} is a SOCKS proxy, which is not supported"
            raise DownloadError(reason, "set HTTPS_PROXY to an HTTP proxy")
        return super().proxy_open(req, proxy, type)


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to http and https; `request` is the last one made, so that errors name its host."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            return None
        if following := super().redirect_request(req, fp, code, msg, headers, newurl):
            following.remove_header("Proxy-authorization")  # the next host may be reached without the proxy
            self.request = following
        return following


@contextmanager
def _answer(address: str) -> Iterator[HTTPResponse]:
    """The open response. Every failure, also one while it is read, is raised as a DownloadError."""
    redirects = _Redirects(_request(address))
    opener = build_opener(_Proxies(), HTTPSHandler(context=trusted()[0]), redirects)
    try:
        with opener.open(redirects.request, timeout=TIMEOUT) as answer:
            yield answer
    except (OSError, HTTPException, ValueError) as error:
        raise _explained(error, redirects.request) from error


def _chunks(address: str, watch: Watch) -> Iterator[bytes]:
    with _answer(address) as answer:
        done, total = 0, answer.length
        watch(done, total)
        since, before = time.monotonic(), done
        # read1 returns what has come, where read waits for a full chunk
        while chunk := answer.read1(_CHUNK if total is None else min(_CHUNK, total - done)):
            done += len(chunk)
            watch(done, total)
            yield chunk
            if time.monotonic() - since >= PATIENCE:
                if done - before < SLOWEST:
                    raise DownloadError(
                        f"{_host(answer.url)} sent only {done - before:,} bytes in {PATIENCE:g} s",
                        _PROXY_REMEDY,
                        transient=True,
                    )
                since, before = time.monotonic(), done
        if total is not None and done != total:  # http.client ends a short body without an error
            raise DownloadError(
                f"the connection ended after {done:,} of {total:,} bytes", _PROXY_REMEDY, transient=True
            )


def _explained(error: Exception, request: Request) -> DownloadError:
    """An exception of urllib as a DownloadError with reason and remedy."""
    host, proxy = _host(request.full_url), _proxy(request)
    peer = f"the proxy {proxy}" if proxy else host
    remedy = _WRONG_PROXY_REMEDY if proxy else _PROXY_REMEDY
    if isinstance(error, HTTPError):
        return _refused(error.code, host, proxy)
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _untrusted(cause, host)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return DownloadError(f"no encrypted connection to {host}: {cause.reason or cause}", remedy)
    if isinstance(cause, socket.gaierror):
        return DownloadError(
            f"the name of {peer} is not resolved ({cause.strerror}): no network, or a name that is wrong",
            remedy,
            transient=cause.errno == socket.EAI_AGAIN,
        )
    if isinstance(cause, TimeoutError):
        return DownloadError(f"{peer} does not answer within {TIMEOUT:g} s", remedy, transient=True)
    if tunnel := re.match(r"Tunnel connection failed: (\d+)", str(cause)):
        return _refused(int(tunnel[1]), host, proxy, by_proxy=True)
    if isinstance(cause, (ValueError, InvalidURL)):  # its message may contain the proxy's password
        return DownloadError(f"{peer} cannot be asked: its address is not valid", remedy)
    told = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    told = " ".join(
        "".join(c if c.isprintable() else " " for c in told).split()
    )  # may be what the server sent
    return DownloadError(f"the connection to {peer} failed: {told}", remedy, transient=True)


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> DownloadError:
    if error.verify_code in _WRONG_CERTIFICATE:
        reason = f"the certificate of {host} is not valid ({error.verify_message})"
        return DownloadError(reason, "correct this machine's clock or the name of the host")
    return DownloadError(f"the certificate of {host} is not trusted ({error.verify_message})", _TRUST_REMEDY)


def _refused(code: int, host: str, proxy: str, by_proxy: bool = False) -> DownloadError:
    """A status code of the host, or of the proxy in front of it, as a DownloadError."""
    status = f"{code} {responses.get(code, '')}".strip()
    if code == 407:
        return DownloadError(
            f"the proxy {proxy} wants credentials ({status})",
            "set HTTPS_PROXY=http://user:password@host:port, special characters as %40 (for @)",
        )
    if by_proxy:
        reason = f"the proxy {proxy} allows no connection to {host} ({status})"
        return DownloadError(reason, transient=code in _TRANSIENT)
    if 300 <= code < 400:
        return DownloadError(f"{host} redirects in a circle, or to an address that is not http ({status})")
    remedies = {
        401: "give user:password@ in the address of the repository",
        403: "give user:password@ in the address of the repository",
        404: "correct the address of the repository, or let the mirror have the file",
    }
    return DownloadError(f"{host} answers {status}", remedies.get(code, ""), transient=code in _TRANSIENT)
