"""Foreign folders that vanish, mislead or have no end: nothing of it looks like a folder without news."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from churn_assets.contracts.source import Source
from churn_assets.sources.live.errors import ExtractError
from churn_assets_tests.http_server import serving
from churn_assets_tests.sources.folders.test_copying import (
    CANARY,
    NOW,
    OLD,
    _copied,
    _landed,
    folder_contract,
)

NAME = "calls_a_20260301.csv"


class Reply(NamedTuple):
    """An answer of a server of files."""

    status: int = 200
    content: bytes = b""
    kind: str = "text/html"
    more: tuple[tuple[str, str], ...] = ()


@contextmanager
def files_at(answer: Callable[[str], Reply], sized: bool = True) -> Iterator[tuple[int, list[str | None]]]:
    """A server of files: its port, and the login of each request."""
    logins: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            logins.append(self.headers.get("authorization"))
            told = answer(self.path)
            self.send_response(told.status)
            self.send_header("Content-Type", told.kind)
            for name, value in told.more:
                self.send_header(name, value)
            if sized:
                self.send_header("Content-Length", str(len(told.content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(told.content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as server:
        yield server.server_port, logins


def _there(folder: Path, name: str = NAME, content: bytes = b"rows") -> Path:
    file = folder / "there" / "out" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (OLD, OLD))
    return file


def _of_folder(folder: Path) -> Source:
    return folder_contract(folder, "folder", str(folder / "there"))


def test_a_folder_that_vanished_is_told_though_files_were_copied_before(tmp_path: Path) -> None:
    _there(tmp_path)
    assert _copied(_of_folder(tmp_path), tmp_path).copied
    shutil.rmtree(tmp_path / "there")
    with pytest.raises(ExtractError, match="cannot be read: FileNotFoundError"):
        _copied(_of_folder(tmp_path), tmp_path)


def test_files_that_were_renamed_are_told_though_some_were_copied_before(tmp_path: Path) -> None:
    file = _there(tmp_path)
    assert _copied(_of_folder(tmp_path), tmp_path).copied
    file.rename(file.with_name("Calls-2026-03-02.csv"))
    with pytest.raises(
        ExtractError, match=r"no file whose name is out/.* 1 others, such as out/Calls-2026-03-02"
    ):
        _copied(_of_folder(tmp_path), tmp_path)
    file.with_name("Calls-2026-03-02.csv").unlink()  # others may remove what was fetched
    assert not _copied(_of_folder(tmp_path), tmp_path).copied


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_server_that_refuses_or_is_gone_is_told_though_files_were_copied_before(
    tmp_path: Path, status: int
) -> None:
    now = [200]

    def answer(path: str) -> Reply:
        if path.endswith(".csv"):
            return Reply(content=b"rows", kind="text/csv")
        return Reply(now[0], f'<a href="{NAME}">x</a>'.encode() if path == "/out" else b"")

    with files_at(answer) as (port, _):
        source = folder_contract(
            tmp_path, "http", f"http://127.0.0.1:{port}/out/", pattern="calls_*_{yyyyMMdd}.csv"
        )
        assert _copied(source, tmp_path).copied
        now[0] = status
        with pytest.raises(ExtractError, match="cannot be read"):
            _copied(source, tmp_path)
    with pytest.raises(ExtractError, match="cannot be read: Client"):
        _copied(source, tmp_path)


def test_pages_that_lead_ever_deeper_end_with_the_pattern(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(path: str) -> Reply:
        asked.append(path)
        if len(asked) > 100:
            return Reply(404)
        if path.endswith(".csv"):
            return Reply(content=b"rows", kind="text/csv")
        return Reply(content=f'<a href="out/">x</a> <a href="{NAME}">x</a>'.encode())

    with files_at(answer) as (port, _):
        assert (
            len(_copied(folder_contract(tmp_path, "http", f"http://127.0.0.1:{port}/"), tmp_path).copied) == 1
        )
    assert len(asked) < 20


def test_the_login_does_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    with files_at(lambda _: Reply(content=b"rows", kind="text/csv")) as (elsewhere, theirs):

        def answer(path: str) -> Reply:
            if path.endswith(".csv"):
                return Reply(302, more=(("Location", f"http://127.0.0.1:{elsewhere}/{NAME}"),))
            return Reply(content=f'<a href="{NAME}">x</a>'.encode())

        with files_at(answer) as (port, ours):
            own = {"pattern": "calls_*_{yyyyMMdd}.csv", "user": "reader", "password": "${S3_SECRET}"}
            source = folder_contract(tmp_path, "http", f"http://127.0.0.1:{port}/", **own)
            _copied(source, tmp_path)
    assert ours and all(ours)
    assert {*theirs} == {None}


@pytest.mark.parametrize("told", ["soon", "Sun, 01 Mar 2026 10:00:00 -0000"])
def test_a_server_without_sizes_and_with_odd_times_is_copied(tmp_path: Path, told: str) -> None:
    def answer(path: str) -> Reply:
        if path.endswith(".csv"):
            return Reply(content=b"rows", kind="text/csv", more=(("Last-Modified", told),))
        return Reply(content=f'<a href="{NAME}">x</a>'.encode())

    with files_at(answer, sized=False) as (port, _):
        source = folder_contract(
            tmp_path, "http", f"http://127.0.0.1:{port}/", pattern="calls_*_{yyyyMMdd}.csv"
        )
        assert [*_copied(source, tmp_path).copied.values()] == [4]
        assert not _copied(source, tmp_path).copied


@pytest.mark.parametrize("pattern", ["käufe süd_{yyyyMMdd}.csv", "k%C3%A4ufe%20s%C3%BCd_{yyyyMMdd}.csv"])
def test_a_page_may_name_files_with_blanks_and_other_letters(tmp_path: Path, pattern: str) -> None:
    link = quote("käufe süd_20260301.csv")

    def answer(path: str) -> Reply:
        if path == f"/{link}":
            return Reply(content=b"rows", kind="text/csv", more=(("Last-Modified", "soon"),))
        return Reply(content=f'<a href="{link}">x</a>'.encode())

    with files_at(answer) as (port, _):
        source = folder_contract(tmp_path, "http", f"http://127.0.0.1:{port}/", pattern=pattern)
        assert [*_copied(source, tmp_path).copied.values()] == [4]


def test_a_file_whose_time_lies_far_in_the_future_is_copied(tmp_path: Path) -> None:
    ahead = (NOW + timedelta(days=3650)).timestamp()
    os.utime(_there(tmp_path), (ahead, ahead))
    assert len(_copied(_of_folder(tmp_path), tmp_path).copied) == 1


def test_a_link_tells_the_versions_of_its_file(tmp_path: Path) -> None:
    link = _there(tmp_path)
    link.unlink()
    kept = tmp_path / "kept.csv"
    link.symlink_to(kept)
    os.utime(link, (OLD, OLD), follow_symlinks=False)
    for place, content in enumerate((b"one", b"two")):  # of one size
        kept.write_bytes(content)
        os.utime(kept, (OLD + place,) * 2)
        assert len(_copied(_of_folder(tmp_path), tmp_path).copied) == 1
    kept.write_bytes(b"one and a half")
    os.utime(kept, (NOW.timestamp() - 5,) * 2)
    assert _copied(_of_folder(tmp_path), tmp_path).growing == [f"out/{NAME}"]


def test_names_that_differ_in_other_letters_are_not_taken_for_one_file(tmp_path: Path) -> None:
    for letter in "äö %'":
        _there(tmp_path, f"calls_{letter}_20260301.csv", letter.encode())
    done = _copied(_of_folder(tmp_path), tmp_path)
    assert (len(done.copied), done.redelivered) == (5, [])
    assert {content.decode() for _, content in _landed(_of_folder(tmp_path), tmp_path)} == {*"äö %'"}
    assert CANARY not in str(done)
