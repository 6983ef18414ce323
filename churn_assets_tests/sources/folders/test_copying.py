"""Foreign folders: each file is copied once, from a local folder, a server of HTTP and one of S3."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.folder import NamePattern, SourceFolder
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.contracts.source import Source
from churn_assets.sources.folders import address as addresses
from churn_assets.sources.folders import copying, host_keys
from churn_assets.sources.folders.address import folder_address
from churn_assets.sources.folders.copying import CopiedFiles, copy_new
from churn_assets.sources.landing import list_everything, list_extracts
from churn_assets.sources.live.errors import ExtractError
from churn_assets_tests.http_server import serving

NOW = datetime(2026, 3, 10, 23, 15, tzinfo=UTC)
OLD = (NOW - timedelta(days=1)).timestamp()
CANARY = "Kanarienvogel"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: test-calls
name: calls
version: 1.0.0
status: active
servers:
  - server: exports
    type: {kind}
    location: {location}
    customProperties: {own}
schema:
  - name: calls
    properties:
      - {{name: call_id, logicalType: integer, required: true, primaryKey: true}}
      - {{name: customer_id, logicalType: string, required: true, classification: personal}}
      - {{name: at, logicalType: timestamp, required: true}}
customProperties:
  - {{property: role, value: event}}
  - {{property: delivery, value: changes}}
  - {{property: customer, value: customer_id}}
  - {{property: eventTime, value: at}}
"""
Put = Callable[[str, bytes], None]


def folder_contract(folder: Path, kind: str, location: str, **own: Any) -> Source:
    """The source of calls whose files lie in a folder."""
    asked = {"pattern": "out/calls_*_{yyyyMMdd}.csv"} | own
    shown = [f"{{property: {name}, value: {value!r}}}" for name, value in asked.items()]
    file = folder / "calls.yaml"
    file.write_text(
        CONTRACT.format(kind=kind, location=location, own=f"[{', '.join(shown)}]"), encoding="utf-8"
    )
    return load_source(file)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server of S3 that keeps its files in memory."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def sftp() -> Iterator[Callable[[Path, Path], int]]:
    """Starts a server of SFTP for a folder, writes its key into a file of known hosts, and returns its port."""
    pytest.importorskip("paramiko")
    ssh = pytest.importorskip("asyncssh")

    class Reader(ssh.SSHServer):  # type: ignore[misc,name-defined]
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("reader", CANARY)

    loop, key = asyncio.new_event_loop(), ssh.generate_private_key("ssh-ed25519")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen(folder: Path) -> int:
        server = await ssh.create_server(
            Reader,
            "127.0.0.1",
            0,
            server_host_keys=[key],
            sftp_factory=lambda channel: ssh.SFTPServer(channel, chroot=str(folder)),
        )
        return int(server.sockets[0].getsockname()[1])

    def start(folder: Path, known: Path) -> int:
        port = asyncio.run_coroutine_threadsafe(listen(folder), loop).result()
        known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}", encoding="utf-8")
        return port

    async def end() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    yield start
    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["folder", "http", "s3", "sftp"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Source, Put]]:
    """A source of each kind, and what puts a file into its folder."""
    there = tmp_path / "there"
    (there / "out").mkdir(parents=True)

    def put(name: str, content: bytes) -> None:
        (there / name).write_bytes(content)
        os.utime(there / name, (OLD, OLD + len(content)))

    if request.param == "folder":
        yield folder_contract(tmp_path, "folder", str(there)), put
    elif request.param == "http":
        handler = partial(_Quiet, directory=str(there))
        with serving(handler) as server:
            yield folder_contract(tmp_path, "http", f"http://127.0.0.1:{server.server_port}/"), put
    elif request.param == "sftp":
        monkeypatch.setattr(host_keys, "KNOWN_HOSTS", (tmp_path / "known_hosts",))
        port = request.getfixturevalue("sftp")(there, tmp_path / "known_hosts")
        own = {"user": "reader", "password": "${S3_SECRET}"}
        yield folder_contract(tmp_path, "sftp", f"sftp://127.0.0.1:{port}/", **own), put
    else:
        yield _in_s3(tmp_path, request.getfixturevalue("s3"))


def _in_s3(folder: Path, endpoint: str) -> tuple[Source, Put]:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="reader",
        aws_secret_access_key=CANARY,
        region_name="us-east-1",
    )
    bucket = f"b{folder.name.replace('_', '-').lower()}"[:60].rstrip("-")
    client.create_bucket(Bucket=bucket)
    own = {"endpoint": endpoint, "user": "reader", "password": "${S3_SECRET}"}
    source = folder_contract(folder, "s3", f"s3://{bucket}", **own)
    return source, lambda name, content: client.put_object(Bucket=bucket, Key=name, Body=content)


def _copied(source: Source, folder: Path, now: datetime = NOW) -> CopiedFiles:
    draft = folder / "drafts"
    draft.mkdir(exist_ok=True)
    first, last = date(2026, 1, 1), date(2026, 3, 31)
    return copy_new(source, str(folder / "landing"), str(draft), first, last, now, {"S3_SECRET": CANARY})


def _landed(source: Source, folder: Path) -> list[tuple[str, bytes]]:
    found = list_extracts(str(folder / "landing"), source)
    return [(str(file.extract_date), Path(file.path).read_bytes()) for file in found]


def test_each_file_is_copied_once_and_a_changed_one_is_a_redelivery(
    store: tuple[Source, Put], tmp_path: Path
) -> None:
    source, put = store
    put("out/calls_a_20260301.csv", b"first")
    put("out/calls_b_20260302.csv", b"second")
    put("out/others.txt", b"")
    put("out/calls_c_20260401.csv", b"to come")
    done = _copied(source, tmp_path)
    assert [*done.copied.values()] == [5, 6]
    assert (done.others, done.redelivered) == (["out/others.txt"], [])
    assert done.future == ["out/calls_c_20260401.csv"]
    assert _landed(source, tmp_path) == [("2026-03-01", b"first"), ("2026-03-02", b"second")]
    assert not _copied(source, tmp_path).copied
    put("out/calls_a_20260301.csv", b"corrected")
    again = _copied(source, tmp_path)
    assert again.redelivered == ["out/calls_a_20260301.csv"]
    assert [content for _, content in _landed(source, tmp_path)] == [b"first", b"corrected", b"second"]
    next((tmp_path / "landing").rglob("*.002-*")).unlink()
    assert len(_copied(source, tmp_path).copied) == 1  # what is deleted is copied again
    assert not list((tmp_path / "landing").rglob(".*"))


def test_a_file_that_is_put_back_counts_again(store: tuple[Source, Put], tmp_path: Path) -> None:
    source, put = store
    for content in (b"right", b"wrong!", b"right"):
        put("out/calls_a_b_20260301.csv", content)
        _copied(source, tmp_path)
        assert not _copied(source, tmp_path).copied
    assert [content for _, content in _landed(source, tmp_path)] == [b"right", b"wrong!", b"right"]
    put("out/calls_a b_20260301.csv", b"another file, whose copies have the same stem")
    assert len(_copied(source, tmp_path).copied) == 1
    assert not _copied(source, tmp_path).copied


def test_a_file_that_grows_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    (there / "out").mkdir(parents=True)
    source = folder_contract(tmp_path, "folder", str(there))
    file = there / "out" / "calls_a_20260301.csv"
    file.write_bytes(b"half")
    os.utime(file, (NOW.timestamp() - 5,) * 2)
    young = _copied(source, tmp_path)
    assert (young.growing, young.copied) == (["out/calls_a_20260301.csv"], {})
    drafted = copying._drafted

    def grows(*given: Any) -> Any:
        found = drafted(*given)
        file.write_bytes(b"half and more")
        return found

    monkeypatch.setattr(copying, "_drafted", grows)
    os.utime(file, (OLD, OLD))
    assert _copied(source, tmp_path).growing == ["out/calls_a_20260301.csv"]
    monkeypatch.undo()
    os.utime(file, (OLD, OLD))
    _copied(source, tmp_path)
    assert _landed(source, tmp_path) == [("2026-03-01", b"half and more")]


def test_a_file_that_was_only_touched_is_no_redelivery_and_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there" / "out").mkdir(parents=True)
    source = folder_contract(tmp_path, "folder", str(tmp_path / "there"))
    file = tmp_path / "there" / "out" / "calls_a_20260301.csv"
    file.write_bytes(b"same")
    for change in (1, 2, 3):
        os.utime(file, (OLD + change,) * 2)
        assert _copied(source, tmp_path).redelivered == []
    assert len(_landed(source, tmp_path)) == 1
    assert len([*(tmp_path / "landing").rglob(".*")]) == 1  # one mark, however often it is touched
    assert list_everything(str(tmp_path / "landing"), source).not_read == []
    monkeypatch.setattr(copying, "_drafted", lambda *_: pytest.fail("it is read again"))
    assert not _copied(source, tmp_path).copied
    monkeypatch.undo()
    file.write_bytes(b"other")
    os.utime(file, (OLD + 4,) * 2)
    assert _copied(source, tmp_path).redelivered == ["out/calls_a_20260301.csv"]
    file.write_bytes(b"same")  # put back with the time of the touch that was seen
    os.utime(file, (OLD + 3,) * 2)
    _copied(source, tmp_path)
    assert [content for _, content in _landed(source, tmp_path)] == [b"same", b"other", b"same"]


@pytest.mark.parametrize(
    ("pattern", "name", "day"),
    [
        ("calls_{yyyyMMdd}.csv", "calls_20260301.csv", "2026-03-01"),
        ("{yyyy}/{MM}/*-{dd}.csv.gz", "2026/03/x-09.csv.gz", "2026-03-09"),
        ("{yyyy-MM}/all.csv", "2026-02/all.csv", "2026-02-28"),
        ("*_{dd.MM.yyyy}.csv", "x_05.03.2026.csv", "2026-03-05"),
        ("calls_{yyyyMMdd}.csv", "calls_2026031.csv", None),
        ("calls_*_{yyyyMMdd}.csv", "calls_a/b_20260301.csv", None),
    ],
)
def test_a_pattern_tells_the_date(pattern: str, name: str, day: str | None) -> None:
    found = NamePattern.of(pattern).date_of(name)
    assert found == (date.fromisoformat(day) if day else None)


@pytest.mark.parametrize(
    ("kind", "location", "own", "told"),
    [
        ("s3", "gs://b", {}, "the location is none of s3"),
        ("folder", "exports", {}, "the location is none of folder"),
        ("sftp", f"sftp://a:{CANARY}@h/x", {}, "a secret does not stand in a file"),
        ("s3", "s3://b", {"user": "a", "password": CANARY}, "a secret does not stand in a file"),
        ("s3", "s3://b", {"user": "a"}, "a login has a user and a password"),
        ("http", "https://h/", {"endpoint": "http://h"}, "http has no endpoint"),
        ("s3", "s3://b", {"pattern": "calls.csv"}, "it names no year and month"),
        ("s3", "s3://b", {"pattern": "{yyyy}{MM}{yyyy}"}, "it names a part of the date twice"),
        ("s3", "s3://b", {"pattern": "{yyMMdd}"}, "is no date of yyyy, MM and dd"),
    ],
)
def test_a_mistake_is_told_without_the_secret(
    tmp_path: Path, kind: str, location: str, own: dict[str, Any], told: str
) -> None:
    with pytest.raises(DeclarationErrors) as error:
        folder_contract(tmp_path, kind, location, **own)
    assert told in str(error.value) and CANARY not in str(error.value)


@pytest.mark.one_python(reason="servers of HTTP and S3 answer")
def test_what_hinders_is_told_without_the_secret(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    own = {"endpoint": endpoint, "user": "reader", "password": "${S3_SECRET}"}
    pytest.importorskip("s3fs")
    nobody = folder_contract(tmp_path, "s3", "s3://bucket/x", **own)
    with pytest.raises(ExtractError) as error:
        _copied(nobody, tmp_path)
    assert "s3://bucket/x cannot be read" in str(error.value) and CANARY not in str(error.value)
    with pytest.raises(ExtractError, match="S3_SECRET is not set"):
        copy_new(nobody, str(tmp_path / "landing"), str(tmp_path), date.min, date.max, NOW, {})
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "sales.csv").write_bytes(b"")
    with pytest.raises(
        ExtractError, match=r"no file whose name is out/.*It has 1 others, such as sales\.csv"
    ):
        _copied(folder_contract(tmp_path, "folder", str(tmp_path / "there")), tmp_path)
    wrong = tmp_path / "there" / "out" / "calls_a_20260231.csv"
    wrong.parent.mkdir()
    wrong.write_bytes(b"")
    with pytest.raises(ExtractError, match="tells a day that does not exist"):
        _copied(folder_contract(tmp_path, "folder", str(tmp_path / "there")), tmp_path)
    assert not (tmp_path / "landing").exists()


def test_a_variable_may_hold_the_beginning_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "two words" / "crm" / "out").mkdir(parents=True)
    file = tmp_path / "two words" / "crm" / "out" / "calls_a_20260301.csv"
    file.write_bytes(b"here")
    os.utime(file, (OLD, OLD))
    source = folder_contract(tmp_path, "folder", "${S3_SECRET}/crm")
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    given = {"S3_SECRET": str(tmp_path / "two words")}
    copy_new(source, str(tmp_path / "landing"), str(drafts), date.min, date.max, NOW, given)
    assert _landed(source, tmp_path) == [("2026-03-01", b"here")]


def test_a_server_of_sftp_whose_key_is_not_known_gets_no_password(
    sftp: Callable[[Path, Path], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_keys, "KNOWN_HOSTS", (tmp_path / "none",))
    own = {"user": "reader", "password": "${S3_SECRET}"}
    location = f"sftp://127.0.0.1:{sftp(tmp_path, tmp_path / 'known')}/"
    with pytest.raises(ExtractError, match=r"ssh-ed25519, SHA256:.* is not in .*ssh-keyscan") as error:
        _copied(folder_contract(tmp_path, "sftp", location, **own), tmp_path)
    assert CANARY not in str(error.value)


@pytest.mark.parametrize("kind", ["folder", "s3", "http"])
def test_an_address_shows_no_secret_in_any_spelling(tmp_path: Path, kind: str) -> None:
    secret, first = "a/b c+Kanarienvogel", {"folder": "/mnt/", "s3": "s3://b/", "http": "https://h/"}[kind]
    source = folder_contract(tmp_path, kind, f"{first}${{TOKEN}}/x")
    assert isinstance(source.origin, SourceFolder)
    address = folder_address(source.origin, {"TOKEN": secret})
    said = f"{address} {address.error(OSError(f'404 {address.location} {secret}'))}"
    assert "Kanarienvogel" not in said and "404" in said


def test_a_server_of_http_that_keeps_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin = folder_contract(tmp_path, "http", f"http://127.0.0.1:{silent.getsockname()[1]}/").origin
        assert isinstance(origin, SourceFolder)
        fs, root = folder_address(origin, {}).connect()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            fs.ls(root)
    assert time.monotonic() - started < 30
