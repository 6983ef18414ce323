"""Small jars, and real servers on this machine to fetch them from: an HTTPS server, a CONNECT proxy."""

import base64
import datetime
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from churn_assets.lakehouse.engine.jars import DELTA_JARS, Jar

CONTENT = {"delta-spark_4.2_2.13": b"spark side" * 20_000, "delta-storage": b"storage side" * 100}


def small_jars() -> tuple[Jar, ...]:
    """The jars under their own names, with other content."""
    return tuple(
        Jar(jar.artifact, jar.version, hashlib.sha256(CONTENT[jar.artifact]).hexdigest())
        for jar in DELTA_JARS
    )


class Authority:
    """A certificate authority that nobody trusts yet; `ca` is what a company hands out."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company CA")])
        own = self._builder(name, name, key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(own.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = self._builder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), name, server_key.public_key()
        ).add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        self._server = folder / "server.pem"
        self._server.write_bytes(
            server.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context


# What a server does with one request.
Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes, kind: str = "application/java-archive") -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return send


def status(code: int, **headers: str) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return send


def broken_off(content: bytes) -> Answer:
    """Promises all of it, sends half of it, and hangs up."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])

    return send


def trickle(content: bytes, pause: float) -> Answer:
    """Sends byte after byte until the client hangs up."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for byte in content:
            handler.wfile.write(bytes([byte]))
            time.sleep(pause)

    return send


def silent(seconds: float) -> Answer:
    return lambda handler: time.sleep(seconds)


@dataclass
class Server:
    """An HTTPS server; `answers` holds per path what to do, the last entry again and again."""

    port: int
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # host, path, Authorization
    proxy_credentials: list[str] = field(default_factory=list)  # those that have reached this server

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def address(self) -> str:
        return f"https://{self.host}"


@contextmanager
def https_server(authority: Authority) -> Iterator[Server]:
    class Handler(_QuietHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"].partition(":")[0]
            server.asked.append((host, self.path, self.headers["Authorization"]))
            server.proxy_credentials += self.headers.get_all("Proxy-Authorization", [])
            answers = server.answers.get(self.path, [status(404)])
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    with _serving(Handler, authority.server_context()) as http:
        server = Server(http.server_port)
        yield server


@dataclass
class Proxy:
    """A CONNECT proxy.

    Attributes:
        credentials: "user:password" that it wants; empty for none.
        elsewhere: "host:port" to which it connects, whatever it is asked for.
        refuses: it connects to nothing.
    """

    port: int
    credentials: str = ""
    elsewhere: str = ""
    refuses: bool = False
    connected: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def connect_proxy() -> Iterator[Proxy]:
    class Handler(_QuietHandler):
        def do_CONNECT(self) -> None:
            wanted = f"Basic {base64.b64encode(proxy.credentials.encode()).decode()}"
            if proxy.credentials and self.headers["Proxy-Authorization"] != wanted:
                self.send_error(407)
                return
            if proxy.refuses:
                self.send_error(403)
                return
            proxy.connected.append(self.path)
            host, _, port = (proxy.elsewhere or self.path).partition(":")
            with socket.create_connection((host, int(port))) as there:
                self.send_response(200)
                self.end_headers()
                forth = threading.Thread(target=_pass_on, args=(self.connection, there), daemon=True)
                forth.start()
                _pass_on(there, self.connection)
                forth.join()

    with _serving(Handler) as http:
        proxy = Proxy(http.server_port)
        yield proxy


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has hung up


class _QuietHandler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """No lines on stderr."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses the certificate, or hangs up, is what is tested."""


@contextmanager
def _serving(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[ThreadingHTTPServer]:
    with _Quiet(("127.0.0.1", 0), handler) as http:
        if tls:  # the handshake is done by the thread of the connection
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield http
        finally:
            http.shutdown()
