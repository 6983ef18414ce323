"""The way to a file, and the words about a way that is closed. Servers, TLS and proxies are real."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import download
from churn_assets.lakehouse.engine.download import DownloadError
from churn_assets_tests.lakehouse.engine.servers import (
    Authority,
    Proxy,
    Server,
    body,
    connect_proxy,
    https_server,
    status,
    trickle,
)

CONTENT = b"the file" * 50_000
SETTINGS = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    """Short pauses, a trusted authority, and no proxy of whoever runs the tests."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    monkeypatch.setattr(download, "PAUSES", (0.01,))


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with https_server(authority) as running:
        running.answers["/file"] = [body(CONTENT)]
        yield running


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with connect_proxy() as running:
        running.credentials = "me:secret"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{running.host}")
        yield running


def downloaded(address: str, folder: Path) -> bool:
    download.download(address, folder / "file", lambda done, total: None)
    return (folder / "file").read_bytes() == CONTENT


def failed(address: str, folder: Path) -> str:
    with pytest.raises(DownloadError) as error:
        downloaded(address, folder)
    assert "secret" not in f"{error.value} {error.value.remedy} {download.looked(address)}"
    return str(error.value)


def test_behind_a_proxy_an_error_names_the_host_that_was_asked(
    server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failed(f"{server.address}/absent", tmp_path) == f"{server.host} answers 404 Not Found"
    proxy.refuses = True
    refused = f"the proxy {proxy.host} allows no connection to {server.host} (403 Forbidden)"
    assert failed(f"{server.address}/file", tmp_path) == refused
    proxy.refuses = False
    monkeypatch.delenv("SSL_CERT_FILE")
    assert failed(f"{server.address}/file", tmp_path).startswith(
        f"the certificate of {server.host} is not trusted"
    )


def test_after_a_redirect_an_error_names_the_host_that_it_leads_to(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = [status(302, Location="https://nowhere.invalid/file?token=secret")]
    assert failed(f"{server.address}/file", tmp_path).startswith(
        "the name of nowhere.invalid is not resolved"
    )


@pytest.mark.parametrize("location", ["/file", "ftp://localhost/file", "file:///etc/passwd"])
def test_a_redirect_that_leads_nowhere(location: str, server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = [status(302, Location=location)]
    assert failed(f"{server.address}/file", tmp_path) == (
        f"{server.host} redirects in a circle, or to an address that is not http (302 Found)"
    )


def test_the_password_of_the_proxy_stays_with_the_proxy(
    server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror is reached through the proxy, and redirects to a host that is reached without it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.answers["/mirror"] = [status(302, Location=f"https://127.0.0.1:{server.port}/file")]
    assert downloaded(f"{server.address}/mirror", tmp_path)
    assert proxy.connected == [server.host]
    assert server.proxy_credentials == []


@pytest.mark.parametrize(
    ("excepted", "through_the_proxy"),
    [
        ("*", 0),
        ("127.0.0.1", 0),
        ("10.1.2.3, 127.0.0.0/8", 0),
        ("10.0.0.0/8,localhost,::1/128,.local", 1),
        ("127.0.0.1:1", 1),
    ],
)
def test_what_no_proxy_excepts(
    excepted: str,
    through_the_proxy: int,
    server: Server,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", excepted)
    address = f"https://127.0.0.1:{server.port}/file"
    assert downloaded(address, tmp_path)
    assert len(proxy.connected) == through_the_proxy
    assert ("through the proxy" in download.looked(address)) == bool(through_the_proxy)


def test_all_proxy_is_used_where_no_other_is_named(
    server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", f"http://me:secret@{proxy.host}")
    assert downloaded(f"{server.address}/file", tmp_path)
    assert proxy.connected == [server.host]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (
            "socks5h://me:secret@localhost:1080",
            "the proxy localhost:1080 is a SOCKS proxy, which is not supported",
        ),
        ("http://", "the address of the proxy names no host"),
        ("http://me:secret@", "the address of the proxy names no host"),
    ],
)
def test_a_proxy_that_cannot_be_used(
    setting: str, reason: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", setting)
    assert failed(f"{server.address}/file", tmp_path) == reason


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    server.answers["/file"] = [trickle(CONTENT, 0.05)]
    assert failed(f"{server.address}/file", tmp_path).startswith(f"{server.host} sent only ")
    assert len(server.asked) == 2


def test_a_slow_line_is_no_reason_to_give_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.01)
    monkeypatch.setattr(download, "SLOWEST", 1)
    assert downloaded(f"{server.address}/file", tmp_path)


def test_what_a_server_says_stays_in_its_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"SSH-2.0\x1b[31m\r\n")

        threading.Thread(target=greet, daemon=True).start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        assert failed(f"http://{host}/file", tmp_path) == f"the connection to {host} failed: SSH-2.0 [31m"
