"""Readers of the page at once: each one speaks to the running page as a browser does, and draws nothing.

A time is from the moment a reader asks for a page until the page has sent all of it: what the server adds to a click.
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from benchmarks.api import SERVE
from churn_assets.app.places import HOME, PAGES


@contextmanager
def running_page(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The page of a home as a process of its own: its address and the process."""
    environment = os.environ | {"CHURN_HOME": str(home), "CHURN_APP_ROLE": "steward"}
    command = [sys.executable, "-c", SERVE, "app", "--port", "0"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        told: list[str] = []
        for line in process.stdout:
            if found := re.match(r"The page: (http\S+)", line):
                yield found[1], psutil.Process(process.pid)
                return
            told.append(line)
        raise RuntimeError(f"The page did not start: {''.join(told)}")
    finally:
        process.terminate()
        process.wait()


async def seconds_of(address: str, page: str, filters: Mapping[str, str]) -> float:
    """Time of one page for a new reader.

    Raises:
        RuntimeError: the page failed, or another page came.
    """
    state = ClientState(query_string=urlencode(filters), page_name="" if page == HOME else page)
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    headings = set()
    async with connect(
        stream, subprotocols=["streamlit"], origin=address, max_size=None, proxy=None
    ) as connection:  # type: ignore[arg-type]
        began = time.perf_counter()
        await connection.send(BackMsg(rerun_script=state).SerializeToString())
        async for content in connection:
            told = ForwardMsg.FromString(content)
            kind = told.WhichOneof("type")
            if kind == "delta":
                headings.add(told.delta.new_element.heading.body)
            if b"cannot be shown" in content:
                break
            if kind == "script_finished" and told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                if PAGES[page] in headings:
                    return time.perf_counter() - began
                break
    raise RuntimeError(f"{page} failed; it told {sorted(headings)}")


async def at_once(address: str, page: str, filters: Mapping[str, str], readers: int) -> list[float]:
    """Times of one page for several new readers who ask at the same moment, sorted."""
    return sorted(await asyncio.gather(*(seconds_of(address, page, filters) for _ in range(readers))))
