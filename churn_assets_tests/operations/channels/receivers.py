"""Real receivers as processes of their own: an HTTP server, an SMTP server with STARTTLS. They can be killed.

As a program: `http PORT FILE` or `smtp PORT FILE CERTIFICATE`. Each delivery is a line of JSON in FILE, on the disk
before the receiver says that it has accepted it.
"""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from churn_assets.lakehouse.engine.processes import module_environment


def free_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Receiver:
    """A receiver on a port that stays the same over restarts."""

    def __init__(self, kind: str, file: Path, *words: str) -> None:
        self.kind, self.file, self.words, self.port = kind, file, words, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it listens."""
        command = [sys.executable, "-m", __name__, self.kind, str(self.port), str(self.file), *self.words]
        self.process = subprocess.Popen(command, env=module_environment())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the receiver ended by itself"
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the receiver did not start")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def received(self) -> list[dict[str, Any]]:
        """All deliveries, in order; a line that a kill cut off was never accepted."""
        if not self.file.exists():
            return []
        whole = self.file.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line]


def _keep(file: Path, content: dict[str, Any]) -> None:
    # one write: a kill leaves a whole line or a part of the last one; the next writer begins a line of its own
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, json.dumps(content).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _http(port: int, file: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = next((int(part) for part in self.path.split("/") if part.isdigit()), 204)
            if "poison" in body:
                status = int(self.path.rpartition("poison-")[2] or 400)
            if status < 300:
                _keep(file, {"headers": {k.lower(): v for k, v in self.headers.items()}, "body": body})
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _smtp(port: int, file: Path, certificate: str) -> None:
    from aiosmtpd.smtp import SMTP, AuthResult

    class Handler:
        async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            mail = message_from_bytes(envelope.content, policy=default)
            parts = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}
            tls = session.ssl is not None
            _keep(
                file,
                {
                    "id": mail["Message-ID"],
                    "subject": mail["Subject"],
                    "to": envelope.rcpt_tos,
                    "parts": parts,
                    "tls": tls,
                    "login": getattr(session, "auth_data", None),
                },
            )
            return "250 kept"

    def login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        return AuthResult(success=data.password == b"right", handled=False, auth_data=data.login.decode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                Handler(),
                tls_context=context,
                require_starttls=True,
                authenticator=login,
                auth_require_tls=True,
            ),
            "127.0.0.1",
            port,
        )
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    kind, at, to, *more = sys.argv[1:]
    if kind == "http":
        _http(int(at), Path(to))
    else:
        _smtp(int(at), Path(to), *more)
