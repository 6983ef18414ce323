"""`python -m benchmarks.api measure FOLDER`: the HTTP service of a release beside `mlflow models serve`.

Both serve the same model with two workers on this machine, and answer the same rows. The client runs on the same cores,
in one process; its own CPU time is told. At a constant rate, the time of a request counts from the moment at which it
was due, so that a service that stalls is not asked less.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import numpy as np
import psutil
import pyarrow as pa

from churn_assets.api.local_copy import MAPPED
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.serving.release.reading import Release, current_release, local_copy, open_release
from churn_assets.serving.release.writing import Contents, write_release
from churn_assets.settings import Settings

SECONDS, CONNECTIONS, BATCH = 8, 8, 1000
BATCHES = 4  # connections with batches: two could both be those of one worker
MANY = 50_000  # customers of a release that is made larger
SERVE = "import sys; from churn_assets.cli.main import main; sys.argv[0] = 'churn-assets'; main()"


def request(path: str, body: object = None) -> bytes:
    """A request as bytes."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    content = json.dumps(body, allow_nan=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Connection:
    """One connection to a service."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Connection":
        """Connects."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, sent: bytes) -> None:
        """Sends a request and reads its answer.

        Raises:
            RuntimeError: it is not 200.
        """
        self._writer.write(sent)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:80]!r} {content[:200]!r}")


async def flat_out(port: int, requests: list[bytes], connections: int) -> float:
    """Requests per second while each connection asks without a pause."""
    end, counts = time.perf_counter() + SECONDS, [0] * connections

    async def one(number: int) -> None:
        connection = await Connection(port).open()
        while time.perf_counter() < end:
            await connection.ask(requests[(number + connections * counts[number]) % len(requests)])
            counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(connections)))
    return sum(counts) / (time.perf_counter() - began)


async def at_rate(port: int, requests: list[bytes], rate: float) -> list[float]:
    """Milliseconds of each request at a constant rate, from when it was due; sorted."""
    began, spent = time.perf_counter() + 0.1, []
    due = iter(range(int(rate * SECONDS)))

    async def one() -> None:
        connection = await Connection(port).open()
        for number in due:
            when = began + number / rate
            await asyncio.sleep(max(0.0, when - time.perf_counter()))
            await connection.ask(requests[number % len(requests)])
            spent.append(1000 * (time.perf_counter() - when))

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return sorted(spent)


@contextmanager
def running(command: list[str], address: str, **environment: str) -> Iterator[tuple[psutil.Process, float]]:
    """A service as a process, once it is ready, and the seconds until then."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urlopen(address, timeout=5) as answer:  # noqa: S310 (http, on this machine)
                    if answer.status == 200:
                        break
            except (URLError, OSError):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[:4]} ended") from None
                time.sleep(0.02)
        yield psutil.Process(process.pid), time.perf_counter() - began
    finally:
        family = [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        process.terminate()
        process.wait(30)
        for member in family:
            if member.is_running():
                member.kill()


def free_port() -> int:
    """A port that is free now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def enlarged(release: Release, customers: int, root: Path) -> None:
    """Publishes the release with at least so many customers: each comes again under other keys."""
    tables = {name: release.table(name) for name in release.tables}
    times = -(-customers // tables["customers"].num_rows)
    for name in filter(release.has, MAPPED):
        rows = tables[name]
        keys = rows["customer_key"].to_pylist()
        # a digest, so that the same customer has the same new key in every table
        again = [
            rows.set_column(
                rows.column_names.index("customer_key"),
                "customer_key",
                pa.array(
                    [blake2b(f"{time_} {key}".encode(), digest_size=8).hexdigest() for key in keys],
                    pa.string(),
                ),
            )
            for time_ in range(times)
        ]
        order = [
            (column, "ascending") for column in ("customer_key", "as_of_date") if column in rows.column_names
        ]
        tables[name] = pa.concat_tables(again).sort_by(order)
    contents = Contents(
        release.manifest.about,
        tables,
        release.manifest.absent,
        release.model,
        release.words,
        release.business,
        release.catalogue,
        {},
    )
    write_release(str(root), contents, now=datetime.now(UTC), run_id="enlarged", keep=2)


def workers_of(service: psutil.Process) -> list[psutil.Process]:
    """The processes that answer."""
    return [child for child in service.children() if "spawn_main" in str(child.cmdline())]


def cpu_of(processes: Sequence[psutil.Process]) -> float:
    """Seconds of CPU that they have spent."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def of_many(release: Release, rows: list[dict[str, object]], folder: Path) -> Iterator[dict[str, str]]:
    """Start and memory with MANY customers, before and after all kinds of calls."""
    enlarged(release, MANY, folder / "many")
    opened = open_current(folder / "many", folder / "many copy")
    keys = opened.table("customers", ["customer_key"])["customer_key"].to_pylist()
    paths = [f"/v1/customers/{key}" for key in keys[:: len(keys) // 500]]
    paths += [
        "/v1/customers?limit=1000",
        "/v1/customers?format=csv",
        "/v1/customers?risk_tier=high",
        "/v1/model",
    ]
    for start in ("first start", "restart"):
        with service(CHURN_RELEASES=str(folder / "many"), CHURN_HOME=str(folder / "home")) as (
            process,
            port,
            ready,
        ):
            before = max(worker.memory_info().rss for worker in workers_of(process))
            asyncio.run(each_once(port, paths, rows))
            found = [worker.memory_full_info() for worker in workers_of(process)]
            remark = (
                f"{ready:.1f} s, {before / 2**20:.0f} MiB per worker, after all kinds of calls "
                f"{max(memory.rss for memory in found) / 2**20:.0f} MiB, of which its own "
                f"{max(memory.uss for memory in found) / 2**20:.0f} MiB"
            )
            yield {"figure": f"API: {len(keys):,} customers, {start}", "remark": remark}


async def each_once(port: int, paths: Sequence[str], rows: list[dict[str, object]]) -> None:
    """Asks everything over several connections, so that each worker answers of each kind."""

    async def one() -> None:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
        ) as client:
            for path in paths:
                (await client.get(path)).raise_for_status()
            (await client.post("/v1/score", json={"rows": rows})).raise_for_status()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


@contextmanager
def service(**environment: str) -> Iterator[tuple[psutil.Process, int, float]]:
    """`churn-assets serve` with two workers: its process, its port, and the seconds until it was ready."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, "serve", "--port", str(port), "--workers", "2"]
    address = f"http://127.0.0.1:{port}/v2/health/ready"
    unlimited = {"CHURN_API_REQUESTS_PER_MINUTE": "100000000"}
    with running(command, address, **unlimited, **environment) as (process, ready):
        yield process, port, ready


def open_current(root: Path | str, copies: Path) -> Release:
    """The release in force below a root."""
    pointer = current_release(str(root))
    assert pointer is not None, "no release"  # noqa: S101 (the demo publishes one)
    return open_release(local_copy(str(root), pointer, copies))


def told(figure: str, answers: list[float]) -> dict[str, str]:
    """Percentiles as a line."""
    p50, p99 = np.percentile(answers, [50, 99])
    return {"figure": figure, "remark": f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(answers):,} requests"}


def ours(release: Release, rows: list[dict[str, object]]) -> Iterator[dict[str, str]]:
    """The figures of `churn-assets serve`."""
    keys = release.table("customers", ["customer_key"])["customer_key"].to_pylist()
    stored = [request(f"/v1/customers/{key}") for key in keys[:1000]]
    single = [request("/v1/score", {"rows": [row]}) for row in rows[:200]]
    batch = [request("/v1/score", {"rows": rows[:BATCH]})]
    with service() as (process, port, ready):
        resident = [worker.memory_info().rss for worker in workers_of(process)]
        remark = f"{ready:.1f} s, {max(resident) / 2**20:.0f} MiB per worker, {len(keys):,} customers"
        yield {"figure": "API: start until ready", "remark": remark}
        yield told("API: one customer, stored, 500 requests/s", asyncio.run(at_rate(port, stored, 500)))
        cpu = time.process_time()
        per_second = asyncio.run(flat_out(port, stored, CONNECTIONS))
        client = (time.process_time() - cpu) / SECONDS
        remark = f"{per_second:,.0f} requests/s; the client took {client:.0%} of a core"
        yield {"figure": "API: one customer, stored, flat out", "remark": remark}
        yield told("API: one row, live with reasons, 200 requests/s", asyncio.run(at_rate(port, single, 200)))
        spent = cpu_of(workers_of(process))
        began = time.perf_counter()
        per_second = asyncio.run(flat_out(port, single, CONNECTIONS))
        asked = per_second * (time.perf_counter() - began)
        each = 1000 * (cpu_of(workers_of(process)) - spent) / asked
        remark = f"{per_second:,.0f} requests/s; {each:.2f} ms of CPU of a worker each"
        yield {"figure": "API: one row, live with reasons, flat out", "remark": remark}
        per_second = asyncio.run(flat_out(port, batch, BATCHES))
        yield {"figure": f"API: {BATCH:,} rows with reasons", "remark": f"{per_second * BATCH:,.0f} rows/s"}


def rows_of(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows as JSON can hold them: a number that is none is missing."""
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def mlflow(settings: Settings, version: str, rows: list[dict[str, object]]) -> Iterator[dict[str, str]]:
    """The figures of `mlflow models serve`: probabilities of the same rows by the same model, without reasons."""
    port = free_port()
    tracking = tracking_of(settings, load_business(settings.business_path))
    model = f"models:/{tracking.model_name}/{version}"
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "-m", model]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    single = [request("/invocations", {"dataframe_records": [row]}) for row in rows[:200]]
    batch = [request("/invocations", {"dataframe_records": rows[:BATCH]})]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    stored = {"MLFLOW_TRACKING_URI": tracking.uri, "PATH": path}
    with running(command, f"http://127.0.0.1:{port}/ping", **stored):
        per_second = asyncio.run(flat_out(port, single, CONNECTIONS))
        yield {"figure": "mlflow models serve: one row, flat out", "remark": f"{per_second:,.0f} requests/s"}
        per_second = asyncio.run(flat_out(port, batch, BATCHES))
        yield {
            "figure": f"mlflow models serve: {BATCH:,} rows",
            "remark": f"{per_second * BATCH:,.0f} rows/s",
        }


def measure(folder: Path) -> None:
    """Writes the figures to api.json in the folder."""
    settings = Settings()
    release = open_current(settings.releases_uri, folder / "copy")
    names = release.model.transformation.features
    rows = rows_of(release.table("snapshots", names).slice(0, BATCH).to_pylist())
    found = [
        *ours(release, rows),
        *of_many(release, rows, folder),
        *mlflow(settings, release.manifest.about.model_version, rows),
    ]
    (folder / "api.json").write_text(json.dumps(found, indent=1, allow_nan=False))


if __name__ == "__main__":
    measure(Path(sys.argv[2]))
