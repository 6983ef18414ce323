"""A server of MongoDB's wire protocol for tests; see server/README.md."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2s
from pathlib import Path

SOURCE = Path(__file__).parent / "server"
VARIABLE = "CHURN_TEST_MONGODB"
BUILD_SECONDS, START_SECONDS = 900, 60


def program() -> Path | None:
    """The program, which is built if the variable asks for it; None where there is none."""
    parts = [(SOURCE / name).read_bytes() for name in ("main.go", "go.mod", "go.sum")]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "churn_assets"
    built = cache / f"mongodb-{blake2s(b''.join(parts), digest_size=6).hexdigest()}"
    if built.exists():
        return built
    if os.environ.get(VARIABLE) != "build" or shutil.which("go") is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    growing = built.with_suffix(".part")
    subprocess.run(
        ["go", "build", "-o", str(growing), "."],
        cwd=SOURCE,
        env=os.environ | {"GOFLAGS": "-buildvcs=false"},
        timeout=BUILD_SECONDS,
        check=True,
    )
    growing.rename(built)
    return built


@contextmanager
def server(built: Path, folder: Path) -> Iterator[str]:
    """Starts the program on a free port; yields the address of a database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [str(built), f"127.0.0.1:{port}", str(folder)], cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait(port, running, folder / "log")
        yield f"mongodb://127.0.0.1:{port}/shop"
    finally:
        running.terminate()
        running.wait(10)


def _wait(port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(START_SECONDS * 10):
        assert running.poll() is None, log.read_text(encoding="utf-8")
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))
